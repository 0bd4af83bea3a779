import type { Secret } from "../core/secret.ts";
import { CallError } from "../ports.ts";

/** The longest that one call may take, retries counted in. Turns reckon with it. */
const CALL_LIMIT_MS = 30_000;

const DENIED = /^(AccessDenied|AccessDeniedException|UnauthorizedOperation|AuthorizationError|NotAuthorized)/;
const ABSENT =
  /^(NoSuchEntity|NoSuchKey|AccountNotFound|ParameterNotFound|ParameterVersionNotFound|ResourceNotFoundException)/;
const PLAIN_CODE = /^[\w.:-]{1,80}$/;

/** A request that can be cancelled: the SDK's `client.send` with its command. */
export type Send<T> = (options: { readonly abortSignal: AbortSignal }) => Promise<T>;

/**
 * Makes one call, as the SDK's retries have it, within 30 seconds. Throws {@link CallError}, which never carries the SDK's own
 * error: that keeps the raw reply. `secrets` = what the request carries, in case AWS quotes it back.
 */
export async function call<T>(
  action: string,
  resource: string,
  send: Send<T>,
  secrets: readonly Secret[] = [],
): Promise<T> {
  try {
    return await send({ abortSignal: AbortSignal.timeout(CALL_LIMIT_MS) });
  } catch (error) {
    throw asCallError(action, resource, error, secrets);
  }
}

/** As {@link call}; null where what it is about does not exist. */
export async function callOrAbsent<T>(action: string, resource: string, send: Send<T>): Promise<T | null> {
  try {
    return await call(action, resource, send);
  } catch (error) {
    if (error instanceof CallError && error.kind === "absent") return null;
    throw error;
  }
}

function asCallError(action: string, resource: string, error: unknown, secrets: readonly Secret[]): CallError {
  const { name, code, message, status, isService } = look(error);
  if (!isService) return new CallError("unknown", action, resource, code ?? name, explain(code ?? name));
  const text = scrub(message, secrets);
  if (DENIED.test(name)) return new CallError("denied", action, resource, name, text);
  if (ABSENT.test(name)) return new CallError("absent", action, resource, name, text);
  return new CallError(status >= 500 ? "unknown" : "refused", action, resource, name, text);
}

interface Looked {
  readonly name: string;
  readonly code: string | null;
  readonly message: string;
  readonly status: number;
  /** AWS answered, and the SDK understood the answer. */
  readonly isService: boolean;
}

function look(error: unknown): Looked {
  if (!(error instanceof Error)) return { name: "Error", code: null, message: "", status: 0, isService: false };
  // The SDK's shape; every field is checked before it is used.
  const { $fault, $metadata, code } = error as Error & {
    $fault?: unknown;
    $metadata?: { httpStatusCode?: number };
    code?: unknown;
  };
  const status = $metadata?.httpStatusCode ?? 0;
  const name = PLAIN_CODE.test(error.name) ? error.name : "Error";
  const plain = typeof code === "string" && PLAIN_CODE.test(code) ? code : null;
  return {
    name,
    code: plain,
    message: error.message,
    status,
    isService: ($fault === "client" || $fault === "server") && status >= 400,
  };
}

/** What the code of an error means where nobody answered, in a few words. */
export function explain(code: string): string {
  switch (code) {
    case "AbortError":
    case "TimeoutError":
    case "ETIMEDOUT":
      return "no answer in time";
    case "ECONNREFUSED":
      return "nothing listens there";
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "the name of the endpoint could not be resolved";
    case "ECONNRESET":
    case "EPIPE":
      return "the connection broke";
    case "CERT_HAS_EXPIRED":
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
      return "the certificate of the endpoint is not trusted";
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return "the certificate of the endpoint is for another name";
    default:
      return "no usable answer";
  }
}

/** A server's own words without anything that was secret in the request, in one line. What is cut is cut last. */
export const scrub = (message: string, secrets: readonly Secret[]): string =>
  withoutSecrets(message, secrets).replaceAll(/\s+/g, " ").slice(0, 2000);

/** The text with `[secret]` wherever one of the secrets stands in it, also escaped or encoded. */
export function withoutSecrets(message: string, secrets: Iterable<Secret>): string {
  let text = message;
  for (const secret of secrets) {
    for (const form of formsOf(secret.reveal())) text = text.replaceAll(form, "[secret]");
  }
  return text;
}

/** A secret as it may be quoted: as it is, escaped, encoded, or somewhere inside an encoded text. */
function formsOf(secret: string): readonly string[] {
  if (secret === "") return [];
  const inside = [0, 1, 2].map((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), Buffer.from(secret)]).toString("base64");
    return encoded.slice(shift === 0 ? 0 : 4, -4);
  });
  const forms = [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret), ...inside];
  return forms.filter((form) => form.length >= 8);
}
