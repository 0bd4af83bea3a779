import { createCipheriv, createDecipheriv, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { Secret } from "../core/secret.ts";
import type { Instant } from "../core/time.ts";

/*
 * Fernet: version ‖ timestamp ‖ IV ‖ AES-128-CBC ‖ HMAC-SHA256, in URL-safe base64 with padding. The timestamp is written and
 * never judged: a mail may be opened years after it was sealed, and on a machine whose clock is wrong.
 * @see https://github.com/fernet/spec/blob/master/Spec.md
 */

const VERSION = 0x80;
const IV_AT = 9;
const TEXT_AT = 25;
const BLOCK = 16;
const MAC = 32;
const KEY_BYTES = 32;

/** A new key: 32 random bytes in base64, as Python's `Fernet.generate_key()` prints them. */
export const newFernetKey = (): Secret => new Secret(encode(randomBytes(KEY_BYTES)));

/** A text as a Fernet key; null where it is none. White space around it is passed over. */
export function asFernetKey(text: string): Secret | null {
  const trimmed = text.trim();
  return decode(trimmed)?.length === KEY_BYTES ? new Secret(trimmed) : null;
}

/** Encrypts a text. `at` = the time that the token names; `iv` is for tests alone: a second use of one under the same key tells what two texts have in common. */
export function sealToken(key: Secret, text: Secret, at: Instant, iv: Buffer = randomBytes(BLOCK)): string {
  const { signing, encryption } = halves(key);
  const head = Buffer.alloc(IV_AT);
  head.writeUInt8(VERSION, 0);
  head.writeBigUInt64BE(BigInt(Math.floor(at / 1000)), 1);
  const cipher = createCipheriv("aes-128-cbc", encryption, iv);
  const signed = Buffer.concat([head, iv, cipher.update(text.reveal(), "utf8"), cipher.final()]);
  return encode(Buffer.concat([signed, macOf(signing, signed)]));
}

/** Decrypts a token; null where it is none, was changed or cut, or belongs to another key: Fernet cannot tell these apart. */
export function openToken(key: Secret, token: string): Secret | null {
  const bytes = decode(token);
  if (bytes === null || bytes[0] !== VERSION) return null;
  const end = bytes.length - MAC;
  if (end < TEXT_AT + BLOCK || (end - TEXT_AT) % BLOCK !== 0) return null;
  const { signing, encryption } = halves(key);
  const signed = bytes.subarray(0, end);
  if (!timingSafeEqual(macOf(signing, signed), bytes.subarray(end))) return null;
  try {
    const decipher = createDecipheriv("aes-128-cbc", encryption, bytes.subarray(IV_AT, TEXT_AT));
    return new Secret(
      Buffer.concat([decipher.update(bytes.subarray(TEXT_AT, end)), decipher.final()]).toString("utf8"),
    );
  } catch {
    return null; // signed with the right key and padded wrongly: no Fernet has made that
  }
}

/** How many characters a token has, its padding left out, whose text fills this many blocks. */
export const tokenLength = (blocks: number): number => Math.ceil(((TEXT_AT + BLOCK * blocks + MAC) * 4) / 3);

/** Every token begins so until the year 2106: the version, and the upper half of the time. */
export const TOKEN_START = "gAAAAA";

function halves(key: Secret): { readonly signing: Buffer; readonly encryption: Buffer } {
  const bytes = decode(key.reveal());
  if (bytes?.length !== KEY_BYTES) throw new Error("not a Fernet key");
  return { signing: bytes.subarray(0, BLOCK), encryption: bytes.subarray(BLOCK) };
}

const macOf = (signing: Buffer, signed: Buffer): Buffer => createHmac("sha256", signing).update(signed).digest();

const encode = (bytes: Buffer): string => bytes.toString("base64").replaceAll("+", "-").replaceAll("/", "_");

/** Strict: URL-safe, padded, and with no bit set that carries nothing. Node's own decoder passes over whatever it does not know. */
function decode(text: string): Buffer | null {
  const bytes = Buffer.from(text, "base64url");
  return text !== "" && encode(bytes) === text ? bytes : null;
}
