import { openAccess } from "../aws/clients.ts";
import { AwsClock } from "../aws/clock.ts";
import { isAccessKeyId } from "../core/access-key.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import type { Secret } from "../core/secret.ts";
import { parseTarget } from "../core/target.ts";
import { asFernetKey } from "../seal/fernet-token.ts";
import type { ParsedSealer, SealerKind } from "../seal/kind.ts";
import { openAgeTexts, openFernetTexts } from "../seal/sealed-text.ts";
import { find } from "./settings.ts";

/** Every way to seal. */
const sealerKinds: Readonly<Record<string, () => Promise<SealerKind>>> = {
  age: async () => (await import("../seal/age.ts")).age,
  fernet: async () => (await import("../seal/fernet.ts")).fernet,
};

/** Reads `fernet`, `fernet:/folder?kmsKeyId=…`, `age`, `age:./recipients` or `none` (null). Throws {@link InvalidInput}. */
export async function parseSealer(text: string): Promise<ParsedSealer | null> {
  if (text === "none") return null;
  const target = parseTarget(text);
  return (await find(sealerKinds, target.kind, "encryption")).parse(target);
}

/** What opens a mail. */
export type Opener =
  | { readonly kind: "fernet"; readonly key: Secret }
  /** `identities` = the text of the file of that name. */
  | { readonly kind: "age"; readonly identities: Secret; readonly file: string };

/** Opens all that stands sealed in a text, in its order: at least one value. Throws {@link InvalidInput}. */
export const openSealed = async (text: string, opener: Opener): Promise<readonly Secret[]> =>
  opener.kind === "fernet" ? openFernetTexts(text, opener.key) : openAgeTexts(text, opener.identities, opener.file);

/** The key of a user's mails, where they name no other place; `version` null = the newest. */
export interface UsualPlace {
  readonly userName: string;
  readonly version: number | null;
}

/** Reads a Fernet key from Parameter Store: from `NAME`, `NAME:VERSION`, or the usual place. Throws {@link InvalidInput}. */
export async function fernetKeyFrom(
  place: string | UsualPlace,
  { profile, region }: { readonly profile: string | null; readonly region: string | null },
): Promise<Secret> {
  const { readFernetKey, usualParameter } = await import("../seal/fernet.ts");
  const name = typeof place === "string" ? place : usualParameter(place.userName, place.version);
  if (!/^\/?[A-Za-z0-9_.-]+(\/[A-Za-z0-9_.-]+)*(:[A-Za-z0-9_.-]+)?$/.test(name))
    throw new InvalidInput(
      `"${name}" is not a parameter and its version`,
      `it looks like ${usualParameter("ci-bot", 3)}`,
    );
  return readFernetKey(await openAccess(profile, region, new AwsClock()), name);
}

/** Takes a text for a Fernet key. `where` says where it comes from. Throws {@link InvalidInput}, which does not quote it. */
export function fernetKeyIn(text: Secret, where: string): Secret {
  const key = asFernetKey(text.reveal());
  if (key === null)
    throw new InvalidInput(`${where} is not a Fernet key`, "it has 44 characters, of which the last is =");
  return key;
}

/** Opened values as they are handed to whoever asked: a value a line, or one JSON document, which names them where they are a pair. */
export function openedText(values: readonly Secret[], format: "lines" | "json"): string {
  const texts = values.map((value) => value.reveal());
  if (format === "lines") return texts.join("\n");
  const [id = "", secret, ...more] = texts;
  const isPair = isAccessKeyId(id) && secret !== undefined && more.length === 0;
  const fields = isPair ? { AccessKeyId: id, SecretAccessKey: secret } : { values: texts };
  return JSON.stringify({ schema: "keyturn/decrypt/v1", ...fields }, null, 2);
}
