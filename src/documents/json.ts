import type { AccessKeyId, KeyPair } from "../core/access-key.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import type { Secret } from "../core/secret.ts";
import { type Fields, fillFields, keyIdIn, secretIn, userNameIn } from "./fields.ts";

type JsonObject = Readonly<Record<string, unknown>>;

/** What a document says of a key. Both null where it is empty or says nothing. */
export interface KeyInDocument {
  readonly accessKeyId: AccessKeyId | null;
  readonly secretAccessKey: Secret | null;
}

/** What a document says of a key, of its user, and besides. */
export interface UserDocument extends KeyInDocument {
  /** Whose key it is; null where no field says so. */
  readonly userName: string | null;
  /** The text of a field that says nothing of the key; null where there is no such field, or where it holds no text. */
  readonly other: (name: string) => string | null;
}

/** Reads a JSON document. `where` names it in the {@link InvalidInput} that is thrown where it is not a JSON object. */
export function readJson(text: string, fields: Fields, where: string): KeyInDocument {
  const lookUp = lookInto(text, where);
  return { accessKeyId: keyIdIn(fields, lookUp), secretAccessKey: secretIn(fields, lookUp) };
}

/** As {@link readJson}, with the user and other fields. */
export function readUserDocument(text: string, fields: Fields, where: string): UserDocument {
  const lookUp = lookInto(text, where);
  return {
    ...readJson(text, fields, where),
    userName: userNameIn(fields, lookUp),
    other: (name) => (fields.names.has(name) ? null : textOrNull(lookUp(name))),
  };
}

function lookInto(text: string, where: string): (name: string) => unknown {
  const document = parseObject(text, where);
  return (name) => (Object.hasOwn(document, name) ? document[name] : null);
}

const textOrNull = (value: unknown): string | null => (typeof value === "string" && value !== "" ? value : null);

/** The document with the key in its fields. What else stands in `before` (null: there is none yet) is kept. `constants` come first in an empty one. */
export function writeJson(
  before: string | null,
  fields: Fields,
  userName: string,
  pair: KeyPair,
  constants: JsonObject,
  where: string,
): string {
  const kept = before === null ? {} : parseObject(before, where);
  const document = Object.keys(kept).length === 0 ? constants : kept;
  return JSON.stringify({ ...document, ...Object.fromEntries(fillFields(fields, userName, pair)) }, null, 2);
}

/** The document without the fields that hold a key or what is made of it. The user and all else are kept. */
export function clearJson(before: string, fields: Fields, where: string): string {
  const isKept = ([name]: [string, unknown]) => (fields.names.get(name) ?? "userName") === "userName";
  return JSON.stringify(Object.fromEntries(Object.entries(parseObject(before, where)).filter(isKept)), null, 2);
}

/** An object without a prototype's surprises. An empty text is an empty document. */
function parseObject(text: string, where: string): JsonObject {
  if (text.trim() === "") return {};
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, which may be a secret.
    throw new InvalidInput(
      `${where} holds text that is not JSON`,
      "keyturn does not overwrite it: empty it, choose another target, or name the format",
    );
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw new InvalidInput(
      `${where} holds JSON that is not an object`,
      "keyturn does not overwrite it: empty it, or choose another target",
    );
  }
  return parsed as JsonObject; // an object that is neither null nor an array
}
