import { describe, expect, it } from "vitest";
import { InvalidInput } from "../../src/core/invalid-input.ts";
import { readHandedIn } from "../../src/documents/handed-in.ts";

const ID = "AKIAIOSFODNN7EXAMPLE";
const SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

describe("a key that is handed in", () => {
  it.each([
    ["the secret alone", SECRET, null],
    ["the secret alone, with a byte order mark and a line end", `\uFEFF${SECRET}\r\n`, null],
    [
      "what create-access-key prints",
      JSON.stringify({ AccessKey: { UserName: "a", AccessKeyId: ID, SecretAccessKey: SECRET } }),
      ID,
    ],
    ["a credential_process document", JSON.stringify({ Version: 1, AccessKeyId: ID, SecretAccessKey: SECRET }), ID],
    ["the console's file", `Access key ID,Secret access key\r\n${ID},${SECRET}\r\n`, ID],
    ["the console's file, with a byte order mark", `\uFEFFAccess key ID,Secret access key\n${ID},${SECRET}`, ID],
    ["a profile", `[default]\naws_access_key_id = ${ID}\naws_secret_access_key = ${SECRET}\n`, ID],
    ["shell lines", `export AWS_ACCESS_KEY_ID="${ID}"\nexport AWS_SECRET_ACCESS_KEY='${SECRET}'\n`, ID],
    ["lines without an id", `AWS_SECRET_ACCESS_KEY=${SECRET}`, null],
  ])("is read out of %s", (_, text, id) => {
    const { accessKeyId, secretAccessKey } = readHandedIn(text);
    expect(accessKeyId).toBe(id);
    expect(secretAccessKey?.reveal()).toBe(SECRET);
  });

  it.each([
    ["nothing", "", "nothing was handed in"],
    ["words", "please rotate my key", "no secret access key"],
    ["broken JSON", `{"SecretAccessKey": "${SECRET}"`, "begins like JSON"],
    [
      "temporary credentials",
      JSON.stringify({ AccessKeyId: ID, SecretAccessKey: SECRET, SessionToken: "x" }),
      "temporary",
    ],
    ["an id without its secret", `AWS_ACCESS_KEY_ID=${ID}`, "no secret access key"],
    ["an odd id", JSON.stringify({ AccessKeyId: "no/id", SecretAccessKey: SECRET }), "has not the form"],
  ])("is refused where it is %s, without quoting it", (_, text, message) => {
    let error: unknown;
    try {
      readHandedIn(text);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(InvalidInput);
    expect(String(error)).toContain(message);
    expect(`${String(error)} ${(error as InvalidInput).hint ?? ""}`).not.toContain(SECRET);
  });
});
