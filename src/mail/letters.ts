import type { MailKind, Words } from "./words.ts";

/** A mail before it has an address. */
export interface Letter {
  /** One line. */
  readonly subject: string;
  readonly text: string;
  /** Null where there is only text. */
  readonly html: string | null;
}

/** What a built-in mail says, from which both its parts are made. */
interface Content {
  readonly subject: string;
  readonly lead: string;
  /** Those without a value are left out. */
  readonly fields: readonly (readonly [label: string, value: string])[];
  readonly note: string;
}

/** The built-in mail of this kind. */
export function builtInLetter(kind: MailKind, words: Words): Letter {
  const content = CONTENTS[kind]((name) => words[name] ?? "");
  const user = words["user"] ?? "";
  const account = [["Account", words["accountName"] ?? ""] as const, ["User", user] as const];
  const fields = [...account, ...content.fields].filter(([, value]) => value !== "");
  const whole = { ...content, fields };
  return { subject: content.subject, text: asText(user, whole), html: asHtml(user, whole) };
}

const CONTENTS: Readonly<Record<MailKind, (word: (name: string) => string) => Content>> = {
  "new-key": (word) => ({
    subject: "New Access Key Pair",
    lead: "There is a new AWS access key pair for you. Please put it wherever the old one is in use.",
    fields: [
      ["Access Key", word("accessKeyId")],
      ["Secret Access Key", word("secretAccessKey")],
      ["Instruction", word("instruction")],
      ["How to open it", word("howToOpen")],
    ],
    note:
      word("howToOpen") === ""
        ? "The old access key goes on working for now, and will be switched off. Whoever reads this mail can use the new one: delete the mail once the key is where it belongs."
        : "The old access key goes on working for now, and will be switched off. Both values above are encrypted.",
  }),
  created: (word) => ({
    subject: "New Access Key Pair Created",
    lead: "A new AWS access key was made for this user. Its secret is not in this mail: it was delivered to where it is read from.",
    fields: [
      ["New Access Key", word("accessKeyId")],
      ["Old Access Key", word("predecessors")],
      ["Old one works until", word("until")],
    ],
    note: "Whatever still uses an old access key must change over to the new one.",
  }),
  deactivated: (word) => ({
    subject: "Old Access Key Pair Deactivated",
    lead: "The old AWS access key of this user no longer works. It is not deleted yet, and can be made Active again.",
    fields: oldAndNew(word),
    note: "If something stopped working, it still uses the old access key: give it the new one.",
  }),
  deleted: (word) => ({
    subject: "Old Access Key Pair Deleted",
    lead: "The old AWS access key of this user was deleted. It cannot be brought back.",
    fields: oldAndNew(word),
    note: "If something stopped working, it still used the old access key: give it the new one.",
  }),
  "still-in-use": (word) => ({
    subject: "Old Access Key Pair Still In Use",
    lead: "The old AWS access key of this user would be switched off, but something still uses it.",
    fields: [...oldAndNew(word), ["Last used", word("lastUsed")], ["Last used for", word("service")]],
    note: "Please find out what uses it, and give it the new access key.",
  }),
  "stops-working": (word) => ({
    subject: "Old Access Key Pair Stops Working",
    lead: `The old AWS access key of this user stops working at ${word("at")}.`,
    fields: [...oldAndNew(word), ["Stops working", word("at")]],
    note: "Whatever still uses the old access key must change over to the new one before that.",
  }),
  "address-changed": (word) => ({
    subject: "Access Key Pairs Will Go To Another Address",
    lead: "The address that new AWS access keys of this user are mailed to was changed. You get this mail because it was yours until now.",
    fields: [
      ["New address", word("address")],
      ["From", word("from")],
    ],
    note: "If nobody you know changed it, tell whoever is responsible for the AWS account before that moment.",
  }),
};

const oldAndNew = (word: (name: string) => string): Content["fields"] => [
  ["Old Access Key", word("accessKeyId")],
  ["New Access Key", word("successor")],
];

function asText(user: string, { lead, fields, note }: Content): string {
  const lines = fields.map(([label, value]) =>
    value.includes("\n") ? `${label}:\n\n${value}\n` : `${label}: ${value}`,
  );
  return [`Hello ${user},`, lead, lines.join("\n"), `Note: ${note}`, "This mail was sent by keyturn."].join("\n\n");
}

function asHtml(user: string, { subject, lead, fields, note }: Content): string {
  const rows = fields.map(
    ([label, value]) =>
      `<tr><th align="left" valign="top">${escapeHtml(label)}</th><td><code style="white-space: pre-wrap">${escapeHtml(value)}</code></td></tr>`,
  );
  return [
    "<!doctype html>",
    `<html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(subject)}</title></head><body>`,
    `<p>Hello ${escapeHtml(user)},</p>`,
    `<p>${escapeHtml(lead)}</p>`,
    `<table cellpadding="4">`,
    ...rows,
    "</table>",
    `<p><b>Note:</b> ${escapeHtml(note)}</p>`,
    "<p>This mail was sent by keyturn.</p>",
    "</body></html>",
  ].join("\n");
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** The text as it stands between tags, or in quotes inside one. */
export const escapeHtml = (text: string): string => text.replaceAll(/[&<>"']/g, (found) => ENTITIES[found] ?? "");
