import type { User } from "../core/access-key.ts";
import type { Notice, Owner } from "../core/owner.ts";
import { formatInstant } from "../core/time.ts";
import type { SealedPair } from "../ports.ts";
import type { MailAccount } from "./mailer.ts";

/** What a mail is about: a new key, or what a notice tells. */
export type MailKind = "new-key" | Notice["kind"];

/** The values of a kind's placeholders. What is not known, or does not apply, is empty. */
export type Words = Readonly<Record<string, string>>;

const COMMON = ["user", "path", "account", "accountAlias", "accountName"] as const;

/** The placeholders of each kind of mail. */
export const placeholders: Readonly<Record<MailKind, readonly string[]>> = {
  "new-key": [...COMMON, "accessKeyId", "secretAccessKey", "howToOpen", "instruction"],
  created: [...COMMON, "accessKeyId", "predecessors", "until"],
  deactivated: [...COMMON, "accessKeyId", "successor"],
  deleted: [...COMMON, "accessKeyId", "successor"],
  "still-in-use": [...COMMON, "accessKeyId", "successor", "service", "lastUsed"],
  "stops-working": [...COMMON, "accessKeyId", "successor", "at"],
  "address-changed": [...COMMON, "address", "from"],
};

/** The words of a new key: as it is, or sealed. Those of the pair may have several lines. */
export const wordsOfKey = (user: User, owner: Owner, account: MailAccount, pair: SealedPair): Words => ({
  ...commonWords(user, account),
  accessKeyId: pair.accessKeyId,
  secretAccessKey: pair.secretAccessKey,
  howToOpen: pair.howToOpen,
  instruction: oneLine(owner.instruction),
});

/** The words of a notice. */
export const wordsOfNotice = (user: User, notice: Notice, account: MailAccount): Words => ({
  ...commonWords(user, account),
  ...ownWords(notice),
});

function commonWords({ userName, path }: User, { id, alias }: MailAccount): Words {
  return {
    user: oneLine(userName),
    path: oneLine(path),
    account: id,
    accountAlias: alias ?? "",
    accountName: alias === null ? id : `${id} (${alias})`,
  };
}

function ownWords(notice: Notice): Words {
  switch (notice.kind) {
    case "created":
      return {
        accessKeyId: notice.accessKeyId,
        predecessors: notice.predecessors.join(", "),
        until: notice.until === null ? "" : formatInstant(notice.until),
      };
    case "deactivated":
    case "deleted":
      return { accessKeyId: notice.accessKeyId, successor: notice.successor ?? "" };
    case "still-in-use":
      return {
        accessKeyId: notice.accessKeyId,
        successor: notice.successor,
        service: oneLine(notice.service ?? ""),
        lastUsed: notice.lastUsed === null ? "" : formatInstant(notice.lastUsed),
      };
    case "stops-working":
      return { accessKeyId: notice.accessKeyId, successor: notice.successor, at: formatInstant(notice.at) };
    case "address-changed":
      return { address: oneLine(notice.address), from: formatInstant(notice.from) };
  }
}

/** Everything that ends a line somewhere, everything else that is not shown, and what turns the direction of text around. */
const NOT_SHOWN = /[\p{Cc}\p{Zl}\p{Zp}\u{202A}-\u{202E}\u{2066}-\u{2069}\u{FEFF}]+/gu;

/** The text in one line, whatever somebody wrote into it. */
export const oneLine = (text: string): string => text.replaceAll(NOT_SHOWN, " ").trim();
