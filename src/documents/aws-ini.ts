import { InvalidInput } from "../core/invalid-input.ts";

/*
 * The lines of the AWS CLI's and SDKs' shared files. There is no grammar that all of AWS's own tools agree on: the CLI reads with
 * Python's configparser, the SDKs each with a parser of their own. Both readings are taken here, line by line, and a line in
 * which they differ says so.
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
 */

/** One line, with its end, as AWS's tools read it. */
export type Row =
  | { readonly kind: "heading"; readonly text: string; readonly name: string }
  /** A heading to some and not to others, or of another name. `names` = all that it might be. */
  | { readonly kind: "disputed-heading"; readonly text: string; readonly names: readonly string[] }
  | {
      readonly kind: "setting";
      readonly text: string;
      /** In lower case, as the CLI has it. */
      readonly name: string;
      readonly value: string;
      readonly indent: string;
      /** Part of the value above it, and so no setting of the profile's own. Disputed also where not all take it for a setting. */
      readonly nested: "no" | "yes" | "disputed";
      /** To somebody it is a part of the value above it. */
      readonly continues: boolean;
    }
  /** Neither: blank, a comment, or text that no tool makes sense of. `continues` = to the CLI it belongs to the value above. */
  | { readonly kind: "other"; readonly text: string; readonly indent: string; readonly continues: boolean };

/** Text that one tool takes for the end of a line or for white space and another for a part of the value. */
// oxlint-disable-next-line no-control-regex -- control characters are what this looks for
const UNPRINTABLE = /\r(?!\n)|[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\u0085\u2028\u2029]/;

/** The lines of a file, in order; together they are the file. */
export function scan(text: string): readonly Row[] {
  const cursor = new Cursor();
  return linesOf(text).map((line, index) => cursor.read(line, index === 0));
}

const linesOf = (text: string): readonly string[] => text.split(/(?<=\n)/);

/** Throws {@link InvalidInput} for characters that AWS's tools do not agree about. `where` begins the message. */
export function checkCharacters(text: string, where: string): void {
  const bad = linesOf(text).findIndex((line) => UNPRINTABLE.test(line));
  if (bad < 0) return;
  throw new InvalidInput(
    `${where}: line ${bad + 1} holds a control character, or a carriage return alone`,
    "AWS's own tools read such a line differently: remove it",
  );
}

/** Where both ways of reading stand: the CLI's knows how deep the last setting stood, the SDK's whether its value was empty. */
class Cursor {
  #depth: number | null = null;
  #inEmpty = false;

  read(text: string, isFirst: boolean): Row {
    const body = isFirst ? text.replace(/^\uFEFF/, "") : text;
    const trimmed = body.trim();
    const indent = /^[^\S\n]*/.exec(body)?.[0] ?? "";
    if (trimmed === "" || /^[#;]/.test(trimmed)) return { kind: "other", text, indent, continues: false };
    const continues = this.#depth !== null && indent.length > this.#depth;
    if (trimmed.startsWith("[")) return this.#heading(text, body, continues);
    const equals = body.search(/[=:]/);
    if (equals < 0) return { kind: "other", text, indent, continues };
    if (!continues) this.#depth = indent.length;
    const { value, nested } = this.#toSdk(body, indent);
    // The CLI takes a colon for an equals sign; the SDKs do not.
    const disputed = body[equals] === ":" || continues !== nested;
    return {
      kind: "setting",
      text,
      name: body.slice(0, equals).trim().toLowerCase(),
      value,
      indent,
      nested: disputed ? "disputed" : continues ? "yes" : "no",
      continues: continues || nested,
    };
  }

  /** The SDKs nest whatever is indented after a setting without a value, until one that is not. */
  #toSdk(body: string, indent: string): { readonly value: string; readonly nested: boolean } {
    const nested = this.#inEmpty && indent !== "";
    const line = withoutComment(body);
    if (!line.includes("=")) return { value: "", nested };
    const value = line.slice(line.indexOf("=") + 1).trim();
    this.#inEmpty = value === "" || nested;
    return { value, nested };
  }

  #heading(text: string, body: string, continues: boolean): Row {
    const toSdk = /^\[(.*)\]$/.exec(withoutComment(body).trim())?.[1] ?? null;
    const toCli = continues ? null : (/^\[(.+)\]/.exec(body.trim())?.[1] ?? null);
    this.#inEmpty = false;
    if (!continues) this.#depth = null;
    // One that is indented is a heading only as long as nothing above it is less so.
    const isPlain = body.startsWith("[") && toSdk === toCli;
    if (toSdk !== null && isPlain) return { kind: "heading", text, name: toSdk };
    return { kind: "disputed-heading", text, names: [toSdk, toCli].filter((name) => name !== null) };
  }
}

/** The SDKs end a line at white space before a # or ; the CLI does not: its values keep such a comment. */
const withoutComment = (line: string): string => line.split(/(?:^|\s)[#;]/)[0] ?? "";

/** Neither blank nor a comment. */
export const isText = ({ kind, text }: Row): boolean => kind !== "other" || !/^\uFEFF?\s*(?:[#;]|$)/.test(text);
