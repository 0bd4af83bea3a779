import { expect, it } from "vitest";
import { Secret } from "../../src/core/secret.ts";
import { serverWords } from "../../src/mail/mail.ts";
import { CANARY } from "./mails.ts";

const WITHHELD = "its answer quoted what it must not";
const broken = (text: string, by: string) => text.replaceAll(/.{11}/g, (part) => `${part}${by}`);

it.each([
  ["as it is", CANARY, "[secret]"],
  ["over several lines", broken(CANARY, "\r\n"), WITHHELD],
  ["over several lines, quoted-printable", broken(CANARY, "=\r\n").replace(/=$/, "=3D"), WITHHELD],
  ["over several lines, in base64", broken(Buffer.from(`key: ${CANARY}`).toString("base64"), "\r\n"), WITHHELD],
  ["in part", `${CANARY.slice(0, 15)}…`, WITHHELD],
])("a server that quotes a secret %s is not quoted", (_, quoted, shown) => {
  const words = serverWords(`554 5.7.1 spam: ${quoted} thank you`, [new Secret(CANARY)]);
  expect(words).toContain(shown);
});

it("a short password is not quoted either, and other words are", () => {
  expect(serverWords("535 wrong password: hunter2", [new Secret("hunter2")])).toBe(WITHHELD);
  expect(serverWords("550-5.1.1 nobody\r\n550 5.1.1 of that name", [new Secret(CANARY)])).toBe(
    "550-5.1.1 nobody 550 5.1.1 of that name",
  );
});
