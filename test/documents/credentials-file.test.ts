import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { accessKeyId, type KeyPair } from "../../src/core/access-key.ts";
import { InvalidInput } from "../../src/core/invalid-input.ts";
import { Secret } from "../../src/core/secret.ts";
import { checkProfileName, lookUpInConfig, readProfile, writeProfile } from "../../src/documents/credentials-file.ts";
import { asTheCliReads, asTheSdkReads, botocoreMissing, type Read } from "../support/aws-readers.ts";

const NEW: KeyPair = {
  accessKeyId: accessKeyId("AKIANEWNEWNEWNEWNEW1"),
  secretAccessKey: new Secret("new/secret+AccessKey/0000000000000000001"),
};
const SECRET = NEW.secretAccessKey.reveal();
const write = (text: string, profile = "ci") => writeProfile(text, profile, NEW, "the file");
const read = (text: string, profile = "ci") => {
  const { accessKeyId: id, secretAccessKey } = readProfile(text, profile, "the file");
  return [id, secretAccessKey?.reveal() ?? null];
};

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    expect(error.message).toMatch(/^the file: /);
    expect(error.hint).not.toBeNull();
    return error.message.replace("the file: ", "");
  }
  throw new Error("it was not refused");
}

const WILD = `# made by hand, 2019
[default]
region=eu-west-1
aws_access_key_id=AKIADEFAULTDEFAULT01
aws_secret_access_key=default/secret

; the build
[ci]
# rotate me
  aws_access_key_id   =   AKIAOLDOLDOLDOLDOLD1   ; the old one
\taws_secret_access_key=old/secret==
[other]
s3 =
  aws_access_key_id = not-a-key
  max_concurrent_requests = 20
aws_secret_access_key = x`;

describe("a credentials file", () => {
  it("says which key a profile has, and its secret", () => {
    expect(read("[ci]\naws_access_key_id = AKIAOLDOLDOLDOLDOLD1\naws_secret_access_key = a/b+c==\n")).toEqual([
      "AKIAOLDOLDOLDOLDOLD1",
      "a/b+c==",
    ]);
    expect(read("", "ci")).toEqual([null, null]);
    expect(read("[other]\naws_access_key_id = AKIAOLDOLDOLDOLDOLD1\n")).toEqual([null, null]);
    expect(read("[ci]\nregion = eu-west-1\n")).toEqual([null, null]);
  });

  it("gets two new values, and keeps every other byte", () => {
    const text = WILD.replace("\taws_secret", "  aws_secret");
    expect(write(text)).toBe(
      text.replace("AKIAOLDOLDOLDOLDOLD1", NEW.accessKeyId).replace("old/secret==", () => SECRET),
    );
    expect(write(text, "default")).toBe(
      text.replace("AKIADEFAULTDEFAULT01", NEW.accessKeyId).replace("default/secret", () => SECRET),
    );
  });

  it.each([
    ["an empty file", "", `[ci]\nID\nSECRET\n`],
    ["a byte order mark alone", "\uFEFF", "\uFEFF[ci]\nID\nSECRET\n"],
    ["a file with another profile", "[a]\nx = 1\n", "[a]\nx = 1\n\n[ci]\nID\nSECRET\n"],
    ["a file that ends in an empty line", "[a]\nx = 1\n\n", "[a]\nx = 1\n\n[ci]\nID\nSECRET\n"],
    ["a file without an end of line", "[a]\nx = 1", "[a]\nx = 1\n\n[ci]\nID\nSECRET\n"],
    ["a file from Windows", "[a]\r\nx = 1\r\n", "[a]\r\nx = 1\r\n\r\n[ci]\r\nID\r\nSECRET\r\n"],
    ["a section without a key", "[ci]\nregion = x\n[a]\n", "[ci]\nID\nSECRET\nregion = x\n[a]\n"],
    ["a section that is indented", "[ci]\n  region = x\n", "[ci]\n  ID\n  SECRET\n  region = x\n"],
    ["a section that is empty", "[ci]", "[ci]\nID\nSECRET"],
    [
      "a section without the secret",
      "[ci]\naws_access_key_id=A\nx = 1\n",
      "[ci]\naws_access_key_id=NEW\nSECRET\nx = 1\n",
    ],
    ["a section without the id", "[ci]\r\naws_secret_access_key = s", "[ci]\r\nID\r\nSECRET"],
    [
      "values that are empty",
      "[ci]\naws_access_key_id=\naws_secret_access_key =\n",
      "[ci]\naws_access_key_id= NEW\nSECRET\n",
    ],
    [
      "names in capitals",
      "[ci]\nAWS_ACCESS_KEY_ID = A\nAws_Secret_Access_Key = s\n",
      "[ci]\nAWS_ACCESS_KEY_ID = NEW\nAws_Secret_Access_Key = NEWSECRET\n",
    ],
    [
      "a session token that was left behind",
      "[ci]\naws_access_key_id = A\naws_secret_access_key = s\naws_session_token = t==\naws_security_token = t\n# end\n",
      "[ci]\nID\nSECRET\n# end\n",
    ],
    [
      "a nested value of the same name",
      "[ci]\ns3 =\n  aws_access_key_id = x\nregion = y\n",
      "[ci]\nID\nSECRET\ns3 =\n  aws_access_key_id = x\nregion = y\n",
    ],
  ])("that is %s gets the key where it belongs", (_, before, after) => {
    const expected = after
      .replace(/\bID\b/, `aws_access_key_id = ${NEW.accessKeyId}`)
      .replace(/(?<!\w)SECRET/, () => `aws_secret_access_key = ${SECRET}`)
      .replace(/= ?NEW$/m, (text) => `${text.slice(0, -3)}${NEW.accessKeyId}`)
      .replace(/NEWSECRET/, () => SECRET);
    expect(write(before)).toBe(expected);
    expect(write(expected)).toBe(expected);
    expect(read(expected)).toEqual([NEW.accessKeyId, SECRET]);
  });

  it.each([
    ["[ci]\nregion = x\n[ci]\n", "[ci] stands twice (again in line 3)"],
    [
      "[ci]\naws_access_key_id = A\naws_access_key_id = B\n",
      "aws_access_key_id stands twice in [ci] (again in line 3)",
    ],
    [
      "[ci]\naws_access_key_id = A\nAWS_ACCESS_KEY_ID = B\n",
      "aws_access_key_id stands twice in [ci] (again in line 3)",
    ],
    ["[profile ci]\naws_access_key_id = A\n", 'the heading in line 1 says "profile"'],
    ["[ ci ]\n", "there is white space in the heading in line 1"],
    ["[ci]\n [b]\n", "line 2 is a heading to some AWS tools and not to others"],
    ["[ci];x\n", "line 1 is a heading to some AWS tools and not to others"],
    ["[ci]\n[oops\naws_access_key_id = A\n", "line 2 is a heading to some AWS tools and not to others"],
    ["[a]\nx = 1\n  [ci]\naws_access_key_id = A\n", "line 3 is a heading to some AWS tools and not to others"],
    ["[ci]\naws_access_key_id: A\n", "line 2 (aws_access_key_id) is read differently"],
    ["[ci]\nx = 1\n  aws_access_key_id = A\n", "line 3 (aws_access_key_id) is read differently"],
    ["[ci]\n  x =\n  aws_access_key_id = A\n", "line 3 (aws_access_key_id) is read differently"],
    ["[ci]\naws_access_key_id = A\n  B\n", "line 2 (aws_access_key_id, which goes on in the next line) is read"],
    ["[ci]\naws_access_key_id =\na: b\n  aws_access_key_id = A\n", "line 2 (aws_access_key_id, which goes on"],
    ["[ci]\naws_session_token =\n  b = c\n", "line 2 (aws_session_token, which goes on in the next line) is read"],
    [
      "[ci]\nrole_arn = a\n",
      "the profile ci does not get its credentials from a key in the credentials file: it has role_arn in line 2",
    ],
    ["[ci]\nSource_Profile = a\n", "it has source_profile in line 2"],
    ["[ci]\ncredential_process = a\n", "it has credential_process in line 2"],
    ["[ci]\nsso_session = a\n", "it has sso_session in line 2"],
    ["[ci]\nweb_identity_token_file = a\n", "it has web_identity_token_file in line 2"],
    [
      "[ci]\naws_access_key_id = ASIAXXXXXXXXXXXXXXXX\naws_session_token = t\n",
      "the profile ci holds temporary credentials",
    ],
    [
      "[DEFAULT]\naws_session_token = t\n[ci]\n",
      "[DEFAULT] in capitals lends its aws_session_token (line 2) to every profile",
    ],
    ["[ci]\r# old\r", "line 1 holds a control character, or a carriage return alone"],
    ["[ci]\nx\u0000 = 1\n", "line 2 holds a control character"],
  ])("that reads %j is refused, with the line", (text, message) => {
    expect(refusal(() => write(text))).toContain(message);
    expect(refusal(() => read(text))).toContain(message);
  });

  it("may say the profile's name with the word as well, which no tool reads", () => {
    const text = "[profile ci]\naws_access_key_id = A\n[ci]\n";
    expect(write(text).startsWith(text)).toBe(true);
  });

  it("may have anything in the profiles of others", () => {
    for (const other of [
      "[a]\n[a]\n",
      "[a]\nrole_arn = r\n",
      "[b]\n[a\nx: 1\n",
      "[a]\naws_access_key_id = 1\naws_access_key_id = 2\n",
    ]) {
      const text = `[ci]\naws_access_key_id = A\naws_secret_access_key = s\n${other}`;
      expect(write(text).endsWith(other)).toBe(true);
    }
  });

  it.each(["two words", "", "a]b", "a\nb", "ü", "DEFAULT", "__proto__", "a#b", "a=b"])("has no profile %j", (name) => {
    expect(refusal(() => checkProfileName(name, "the file"))).not.toBe("");
  });

  it("shows no secret in a refusal", () => {
    const text = "[ci]\naws_access_key_id = AKIAOLDOLDOLDOLDOLD1\naws_secret_access_key: canary/secret\n";
    expect(refusal(() => read(text))).not.toContain("canary");
  });
});

describe("a config file", () => {
  it.each([
    ["", null],
    ["[ci]\nrole_arn = r\n", null],
    ["[profile ci]\nregion = x\n", { obstacle: null, sourceProfile: null, holdsKey: false }],
    [
      '[profile "ci"]\nrole_arn = r\nsource_profile = base\n',
      { obstacle: "role_arn in line 2", sourceProfile: "base", holdsKey: false },
    ],
    [
      "[profile  ci]\nsso_start_url = r\n",
      { obstacle: "sso_start_url in line 2", sourceProfile: null, holdsKey: false },
    ],
    [
      "[profile a]\nrole_arn = r\n[profile ci]\naws_access_key_id = A\n[profile b]\nsso_session = s\n",
      { obstacle: null, sourceProfile: null, holdsKey: true },
    ],
    [
      "[profile ci]\naws_session_token = t\n",
      { obstacle: "aws_session_token in line 2", sourceProfile: null, holdsKey: false },
    ],
  ])("that reads %j says this of a profile", (text, expected) => {
    expect(lookUpInConfig(text, "ci")).toEqual(expected);
  });

  it("names the default profile with the word and without", () => {
    expect(lookUpInConfig("[default]\nrole_arn = r\n", "default")?.obstacle).toBe("role_arn in line 2");
    expect(lookUpInConfig("[profile default]\nrole_arn = r\n", "default")?.obstacle).toBe("role_arn in line 2");
  });
});

/* Whatever the file, AWS's own readers must find the new key, and everything else as it was. */

const indents = fc.constantFrom("", "", "", "  ", "    ", "\t");
const OURS = ["aws_access_key_id", "aws_secret_access_key", "aws_session_token"];
const names = fc.constantFrom(...OURS, ...OURS, "AWS_ACCESS_KEY_ID", "region", "s3", "output", "role_arn", "x y");
const equals = fc.constantFrom("=", " = ", " = ", "  =\t", " =", "= ", ":");
const values = fc.constantFrom("A", "AKIAOLDOLDOLDOLDOLD1", "a/b+c==", "", "v # note", "v;w", '"q"', "[x]", "= =", "ü");
const headings = fc.constantFrom("[ci]", "[ci]", "[a]", "[b]", "[default]", "[profile ci]", "[ci] # x", "[ ci ]", "[a");
const blanks = fc.constantFrom("", "  ", "# note", "; note", "  # [ci]", "no sense", "#aws_access_key_id = x");
const lines = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(indents, names, equals, values).map((parts) => parts.join("")) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom("", "", "", " "), headings).map((parts) => parts.join("")) },
  { weight: 2, arbitrary: blanks },
);
const wild = fc
  .tuple(
    fc.boolean(),
    fc.array(fc.tuple(lines, fc.constantFrom("\n", "\n", "\n", "\r\n")), { maxLength: 9 }),
    fc.boolean(),
  )
  .map(([mark, body, ends]) => {
    const text = body.map((parts) => parts.join("")).join("");
    return `${mark && text.length % 7 === 0 ? "\uFEFF" : ""}${ends ? text : text.replace(/\r?\n$/, "")}`;
  });

/** What was read, with the profile as it must be after the key was written. */
function withNewKey(before: Read): Read {
  const { aws_session_token: _, aws_security_token: __, ...kept } = before?.["ci"] ?? {};
  return {
    ...before,
    ci: { ...kept, aws_access_key_id: NEW.accessKeyId, aws_secret_access_key: SECRET },
  };
}

/** A comment behind a value is a part of it to the CLI, before and after. */
const uncommented = (files: Read): Read =>
  files?.["ci"] === undefined
    ? files
    : {
        ...files,
        ci: Object.fromEntries(Object.entries(files["ci"]).map(([k, v]) => [k, v.replace(/ # note$/, "")])),
      };

const isOurs = (line: string) => /^\s*(aws_access_key_id|aws_secret_access_key|aws_session_token)\s*=/i.test(line);

describe("whatever else is in it,", () => {
  const texts = fc.sample(wild, { numRuns: 4000, seed: 20261120 });
  const written = texts.flatMap((before) => {
    try {
      return [{ before, after: write(before) }];
    } catch (error) {
      if (error instanceof InvalidInput) return [];
      throw error;
    }
  });

  it("a good part of the files can be written", () => {
    expect(written.length).toBeGreaterThan(1000);
    expect(written.filter(({ before }) => /^\uFEFF?\[ci\]/m.test(before)).length).toBeGreaterThan(300);
  });

  it("the key is read back, written once or twice", () => {
    for (const { after } of written) {
      expect([after, ...read(after)]).toEqual([after, NEW.accessKeyId, SECRET]);
      expect(write(after)).toBe(after);
    }
  });

  it("every line that is not the key's stays, byte for byte and in its order", () => {
    for (const { before, after } of written) {
      const kept = after.replace("\uFEFF", "").split(/(?<=\n)/);
      let from = 0;
      for (const line of before
        .replace("\uFEFF", "")
        .split(/(?<=\n)/)
        .filter((each) => !isOurs(each) && each !== "")) {
        const place = kept.findIndex(
          (each, index) => index >= from && (each === line || each.replace(/\r?\n$/, "") === line),
        );
        expect({ before, after, line, found: place >= 0 }).toEqual({ before, after, line, found: true });
        from = place + 1;
      }
      const added = kept.length - before.split(/(?<=\n)/).length;
      expect(added).toBeLessThanOrEqual(4);
    }
  });

  it("the AWS SDK finds the new key, and all the rest as it was", async () => {
    for (const { before, after } of written.slice(0, 1000)) {
      const [was, is] = [await asTheSdkReads(before), await asTheSdkReads(after)];
      expect({ before, after, is }).toEqual({ before, after, is: withNewKey(was) });
    }
  });

  it.skipIf(botocoreMissing !== null)(
    `the AWS CLI finds the new key, and all the rest as it was ${botocoreMissing ?? ""}`,
    () => {
      const [was, is] = [
        asTheCliReads(written.map((each) => each.before)),
        asTheCliReads(written.map((each) => each.after)),
      ];
      let asked = 0;
      for (const [index, { before, after }] of written.entries()) {
        const [then, now] = [was[index] ?? null, is[index] ?? null];
        if (then === null) continue;
        asked += 1;
        expect({ before, after, is: uncommented(now) }).toEqual({
          before,
          after,
          is: withNewKey(uncommented(then)),
        });
      }
      expect(asked).toBeGreaterThan(400);
    },
  );
});
