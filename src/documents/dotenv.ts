import type { KeyPair } from "../core/access-key.ts";
import { type Fields, fillFields, keyIdIn, secretIn } from "./fields.ts";
import type { KeyInDocument } from "./json.ts";

const LINE = /^(\s*(?:export\s+)?)([A-Za-z_][A-Za-z0-9_]*)(\s*=\s*)(.*?)(\r?)$/;

/** Reads `NAME=value` lines; quotes around a value are taken off. Other lines are passed over. */
export function readDotenv(text: string, fields: Fields): KeyInDocument {
  const values = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, , name, , value] = LINE.exec(line) ?? [];
    if (name !== undefined && value !== undefined) values.set(name, unquote(value.trim()));
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
  const added = [...missing].map(([name, value]) => `${name}=${value}\n`).join("");
  if (added === "") return text;
  return `${text}${text === "" || text.endsWith("\n") ? "" : "\n"}${added}`;
}

const unquote = (value: string): string => /^(["'])(.*)\1$/s.exec(value)?.[2] ?? value;
