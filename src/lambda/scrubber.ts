import { withoutSecrets } from "../aws/call.ts";
import type { Parts } from "../compose.ts";
import { Secret } from "../core/secret.ts";
import type { Variables } from "./variables.ts";

/** What a function signs with. */
const OWN_SECRETS = ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] as const;

/**
 * Knows every secret that an invocation has had in its hands, and takes them out of what it is about to write. Secrets do not get
 * there by themselves; this is the net below. By value, because names and paths of fields say nothing about messages of errors.
 */
export class Scrubber {
  readonly #secrets = new Set<Secret>();

  constructor(variables: Variables) {
    for (const name of OWN_SECRETS) {
      const value = variables[name];
      if (value !== undefined && value !== "") this.learn(new Secret(value));
    }
  }

  learn(secret: Secret): void {
    this.#secrets.add(secret);
  }

  clean = (text: string): string => withoutSecrets(text, this.#secrets);

  /** The same parts; whatever secret comes out of them is known from then on. */
  watch = (parts: Parts): Parts => {
    const { iam, escrow, destinations } = parts;
    const heard = async <T extends Secret | null>(answer: Promise<T>): Promise<T> => {
      const secret = await answer;
      if (secret !== null) this.learn(secret);
      return secret;
    };
    return {
      ...parts,
      iam: {
        ...iam,
        createAccessKey: async (userName) => {
          const pair = await iam.createAccessKey(userName);
          this.learn(pair.secretAccessKey);
          return pair;
        },
      },
      escrow: escrow === null ? null : hearing(escrow, "take", heard),
      destinations: destinations.map((target) => ({
        ...target,
        open: (user, owner) => hearing(hearing(target.open(user, owner), "readSecret", heard), "recall", heard),
      })),
    };
  };
}

type Heard = <T extends Secret | null>(answer: Promise<T>) => Promise<T>;

/** The same object; one of its methods, where it has it, answers with a secret that is heard of. */
function hearing<T extends object>(whole: T, method: keyof T & string, heard: Heard): T {
  return new Proxy(whole, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      const answer = (...words: unknown[]): unknown => Reflect.apply(member, target, words);
      // The ports promise a secret, or null, from these methods.
      return name === method ? (...words: unknown[]) => heard(answer(...words) as Promise<Secret | null>) : answer;
    },
  });
}
