import { homedir } from "node:os";
import type { User } from "../core/access-key.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import type { Owner } from "../core/owner.ts";
import { Secret } from "../core/secret.ts";
import { checkOptions } from "../core/target.ts";
import type { Sealer } from "../ports.ts";
import { type Recipient, recipientsIn } from "./age-recipients.ts";
import type { SealerKind } from "./kind.ts";

/** age to the owner's public key: nothing that opens it is ever in AWS, or in the hands of whoever runs keyturn. */
export const age: SealerKind = {
  kind: "age",
  parse: (target) => {
    checkOptions(target, []);
    if (/[{}]/.test(target.name))
      throw new InvalidInput(
        `${target.text}: no placeholder can stand here`,
        "age:./recipients reads ./recipients/USER.txt",
      );
    const recipientsFrom = target.name === "" ? null : target.name.replace(/^~(?=\/)/, homedir());
    return { open: () => openAge({ recipientsFrom }), permissions: () => [] };
  },
};

const HINT = "an age recipient is a public key that begins with age1: age-keygen -y prints it";

/**
 * Seals to the recipients of a user, armored. `recipientsFrom` = a folder with a file a user (`USER.txt`), or one file for all
 * users; null = the recipient that the user's tag names. Where a place is given the tag does not count: whoever may tag a user
 * could otherwise read its keys.
 */
export function openAge({ recipientsFrom }: { readonly recipientsFrom: string | null }): Sealer {
  const encrypterFor = async (user: User, owner: Owner) =>
    encrypterOf(recipientsFrom === null ? [inTag(user, owner)] : await recipientsIn(recipientsFrom, user));
  return {
    label: "age",
    check: async (user, owner) => {
      await encrypterFor(user, owner);
    },
    seal: async (user, owner, pair) => {
      const [{ armor }, encrypter] = [await import("age-encryption"), await encrypterFor(user, owner)];
      const seal = async (text: Secret) => armor.encode(await encrypter.encrypt(text.reveal())).trimEnd();
      return {
        accessKeyId: await seal(new Secret(pair.accessKeyId)),
        secretAccessKey: await seal(pair.secretAccessKey),
        howToOpen: HOW_TO_OPEN,
      };
    },
    tidy: () => Promise.resolve(),
  };
}

const HOW_TO_OPEN = [
  "Both values are encrypted with age to your public key: nobody else can open them, whoever sent this mail included.",
  "With keyturn: keyturn decrypt --identity key.txt reads this mail, or both values, from standard input; key.txt is the file with your AGE-SECRET-KEY.",
  "Without: age --decrypt --identity key.txt opens one value, from its BEGIN line to its END line.",
].join("\n");

function inTag({ userName }: User, { recipient }: Owner): Recipient {
  if (recipient === null)
    throw new InvalidInput(`no age recipient is known for ${userName}`, `tag the user with one; ${HINT}`);
  return { text: recipient, place: `the age recipient in the tag of ${userName}` };
}

/** Throws {@link InvalidInput} that names the place of the first recipient that is none, and never quotes it: it may be a secret key. */
async function encrypterOf(recipients: readonly Recipient[]) {
  const { Encrypter } = await import("age-encryption");
  const encrypter = new Encrypter();
  for (const { text, place } of recipients) {
    if (/^AGE-SECRET-KEY-/i.test(text))
      throw new InvalidInput(`${place} is a secret key`, "put its public key there, and take a new one: age-keygen");
    try {
      encrypter.addRecipient(text);
    } catch {
      throw new InvalidInput(`${place} is not an age recipient`, HINT);
    }
  }
  return encrypter;
}
