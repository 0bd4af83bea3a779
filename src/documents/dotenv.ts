import type { KeyPair } from "../core/access-key.ts";
import { type Fields, fillFields, keyIdIn, secretIn } from "./fields.ts";
import type { KeyInDocument } from "./json.ts";

const LINE = /^(\s*(?:export\s+)?)([A-Za-z_][A-Za-z0-9_]*)([ \t]*=[ \t]*)(.*?)(\r?)$/;

/** Reads `NAME=value` lines, the last one of a name; quotes and a comment behind the value are taken off. */
export function readDotenv(text: string, fields: Fields): KeyInDocument {
  const values = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, , name, , value] = LINE.exec(line) ?? [];
    if (name !== undefined && value !== undefined) values.set(name, bare(value));
  }
  const lookUp = (name: string): unknown => values.get(name) ?? null;
  return { accessKeyId: keyIdIn(fields, lookUp), secretAccessKey: secretIn(fields, lookUp) };
}

/** The file with the key's lines replaced, or added at its end. Every other line is kept byte for byte. */
export function writeDotenv(before: string | null, fields: Fields, userName: string, pair: KeyPair): string {
  const missing = new Map(fillFields(fields, userName, pair));
  const all = new Map(missing);
  const lines = (before ?? "").split("\n").map((line) => {
    const [, lead, name, equals, , end] = LINE.exec(line) ?? [];
    const value = name === undefined ? undefined : all.get(name);
    if (name === undefined || value === undefined) return line;
    missing.delete(name);
    return `${lead ?? ""}${name}${equals ?? "="}${value}${end ?? ""}`;
  });
  const text = lines.join("\n");
  const end = text.includes("\r\n") ? "\r\n" : "\n";
  const added = [...missing].map(([name, value]) => `${name}=${value}${end}`).join("");
  if (added === "") return text;
  return `${text}${text === "" || text.endsWith("\n") ? "" : end}${added}`;
}

/** What a consumer takes from the text behind the equals sign. */
function bare(value: string): string {
  const quoted = /^(["'])(.*?)\1[ \t]*(?:#.*)?$/.exec(value)?.[2];
  return quoted ?? value.replace(/(?:^|[ \t])#.*$/, "").trim();
}
