import type { User } from "../../src/core/access-key.ts";
import type { Owner } from "../../src/core/owner.ts";
import { Secret } from "../../src/core/secret.ts";
import type { Mail } from "../../src/ports.ts";

export const CANARY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYCANARYKEY=";

export const OWNER: Owner = { address: "owner@example.com", instruction: "put it into the vault", recipient: null };

export const CI_BOT: User = { userName: "ci-bot", path: "/ci/", arn: "arn:aws:iam::123456789012:user/ci/ci-bot" };

/** A mail with a secret in both parts, which is so long that it is broken over lines on the way. */
export const mailWith = (changes: Partial<Mail> = {}): Mail => ({
  from: "keys@example.com",
  to: "owner@example.com",
  subject: "New Access Key Pair — für dich",
  text: `Hello,\n\n${"ä long line ".repeat(4)}${CANARY} and more\n.\n..\nend`,
  html: `<p>${"a long line ".repeat(5)}${CANARY}</p>`,
  secrets: [new Secret(CANARY)],
  ...changes,
});
