import { isAccessKeyId } from "../core/access-key.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import { Secret } from "../core/secret.ts";
import type { KeyInDocument } from "./json.ts";

const WAYS =
  "JSON as aws iam create-access-key prints it, the CSV file of the console, aws_access_key_id and aws_secret_access_key lines, or the secret alone";

/** @see https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKey.html for what a secret looks like: forty characters so far */
const SECRET = /^[A-Za-z0-9/+=]{30,128}$/;

/**
 * Reads a key that somebody hands in, in any of the forms in which AWS hands keys out. What it complains of it never quotes.
 * Throws {@link InvalidInput}.
 */
export function readHandedIn(text: string): KeyInDocument {
  const trimmed = text.replace(/^\uFEFF/, "").trim();
  if (trimmed === "") throw new InvalidInput("nothing was handed in", `on standard input: ${WAYS}`);
  if (SECRET.test(trimmed)) return { accessKeyId: null, secretAccessKey: new Secret(trimmed) };
  const values = trimmed.startsWith("{") ? fromJson(trimmed) : (fromCsv(trimmed) ?? fromLines(trimmed));
  const find = (...names: readonly string[]) =>
    names.map((name) => values.get(name)).find((value) => value !== undefined);
  if (find("sessiontoken", "awssessiontoken") !== undefined)
    throw new InvalidInput("these are temporary credentials", "only a user's own access key can be adopted");
  const secret = find("secretaccesskey", "awssecretaccesskey", "secret");
  if (secret === undefined || !SECRET.test(secret))
    throw new InvalidInput("no secret access key is in what was handed in", `it may be ${WAYS}`);
  const id = find("accesskeyid", "awsaccesskeyid", "key") ?? null;
  if (id !== null && !isAccessKeyId(id))
    throw new InvalidInput(
      "the access key id that was handed in has not the form of one",
      "it looks like AKIAIOSFODNN7EXAMPLE",
    );
  return { accessKeyId: id, secretAccessKey: new Secret(secret) };
}

/** Names are compared without case and punctuation: `Secret access key`, `aws_secret_access_key`, `SecretAccessKey`. */
const plainName = (name: string): string => name.toLowerCase().replaceAll(/[^a-z]/g, "");

function fromJson(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const collect = (value: unknown, depth: number) => {
    if (typeof value !== "object" || value === null || depth > 3) return;
    for (const [name, inner] of Object.entries(value)) {
      if (typeof inner === "string") found.set(plainName(name), inner);
      else collect(inner, depth + 1);
    }
  };
  try {
    collect(JSON.parse(text), 0);
  } catch {
    throw new InvalidInput("what was handed in begins like JSON, and is none", `it may be ${WAYS}`);
  }
  return found;
}

/** Two lines, the first with the names. */
function fromCsv(text: string): ReadonlyMap<string, string> | null {
  const [names, values, ...more] = text
    .split(/\r?\n/)
    .map((line) => line.split(",").map((cell) => cell.trim().replace(/^"(.*)"$/, "$1")));
  if (names === undefined || values === undefined || more.length > 0 || names.length < 2) return null;
  return new Map(names.map((name, index) => [plainName(name), values[index] ?? ""]));
}

const LINE = /^\s*(?:export\s+)?([A-Za-z_]+)\s*=\s*(["']?)(.*?)\2\s*$/;

function fromLines(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const [, name, , value] = LINE.exec(line) ?? [];
    if (name !== undefined && value !== undefined) found.set(plainName(name), value);
  }
  return found;
}
