import { describe, expect, it } from "vitest";
import { reasons } from "../../src/core/reasons.ts";
import { typed } from "../support/in-process.ts";

/** Where nothing answers: explaining needs no AWS. */
const NOWHERE = "http://127.0.0.1:9";
const explain = (...words: readonly string[]) => typed(["explain", ...words], NOWHERE);

describe("keyturn explain", () => {
  it("lists every code where none is given, in words and as a document", async () => {
    const { code, out } = await explain();
    expect(code).toBe(0);
    for (const each of Object.keys(reasons)) expect(out).toMatch(new RegExp(`^  ${each} `, "m"));
    const document = JSON.parse((await explain("--format", "json")).out) as {
      reasons: { code: string }[];
    };
    expect(document.reasons.map((each) => each.code)).toEqual(Object.keys(reasons));
  });

  it.each(["no-free-slot", "NO-FREE-SLOT", "blocked: no-free-slot"])(
    "takes a code as reports show it: %s",
    async (word) => {
      const { code, out, err } = await explain(word);
      expect([code, err]).toEqual([0, ""]);
      expect(out).toMatch(/^no-free-slot {2}\(a person has to do something\)\n/);
      expect(out).toContain("keyturn retire USER ID");
    },
  );

  it("says the same as a document", async () => {
    const document: unknown = JSON.parse((await explain("at-latest", "--format", "json")).out);
    expect(document).toMatchObject({
      schema: "keyturn/reason/v1",
      code: "at-latest",
      group: "act",
      meaning: reasons["at-latest"],
      settings: [{ name: "oldKey.deactivate.atLatest" }, { name: "oldKey.deactivate.remindAfter" }],
    });
  });

  it.each([
    ["no-free-solt", "did you mean no-free-slot"],
    ["predecesor", "did you mean predecessor-in-use"],
    ["constructor", "keyturn explain lists all of them"],
    ["", "keyturn explain lists all of them"],
  ])("ends with 2 for %j, and says what may be meant", async (word, hint) => {
    const { code, out, err } = await explain(word);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toContain(`error: there is no reason code "${word}"`);
    expect(err).toContain(`hint: ${hint}`);
  });
});
