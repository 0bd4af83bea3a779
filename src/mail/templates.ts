import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { InvalidInput } from "../core/invalid-input.ts";
import { nearest } from "../core/nearest.ts";
import { builtInLetter, escapeHtml, type Letter } from "./letters.ts";
import { type MailKind, oneLine, placeholders, type Words } from "./words.ts";

/** Makes a mail of what it is about. */
export interface Templates {
  readonly letter: (kind: MailKind, words: Words) => Letter;
}

/** Those that come with keyturn. */
export const builtInTemplates: Templates = { letter: builtInLetter };

/** One of somebody's own. */
interface OwnTemplate {
  readonly subject: string;
  readonly text: string;
  /** Null: mails have only text. */
  readonly html: string | null;
}

const LARGEST = 100_000;
const PLACEHOLDER = /\{\{([^{}]*)\}\}/g;

/** What a mail of a new key is for: one that lacks it would be a delivery of nothing. */
const NEEDED = ["accessKeyId", "secretAccessKey"];

/**
 * Reads a folder of templates: `KIND.txt`, whose first line is `Subject: …`, and beside it `KIND.html`, which may be left out. A
 * kind that is not there is mailed as it comes with keyturn. `isSealed` = keys are sealed. Throws {@link InvalidInput} for anything that
 * would not do: a placeholder or a file that there is not, a part without text, a mail that would lack the key.
 */
export function readTemplates(folder: string, isSealed: boolean): Templates {
  const names = list(folder).filter((name) => !name.startsWith(".") && name !== "README.md");
  if (names.length === 0) throw new InvalidInput(`the folder ${folder} holds no template`, `such as ${USUAL}`);
  const kinds = [...new Set(names.map((name) => kindOf(folder, name)))];
  const own = new Map(kinds.map((kind) => [kind, readTemplate(folder, kind, names, isSealed)]));
  return {
    letter: (kind, words) => {
      const template = own.get(kind);
      return template === undefined ? builtInLetter(kind, words) : fill(template, words);
    },
  };
}

const USUAL = "new-key.txt";

function list(folder: string): readonly string[] {
  try {
    return readdirSync(folder).toSorted();
  } catch (error) {
    throw new InvalidInput(`the templates in ${folder} cannot be read (${codeOf(error)})`, "name a folder of your own");
  }
}

const codeOf = (error: unknown): string => (error instanceof Error && "code" in error ? String(error.code) : "Error");

const isKind = (name: string): name is MailKind => Object.hasOwn(placeholders, name);

function kindOf(folder: string, name: string): MailKind {
  const [, kind = ""] = /^(.*)\.(?:txt|html)$/s.exec(name) ?? [];
  if (isKind(kind)) return kind;
  const names = Object.keys(placeholders).flatMap((each) => [`${each}.txt`, `${each}.html`]);
  const [near] = nearest(name, names);
  throw new InvalidInput(
    `${join(folder, oneLine(name))} is the template of no mail`,
    near === undefined
      ? `there are: ${Object.keys(placeholders).join(", ")}, each .txt and .html`
      : `did you mean ${near}?`,
  );
}

function readTemplate(folder: string, kind: MailKind, names: readonly string[], isSealed: boolean): OwnTemplate {
  const textFile = join(folder, `${kind}.txt`);
  const htmlFile = join(folder, `${kind}.html`);
  if (!names.includes(`${kind}.txt`))
    throw new InvalidInput(`${htmlFile} has no text beside it`, `add ${textFile}: every mail has a text part`);
  const [, subject, text] = /^Subject:[ \t]*(\S[^\n]*)\n\n(.*)$/s.exec(read(textFile)) ?? [];
  if (subject === undefined || text === undefined || text.trim() === "")
    throw new InvalidInput(`${textFile} does not begin with its subject`, "Subject: …, an empty line, and the text");
  const html = names.includes(`${kind}.html`) ? read(htmlFile) : null;
  checkSubject(textFile, kind, subject);
  checkPart(textFile, kind, text, isSealed);
  if (html !== null) {
    checkMarkup(htmlFile, html);
    checkPart(htmlFile, kind, html, isSealed);
  }
  return { subject, text, html };
}

function read(file: string): string {
  try {
    if (statSync(file).size > LARGEST) throw new InvalidInput(`${file} is larger than a template can be (100 kB)`);
    return new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(file)).replaceAll("\r\n", "\n");
  } catch (error) {
    if (error instanceof InvalidInput) throw error;
    throw new InvalidInput(`the template ${file} cannot be read (${codeOf(error)})`, "it is a text file in UTF-8");
  }
}

/** A subject is seen by everybody on the way, and kept in logs. */
function checkSubject(file: string, kind: MailKind, subject: string): void {
  checkPlaceholders(file, kind, subject);
  if (subject.includes("{{secretAccessKey}}"))
    throw new InvalidInput(`${file} has {{secretAccessKey}} in its subject`, "mail servers log subjects");
}

function checkPart(file: string, kind: MailKind, part: string, isSealed: boolean): void {
  checkPlaceholders(file, kind, part);
  if (kind !== "new-key") return;
  const missing = [...NEEDED, ...(isSealed ? ["howToOpen"] : [])].find((name) => !part.includes(`{{${name}}}`));
  if (missing !== undefined)
    throw new InvalidInput(`${file} lacks {{${missing}}}`, "whoever reads this part could not use the key");
}

function checkPlaceholders(file: string, kind: MailKind, part: string): void {
  const known = placeholders[kind];
  for (const [whole, name = ""] of part.matchAll(PLACEHOLDER)) {
    if (known.includes(name)) continue;
    const [near] = nearest(name, known);
    throw new InvalidInput(
      `${oneLine(whole)} in ${file} is not a placeholder of this mail`,
      near === undefined ? `there are: ${known.join(", ")}` : `did you mean {{${near}}}?`,
    );
  }
  if (/\{\{|\}\}/.test(part.replaceAll(PLACEHOLDER, "")))
    throw new InvalidInput(`braces in ${file} have no partner`, "a placeholder is written {{user}}");
}

/** Values are escaped for where text stands. Inside a tag, a script or a style other rules hold, and text from a tag could break out. */
function checkMarkup(file: string, html: string): void {
  const inside = /<[^>]*\{\{|<(script|style)\b(?:(?!<\/\1).)*\{\{/is.exec(html);
  if (inside !== null)
    throw new InvalidInput(`${file} has a placeholder inside a tag, a script or a style`, "put it between tags");
}

function fill({ subject, text, html }: OwnTemplate, words: Words): Letter {
  // In one pass: what a value holds is never taken for a placeholder.
  const filled = (part: string, as: (value: string) => string) =>
    part.replaceAll(PLACEHOLDER, (_, name: string) => as(words[name] ?? ""));
  return {
    subject: oneLine(filled(subject, oneLine)),
    text: filled(text, (value) => value),
    html: html === null ? null : filled(html, escapeHtml),
  };
}
