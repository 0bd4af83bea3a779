import { inspect } from "node:util";

/** What every secret of these tests begins with: it is found even where only a few characters were quoted, as parsers do. */
const STEM = "Canary+/";

/** A secret access key that is recognized wherever it turns up. It looks like AWS's: forty characters. */
export const canary = (number: number): string => `${STEM}${"X".repeat(27)}${String(number).padStart(5, "0")}`;

const bytes = Buffer.from(STEM);

/** The groups of four that stand in every encoded text with the stem in it, whatever stands before it. */
const inBase64 = (encoding: "base64" | "base64url"): readonly string[] =>
  [0, 1, 2].map((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString(encoding);
    const whole = Math.floor((shift + bytes.length) / 3) * 4;
    return text.slice(shift === 0 ? 0 : 4, whole);
  });

/** A secret in every form in which it could slip out. */
const FORMS: readonly string[] = [
  STEM,
  STEM.replace("/", String.raw`\/`),
  encodeURIComponent(STEM),
  STEM.replace("+", " "),
  ...inBase64("base64"),
  ...inBase64("base64url"),
  bytes.toString("hex"),
  (bytes.toString("hex").match(/../g) ?? []).join(" "),
  [...bytes].join(","),
  [...bytes].join(", "),
];

/** Whether any secret, or the beginning of one, stands in this text, in any form. */
export const tells = (text: string): boolean => {
  const lower = text.toLowerCase();
  return FORMS.some((form) => text.includes(form) || lower.includes(form.toLowerCase()));
};

/** Everything that printing a value could show: properties, causes, hidden ones, and what its own methods make of it. */
export function allOf(value: unknown): string {
  const deep = {
    depth: Infinity,
    showHidden: true,
    getters: true,
    maxStringLength: Infinity,
    maxArrayLength: Infinity,
  };
  const stack = value instanceof Error ? `${value.stack} ${allOf(value.cause)}` : "";
  return [inspect(value, deep), inspect(value, { ...deep, customInspect: false }), JSON.stringify(value), stack].join(
    "\n",
  );
}
