import { generateIdentity, identityToRecipient } from "age-encryption";
import { describe, expect, it } from "vitest";
import type { User } from "../../src/core/access-key.ts";
import { InvalidInput } from "../../src/core/invalid-input.ts";
import type { Owner } from "../../src/core/owner.ts";
import { Secret } from "../../src/core/secret.ts";
import { instant } from "../../src/core/time.ts";
import { openAge } from "../../src/seal/age.ts";
import { newFernetKey, sealToken } from "../../src/seal/fernet-token.ts";
import { openAgeTexts, openFernetTexts } from "../../src/seal/sealed-text.ts";
import { errorOf, expectNoSecret, freshPair, userNamed } from "../destinations/contract.ts";

const ID = "AKIAIOSFODNN7EXAMPLE";
const SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const key = newFernetKey();
const seal = (text: string) => sealToken(key, new Secret(text), instant(Date.UTC(2026, 10, 20)));
const [id, secret] = [seal(ID), seal(SECRET)];
const revealed = (values: readonly Secret[]) => values.map((value) => value.reveal());

/** As mail programs break a long word. */
const broken = (text: string, width: number, glue: string) =>
  (text.match(new RegExp(`.{1,${width}}`, "g")) ?? []).join(glue);

describe("Fernet texts are found in", () => {
  it.each<[string, string]>([
    ["two lines", `${id}\n${secret}`],
    ["lines of a mail", `Account: 1234\r\nAccess Key: ${id}\r\nSecret Access Key: ${secret}\r\nInstruction: none\r\n`],
    ["one line, with other words behind", `Access Key:${id} Secret Access Key ${secret} Instruction`],
    [
      "lines that a mail program broke",
      `Access Key: ${broken(id, 60, "\r\n")}\nSecret: ${broken(secret, 60, "\n  ")}\nEnd`,
    ],
    ["a quoted mail", `> Key: ${broken(id, 50, "\n> ")}\n> > Secret: ${broken(secret, 50, "\n> > ")}\n> Thanks`],
    [
      "quoted-printable source",
      `Key: ${broken(id.replaceAll("=", "=3D"), 70, "=\r\n")}\r\nSecret: ${broken(secret, 70, "=\r\n")}\r\n`,
    ],
    [
      "lines without their padding, and with invisible marks",
      `${id.replaceAll("=", "")}\u200B\n\uFEFF${broken(secret, 40, "\u00AD")}`,
    ],
  ])("%s", (_, text) => {
    expect(revealed(openFernetTexts(text, key))).toEqual([ID, SECRET]);
  });

  it.each<[string, string, string]>([
    ["", "there is no Fernet text", "begins with gAAAAA"],
    ["-----BEGIN AGE ENCRYPTED FILE-----", "there is no Fernet text", "--identity"],
    [`${id}\n${secret.slice(0, 100)}`, "text 2 does not open: it is cut", "last letter"],
    [secret.slice(0, 40), "text 1 is cut: it has 40 letters", "last letter"],
    [
      `${id}\n${sealToken(newFernetKey(), new Secret(SECRET), instant(0))}`,
      "text 2 does not open with this key",
      "version",
    ],
  ])("not in %j", async (text, message, hint) => {
    const error = await errorOf(async () => openFernetTexts(text, key));
    expect(error).toBeInstanceOf(InvalidInput);
    expect(error).toMatchObject({ message: expect.stringContaining(message), hint: expect.stringContaining(hint) });
    expectNoSecret(error, key.reveal(), SECRET);
  });

  it("nothing that keeps it busy", () => {
    const begun = performance.now();
    expect(() => openFernetTexts("gAAAAA".repeat(150_000), key)).toThrow(InvalidInput);
    expect(performance.now() - begun).toBeLessThan(2_000);
  });
});

describe("age texts", () => {
  const owner = (recipient: string): Owner => ({ address: "o@example.com", instruction: "", recipient });
  const user: User = userNamed("ci-bot");
  const sealed = async () => {
    const identity = await generateIdentity();
    const pair = freshPair();
    const texts = await openAge({ recipientsFrom: null }).seal(user, owner(await identityToRecipient(identity)), pair);
    return { identity, pair, texts };
  };

  it("open in a whole mail, quoted, indented or with other line ends", async () => {
    const { identity, pair, texts } = await sealed();
    const mail = `Access Key:\n${texts.accessKeyId}\n\nSecret Access Key:\n${texts.secretAccessKey}\nInstruction: none`;
    const file = new Secret(`# created: today\n# public key: age1\n${identity}\n`);
    for (const text of [
      mail,
      mail.replaceAll("\n", "\r\n"),
      mail.replaceAll("\n", "\n> "),
      mail.replaceAll("\n", "\n    "),
    ])
      expect(revealed(await openAgeTexts(text, file, "key.txt"))).toEqual([
        pair.accessKeyId,
        pair.secretAccessKey.reveal(),
      ]);
  });

  it("say what is wrong, and quote neither identity nor secret", async () => {
    const { identity, pair, texts } = await sealed();
    const good = texts.secretAccessKey;
    const other = await generateIdentity();
    const cases: readonly [string, string, string][] = [
      [good, other, "age text 1 is sealed for somebody else: no identity in key.txt opens it"],
      [`${good}\n${good.slice(0, 150)}`, identity, "age text 2 is cut"],
      [good.replace(/\n([A-Za-z0-9+/]{60})/, "\n"), identity, "age text 1 is damaged"],
      ["gAAAAA", identity, "there is no age text"],
      [good, `# nothing\n`, "key.txt holds no age identity"],
      [good, `${identity}\nAGE-SECRET-KEY-1WRONG`, "key.txt:2 is not an age identity"],
      [good, good, "key.txt is itself encrypted"],
    ];
    for (const [text, file, message] of cases) {
      const error = await errorOf(() => openAgeTexts(text, new Secret(file), "key.txt"));
      expect(error).toBeInstanceOf(InvalidInput);
      expect(error).toMatchObject({ message: expect.stringContaining(message) });
      expectNoSecret(error, identity, pair.secretAccessKey.reveal());
    }
  });
});
