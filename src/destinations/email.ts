import type { User } from "../core/access-key.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import type { Owner } from "../core/owner.ts";
import { checkOptions } from "../core/target.ts";
import type { Mailer } from "../mail/mailer.ts";
import { wordsOfKey } from "../mail/words.ts";
import type { Destination, SealedPair } from "../ports.ts";
import type { DestinationKind } from "./kind.ts";

/**
 * A mail to the user's owner. Delivered means: the mail server has accepted it. It cannot be read back, so the secret waits in an escrow
 * until then; a mail that was not accepted leaves everything as it was, and the next run sends the same key again.
 */
export const email: DestinationKind = {
  kind: "email",
  readable: false,
  isStream: false,
  needsMail: true,
  parse: (target) => {
    if (target.name !== "")
      throw new InvalidInput(
        `${target.text}: email has no target`,
        "write email alone: mails go to the owner that the user's tags name",
      );
    checkOptions(target, []);
    return {
      // Whoever sends notices needs the same ones: they come with the settings of mail.
      permissions: () => [],
      open: ({ mail }) => {
        // Settings without mail were refused before anything was opened.
        if (mail === null) throw new Error("email was opened without mail");
        return (user, owner) => mailTo(mail, user, owner);
      },
    };
  },
};

function mailTo(mailer: Mailer, user: User, owner: Owner | null): Destination {
  const { userName } = user;
  if (owner === null)
    throw new InvalidInput(
      `${userName} has no owner whom a key could be mailed to`,
      "tag the user: keyturn:email or IKR:EMAIL, with an address of mail.allowedDomains",
    );
  const { transport, sealer, templates, from } = mailer;
  return {
    // One person may own several users, each of whom has a mail of its own.
    label: `email:${owner.address} (${userName})`,
    tellsOwner: true,
    check: async () => {
      await transport.check();
      await sealer?.check(user, owner);
    },
    deliver: async (pair) => {
      const plain: SealedPair = {
        accessKeyId: pair.accessKeyId,
        secretAccessKey: pair.secretAccessKey.reveal(),
        howToOpen: "",
      };
      const readable = sealer === null ? plain : await sealer.seal(user, owner, pair);
      const letter = templates.letter("new-key", wordsOfKey(user, owner, await mailer.account(), readable));
      await transport.send({ from, to: owner.address, ...letter, secrets: [pair.secretAccessKey] });
    },
  };
}
