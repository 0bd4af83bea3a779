import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseTarget } from "../../src/core/target.ts";
import { readDotenv, writeDotenv } from "../../src/documents/dotenv.ts";
import { readFields } from "../../src/documents/fields.ts";
import { freshPair } from "../destinations/contract.ts";

const fields = readFields(parseTarget("file:.env"), { ID: "accessKeyId", KEY: "secretAccessKey" });
const pair = { ...freshPair(), accessKeyId: freshPair().accessKeyId };
const [id, key] = [pair.accessKeyId, pair.secretAccessKey.reveal()];

const write = (before: string | null) => writeDotenv(before, fields, "ci-bot", pair);
const idIn = (text: string) => readDotenv(text, fields).accessKeyId;
const secretIn = (text: string) => readDotenv(text, fields).secretAccessKey?.reveal() ?? null;

describe("a dotenv document", () => {
  it.each([
    ["nothing", null, `ID=${id}\nKEY=${key}\n`],
    ["an empty text", "", `ID=${id}\nKEY=${key}\n`],
    ["a last line without an end", "A=1", `A=1\nID=${id}\nKEY=${key}\n`],
    ["lines of its own", "# mine\nA=1\n\nB='2'\n", `# mine\nA=1\n\nB='2'\nID=${id}\nKEY=${key}\n`],
    ["Windows lines", "A=1\r\nID=x\r\nB=2\r\n", `A=1\r\nID=${id}\r\nB=2\r\nKEY=${key}\r\n`],
    ["a Windows line without a value", "ID=\r\nKEY=\r\n", `ID=${id}\r\nKEY=${key}\r\n`],
    ["a Windows line without an end", "A=1\r\nB=2", `A=1\r\nB=2\r\nID=${id}\r\nKEY=${key}\r\n`],
    ["no end after the key", `KEY=old\nID=old`, `KEY=${key}\nID=${id}`],
    ["export", "export ID=old\nexport  KEY=old\n", `export ID=${id}\nexport  KEY=${key}\n`],
    ["indented lines and spaces", "  ID = old\n\tKEY= old\n", `  ID = ${id}\n\tKEY= ${key}\n`],
    ["quotes", `ID="old"\nKEY='old'\n`, `ID=${id}\nKEY=${key}\n`],
    ["a name twice", "ID=one\nID=two\nKEY=x\n", `ID=${id}\nID=${id}\nKEY=${key}\n`],
    ["a commented name", "#ID=old\n# KEY=old\n", `#ID=old\n# KEY=old\nID=${id}\nKEY=${key}\n`],
    ["names that begin alike", "ID2=a\nMY_KEY=b\nid=c\n", `ID2=a\nMY_KEY=b\nid=c\nID=${id}\nKEY=${key}\n`],
    ["a byte order mark", "\uFEFFID=old\nKEY=old\n", `\uFEFFID=${id}\nKEY=${key}\n`],
    ["text that is no assignment", "a line\n=\nID\n", `a line\n=\nID\nID=${id}\nKEY=${key}\n`],
  ])("with %s keeps every other line byte for byte", (_, before, after) => {
    expect(write(before)).toBe(after);
    expect([idIn(after), secretIn(after)]).toEqual([id, key]);
  });

  it("written twice is as if written once", () => {
    expect(write(write("A=1\r\nKEY=x"))).toBe(write("A=1\r\nKEY=x"));
  });

  it.each([
    `ID=${id}`,
    `ID="${id}"`,
    `ID='${id}'`,
    `export ID=${id}`,
    `  ID =  ${id}  `,
    `ID=${id}\r`,
    `ID=${id} # of the mailer`,
    `ID="${id}" # of the mailer`,
    `ID=${id}\t#mailer`,
    `ID=AKIAIOSFODNN7EXAMPLE\nID=${id}`,
    `A=1\r\nID=${id}\r\nB=2`,
  ])("names the key that a consumer takes from %j", (text) => {
    expect(idIn(text)).toBe(id);
  });

  it.each(["", "ID=", "ID=#x", "ID=none", `#ID=${id}`, `XID=${id}`, `ID=${id} and more`, `ID="${id}`, `IDE=${id}`])(
    "names no key in %j",
    (text) => {
      expect(idIn(text)).toBeNull();
    },
  );

  it("holds no secret where the line of it is empty", () => {
    expect(secretIn(`ID=${id}\nKEY=\n`)).toBeNull();
    expect(secretIn(`ID=${id}\nKEY=""\n`)).toBeNull();
    expect(secretIn(`ID=${id}\nKEY=${key}\n`)).toBe(key);
  });

  it("of any text keeps all lines that are not the key's, in their order", () => {
    const line = fc.oneof(
      fc.string({ unit: "binary" }).map((text) => text.replaceAll(/[\r\n]/g, "")),
      fc.constantFrom("ID=old", "export KEY='old'", "# ID=old", "A=1", ""),
    );
    const texts = fc.tuple(fc.array(line), fc.constantFrom("\n", "\r\n"), fc.boolean());
    fc.assert(
      fc.property(texts, ([lines, end, ends]) => {
        const before = lines.join(end) + (ends ? end : "");
        const after = write(before);
        expect(othersIn(after)).toBe(othersIn(before));
        expect([idIn(after), secretIn(after)]).toEqual([id, key]);
        expect(write(after)).toBe(after);
      }),
      { numRuns: 500 },
    );
  });
});

/** The lines that are not the key's, without the line ends that a new last line may need. */
const othersIn = (text: string): string =>
  text
    .split(/\r?\n/)
    .filter((line) => !/^\s*(?:export\s+)?(ID|KEY)[ \t]*=/.test(line))
    .join("\n")
    .trimEnd();
