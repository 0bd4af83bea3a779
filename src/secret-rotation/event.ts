import { InvalidInput } from "../core/invalid-input.ts";
import { Secret } from "../core/secret.ts";

const STEPS = ["createSecret", "setSecret", "testSecret", "finishSecret"] as const;

/** One of the four calls that make a rotation. */
export type Step = (typeof STEPS)[number];

/** What Secrets Manager calls a rotation function with. */
export interface RotationEvent {
  readonly step: Step;
  /** The ARN, or the name, of the secret. */
  readonly secretId: string;
  /** The `ClientRequestToken`: names the rotation, and is the id of the version that it makes. */
  readonly token: string;
  /** Proves that a call belongs to this rotation; null where the service gave none. Never logged. */
  readonly rotationToken: Secret | null;
}

/**
 * Reads an event. Throws {@link InvalidInput} for whatever is not one, an unknown step among it: a step that nobody performs
 * must not pass for done.
 * @see https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
 */
export function readEvent(event: unknown): RotationEvent {
  const fields = typeof event === "object" && event !== null ? (event as Readonly<Record<string, unknown>>) : {}; // any object may be looked into
  const text = (name: string): string | null => {
    const value = Object.hasOwn(fields, name) ? fields[name] : null;
    return typeof value === "string" && value !== "" ? value : null;
  };
  const step = text("Step");
  const secretId = text("SecretId");
  const token = text("ClientRequestToken");
  const rotationToken = text("RotationToken");
  if (step === null || secretId === null || token === null)
    throw new InvalidInput(
      "the event is not one of a rotation: it needs Step, SecretId and ClientRequestToken",
      "set this function as the secret's rotation function, and let Secrets Manager call it",
    );
  if (!/^[\x21-\x7e]{1,2048}$/.test(secretId)) throw new InvalidInput("the event's SecretId is no name of a secret");
  if (!/^[\w-]{32,64}$/.test(token)) throw new InvalidInput("the event's ClientRequestToken is no id of a version");
  return {
    step: knownStep(step),
    secretId,
    token,
    rotationToken: rotationToken === null ? null : new Secret(rotationToken),
  };
}

function knownStep(text: string): Step {
  const step = STEPS.find((each) => each === text);
  if (step === undefined)
    throw new InvalidInput(
      `there is no step ${JSON.stringify(text.slice(0, 40))} in a rotation`,
      `the steps are ${STEPS.join(", ")}`,
    );
  return step;
}
