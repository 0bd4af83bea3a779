import type { Mailer } from "../mail/mailer.ts";
import { wordsOfNotice } from "../mail/words.ts";
import type { Notifier } from "../ports.ts";

/** Mails to owners about their users' keys: never with a secret. */
export const emailNotifier = ({ transport, templates, from, account }: Mailer): Notifier => ({
  label: `email (${transport.label})`,
  notify: async ({ user, owner, notice }) => {
    const letter = templates.letter(notice.kind, wordsOfNotice(user, notice, await account()));
    await transport.send({ from, to: owner.address, ...letter, secrets: [] });
  },
});
