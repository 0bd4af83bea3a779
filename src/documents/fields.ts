import { createHmac } from "node:crypto";
import { type AccessKeyId, isAccessKeyId, type KeyPair } from "../core/access-key.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import { Secret } from "../core/secret.ts";
import type { Target } from "../core/target.ts";

const VALUES = ["accessKeyId", "secretAccessKey", "userName", "sesSmtpPassword"] as const;

/** What a field of a document can hold. */
export type FieldValue = (typeof VALUES)[number];

/** Which field holds what. */
export interface Fields {
  readonly names: ReadonlyMap<string, FieldValue>;
  /** Of the SES endpoint, where a field holds an SMTP password. */
  readonly sesRegion: string | null;
  /** Of the fields that name a region of their own, so that one document can hold passwords for several. */
  readonly sesRegions?: ReadonlyMap<string, string>;
}

export const isFieldOption = (name: string): boolean => name.startsWith("field.") || name === "sesRegion";

/** An SMTP password with a region of its own, as in `sesSmtpPassword:eu-west-1`. */
const OWN_REGION = /^sesSmtpPassword:([a-z][a-z0-9-]*)$/;

/**
 * The fields that a target asks for by `field.NAME=VALUE`, or `defaults`. The key id must be among them, and so must a secret:
 * without the id nobody can tell what a destination serves. Throws {@link InvalidInput}.
 */
export function readFields({ options, text }: Target, defaults: Readonly<Record<string, FieldValue>>): Fields {
  const asked = [...options].filter(([name]) => name.startsWith("field."));
  const names = new Map(
    asked.length === 0
      ? Object.entries(defaults)
      : asked.map(([name, value]) => [name.slice(6), fieldValue(value, text)]),
  );
  const values = [...names.values()];
  const sesRegion = options.get("sesRegion") ?? null;
  const sesRegions = new Map(
    asked.flatMap(([name, value]) => {
      const region = OWN_REGION.exec(value)?.[1];
      return region === undefined ? [] : [[name.slice(6), region] as const];
    }),
  );
  if ([...names.keys()].includes(""))
    throw new InvalidInput(`${text}: a field has no name`, "write field.NAME=accessKeyId");
  if (!values.includes("accessKeyId"))
    throw new InvalidInput(`${text}: no field holds the accessKeyId`, "add field.NAME=accessKeyId");
  if (!values.includes("secretAccessKey") && !values.includes("sesSmtpPassword")) {
    throw new InvalidInput(`${text}: no field holds a secret`, "add field.NAME=secretAccessKey");
  }
  const passwords = values.filter((value) => value === "sesSmtpPassword").length;
  if (passwords > sesRegions.size && sesRegion === null) {
    throw new InvalidInput(
      `${text}: an SMTP password is made for one region of SES`,
      "add sesRegion=eu-west-1, or whichever it is",
    );
  }
  return { names, sesRegion, sesRegions };
}

function fieldValue(text: string, target: string): FieldValue {
  if (OWN_REGION.test(text)) return "sesSmtpPassword";
  const value = VALUES.find((each) => each === text);
  if (value === undefined)
    throw new InvalidInput(`${target}: "${text}" is nothing that a field can hold`, `one of: ${VALUES.join(", ")}`);
  return value;
}

/** The fields filled in for one key. The values are open: write them and let them go. */
export function fillFields(
  { names, sesRegion, sesRegions }: Fields,
  userName: string,
  pair: KeyPair,
): ReadonlyMap<string, string> {
  const secret = pair.secretAccessKey.reveal();
  return new Map(
    [...names].map(([name, value]) => {
      switch (value) {
        case "accessKeyId":
          return [name, pair.accessKeyId];
        case "secretAccessKey":
          return [name, secret];
        case "userName":
          return [name, userName];
        case "sesSmtpPassword":
          return [name, sesSmtpPassword(secret, sesRegions?.get(name) ?? sesRegion ?? "")];
      }
    }),
  );
}

/** What must not show when these fields are written: the secret, and what is derived from it. */
export function secretsOf(fields: Fields, userName: string, pair: KeyPair): readonly Secret[] {
  const derived = [...fillFields(fields, userName, pair)].filter(
    ([name]) => fields.names.get(name) === "sesSmtpPassword",
  );
  return [pair.secretAccessKey, ...derived.map(([, value]) => new Secret(value))];
}

/** The key that a document names; null where it names none. */
export function keyIdIn({ names }: Fields, document: (name: string) => unknown): AccessKeyId | null {
  for (const [name, value] of names) {
    const text = value === "accessKeyId" ? document(name) : null;
    if (typeof text === "string" && isAccessKeyId(text)) return text;
  }
  return null;
}

/** The user that a document names; null where it names none. */
export function userNameIn({ names }: Fields, document: (name: string) => unknown): string | null {
  for (const [name, value] of names) {
    const text = value === "userName" ? document(name) : null;
    if (typeof text === "string" && text !== "") return text;
  }
  return null;
}

/** The secret of the key that a document names; null where it holds none, or only one derived from it. */
export function secretIn({ names }: Fields, document: (name: string) => unknown): Secret | null {
  for (const [name, value] of names) {
    const text = value === "secretAccessKey" ? document(name) : null;
    if (typeof text === "string" && text !== "") return new Secret(text);
  }
  return null;
}

/**
 * The SMTP password of SES for a key (version 4): an HMAC chain over fixed words, good for one region.
 * @see https://docs.aws.amazon.com/ses/latest/dg/smtp-credentials.html
 */
export function sesSmtpPassword(secretAccessKey: string, region: string): string {
  const words = ["11111111", region, "ses", "aws4_request", "SendRawEmail"];
  const signature = words.reduce<Buffer>(
    (key, word) => createHmac("sha256", key).update(word).digest(),
    Buffer.from(`AWS4${secretAccessKey}`),
  );
  return Buffer.concat([Buffer.from([4]), signature]).toString("base64");
}
