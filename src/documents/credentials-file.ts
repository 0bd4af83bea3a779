import type { KeyPair } from "../core/access-key.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import { checkCharacters, isText, type Row, scan } from "./aws-ini.ts";
import { type Fields, fillFields, keyIdIn, secretIn } from "./fields.ts";
import type { KeyInDocument } from "./json.ts";

/*
 * The shared credentials file of the AWS CLI and SDKs, of which one profile is read or written and everything else is kept
 * byte for byte. Where AWS's own tools would read a line that concerns the profile differently, the file is refused with the
 * number of the line: nobody could say which key is served.
 */

const ID = "aws_access_key_id";
const SECRET = "aws_secret_access_key";
const FIELDS: Fields = {
  names: new Map([
    [ID, "accessKeyId"],
    [SECRET, "secretAccessKey"],
  ]),
  sesRegion: null,
};

/** What belongs to temporary credentials; the second is the CLI's older name for the first. */
const TOKENS: readonly string[] = ["aws_session_token", "aws_security_token"];

/** Settings by which a profile gets its credentials from elsewhere; what begins with `sso_` does too. */
const ELSEWHERE: readonly string[] = [
  "role_arn",
  "source_profile",
  "credential_source",
  "web_identity_token_file",
  "credential_process",
  "login_session",
];

const isElsewhere = (name: string): boolean => ELSEWHERE.includes(name) || name.startsWith("sso_");

const isOfInterest = (name: string): boolean =>
  name === ID || name === SECRET || TOKENS.includes(name) || isElsewhere(name);

/**
 * Names that every AWS tool takes in a heading. `DEFAULT` in capitals would be read by the CLI as defaults for every profile;
 * `__proto__` makes the SDK for JavaScript refuse the whole file.
 */
const PROFILE_NAME = /^[\w.@+%:/-]+$/;

/** Throws {@link InvalidInput} where a profile cannot have this name. `where` begins the message. */
export function checkProfileName(profile: string, where: string): void {
  if (!PROFILE_NAME.test(profile)) {
    throw new InvalidInput(
      `${where}: "${profile}" cannot be the name of a profile that every AWS tool reads`,
      "letters, digits and . _ - @ + % : / only, no spaces",
    );
  }
  if (profile === "DEFAULT" || profile === "__proto__") {
    const why = profile === "DEFAULT" ? "sets defaults for every profile" : "makes AWS SDKs refuse the whole file";
    throw new InvalidInput(`${where}: a section [${profile}] ${why}`, "choose another name, such as default");
  }
}

/**
 * The key of one profile; both parts null where there is no such profile, or no key in it. `where` names the file in the
 * {@link InvalidInput} that is thrown where nobody can tell what is served, or where the profile is not made of a key.
 */
export function readProfile(text: string, profile: string, where: string): KeyInDocument {
  checkCharacters(text, where);
  const section = sectionOf(scan(text), profile, where);
  const lookUp = (name: string): unknown => section?.settings.get(name)?.value ?? null;
  return { accessKeyId: keyIdIn(FIELDS, lookUp), secretAccessKey: secretIn(FIELDS, lookUp) };
}

/**
 * The text with this key in the profile. Only the two values change; a session token beside them goes, for the pair would be
 * refused with it. A profile that is not there is added at the end, lines that are missing below the heading. Throws as
 * {@link readProfile} does.
 */
export function writeProfile(before: string, profile: string, pair: KeyPair, where: string): string {
  checkCharacters(before, where);
  const rows = scan(before);
  const section = sectionOf(rows, profile, where);
  const values = [...fillFields(FIELDS, "", pair)];
  if (section === null) return append(before, [`[${profile}]`, ...values.map(([name, value]) => `${name} = ${value}`)]);
  const lines = rows.map((row) => row.text);
  for (const [name, value] of values) {
    const setting = section.settings.get(name);
    if (setting !== undefined) lines[setting.row] = withValue(lines[setting.row] ?? "", value);
  }
  for (const token of TOKENS) {
    const setting = section.settings.get(token);
    if (setting !== undefined) lines[setting.row] = "";
  }
  insertMissing(lines, section, new Map(values), endOfLine(before));
  return lines.join("");
}

/** What the `config` file says of a profile. */
export interface ProfileInConfig {
  /** The setting, and its line, that keeps a key in the credentials file from being used; null where none does. */
  readonly obstacle: string | null;
  /** The profile that it takes its credentials from, where it names one. */
  readonly sourceProfile: string | null;
  /** It holds a key itself. */
  readonly holdsKey: boolean;
}

/** Looks a profile up in a `config` file, which names it `[profile NAME]`, but for `[default]`. Null where it has none. */
export function lookUpInConfig(text: string, profile: string): ProfileInConfig | null {
  let found: ProfileInConfig | null = null;
  let within = false;
  for (const [index, row] of scan(text).entries()) {
    if (row.kind === "heading") {
      within = prefixedName(row.name) === profile || (profile === "default" && row.name === "default");
      if (within) found ??= { obstacle: null, sourceProfile: null, holdsKey: false };
    }
    if (!within || found === null || row.kind !== "setting" || row.nested === "yes") continue;
    const { name, value } = row;
    if (isElsewhere(name) || TOKENS.includes(name))
      found = { ...found, obstacle: found.obstacle ?? `${name} in line ${index + 1}` };
    if (name === "source_profile") found = { ...found, sourceProfile: value };
    if (name === ID) found = { ...found, holdsKey: true };
  }
  return found;
}

/** The name behind the word `profile`; null for another heading. */
const prefixedName = (heading: string): string | null => /^profile\s+(["']?)(.*)\1$/.exec(heading)?.[2] ?? null;

interface SettingInFile {
  readonly row: number;
  readonly value: string;
  readonly indent: string;
}

interface Section {
  /** The row of the heading. */
  readonly heading: number;
  /** The indentation of its first setting. */
  readonly indent: string;
  readonly settings: ReadonlyMap<string, SettingInFile>;
}

/** The profile's section, if there is one. Throws {@link InvalidInput} where it is not plainly a key, and nothing but a key. */
function sectionOf(rows: readonly Row[], profile: string, where: string): Section | null {
  checkHeadings(rows, profile, where);
  const heading = rows.findIndex((row) => row.kind === "heading" && row.name === profile);
  if (heading < 0) return null;
  const after = rows.slice(heading + 1);
  const length = after.findIndex((row) => row.kind === "heading" || row.kind === "disputed-heading");
  const body = length < 0 ? after : after.slice(0, length);
  const settings = new Map<string, SettingInFile>();
  for (const [index, row] of body.entries()) {
    if (row.kind !== "setting" || row.nested === "yes" || !isOfInterest(row.name)) continue;
    const place = heading + 1 + index;
    if (row.nested === "disputed") throw disputed(place, row.name, where);
    if (settings.has(row.name)) throw twice(`${row.name} stands twice in [${profile}]`, place, where);
    if (isElsewhere(row.name)) throw elsewhere(profile, `${row.name} in line ${place + 1}`, where);
    if (isContinued(row.value, body.slice(index + 1)))
      throw disputed(place, `${row.name}, which goes on in the next line`, where);
    settings.set(row.name, { row: place, value: row.value, indent: row.indent });
  }
  if (settings.get(ID)?.value.startsWith("ASIA") === true) throw temporary(profile, where);
  const first = body.find(isText);
  return { heading, indent: first !== undefined && "indent" in first ? first.indent : "", settings };
}

/**
 * Whether what comes after a setting is, to anybody, a part of its value. After one without a value that may be any later line:
 * to the SDKs it ceases to be when the value comes.
 */
function isContinued(value: string, after: readonly Row[]): boolean {
  const [next, ...later] = after.filter(isText);
  const concerned = value === "" ? [next, ...later] : [next];
  return concerned.some((row) => row !== undefined && "continues" in row && row.continues);
}

/** Headings that might be the profile's, and settings that the CLI would lend to every profile. */
function checkHeadings(rows: readonly Row[], profile: string, where: string): void {
  let current: string | null = null;
  let found = false;
  for (const [index, row] of rows.entries()) {
    if (row.kind === "setting" && current === "DEFAULT" && isOfInterest(row.name)) {
      throw new InvalidInput(
        `${where}: [DEFAULT] in capitals lends its ${row.name} (line ${index + 1}) to every profile in the AWS CLI`,
        "write [default]",
      );
    }
    if (row.kind === "disputed-heading") {
      if (current === profile || row.names.some((name) => name.trim() === profile)) {
        throw new InvalidInput(
          `${where}: line ${index + 1} is a heading to some AWS tools and not to others`,
          `write it as [${profile}] or [NAME] at the beginning of the line, with nothing behind it`,
        );
      }
      current = null;
    }
    if (row.kind !== "heading") continue;
    current = row.name;
    if (row.name !== profile && row.name.trim() === profile) {
      throw new InvalidInput(
        `${where}: there is white space in the heading in line ${index + 1}`,
        `write it as [${profile}]`,
      );
    }
    if (row.name === profile && found) throw twice(`[${profile}] stands twice`, index, where);
    found ||= row.name === profile;
  }
  const misnamed = rows.findIndex((row) => row.kind === "heading" && prefixedName(row.name) === profile);
  if (!found && misnamed >= 0) {
    throw new InvalidInput(
      `${where}: the heading in line ${misnamed + 1} says "profile", as in the config file; here no AWS tool reads it as ${profile}`,
      `write it as [${profile}]`,
    );
  }
}

const twice = (what: string, row: number, where: string): InvalidInput =>
  new InvalidInput(
    `${where}: ${what} (again in line ${row + 1})`,
    "the AWS CLI refuses such a file, and SDKs take one or the other: leave one of them",
  );

const disputed = (row: number, what: string, where: string): InvalidInput =>
  new InvalidInput(
    `${where}: line ${row + 1} (${what}) is read differently by AWS's own tools`,
    "write each setting as name = value, all of a profile equally far from the margin",
  );

/** The profile takes its credentials from somewhere else, so a key in it would not be used. `what` names the setting. */
export const elsewhere = (profile: string, what: string, where: string): InvalidInput =>
  new InvalidInput(
    `${where}: the profile ${profile} does not get its credentials from a key in the credentials file: it has ${what}`,
    "name a profile that has nothing but a key; one that has role_arn can take it by source_profile",
  );

const temporary = (profile: string, where: string): InvalidInput =>
  new InvalidInput(
    `${where}: the profile ${profile} holds temporary credentials, which something else replaces when they expire`,
    "name a profile of its own for the key",
  );

/** The line with this value in place of the one it has; a comment behind it stays. */
function withValue(line: string, value: string): string {
  const start = line.indexOf("=") + 1;
  const [, rest = "", end = ""] = /^([^\r\n]*)(\r?\n?)$/.exec(line.slice(start)) ?? [];
  const comment = rest.search(/\s[#;]/);
  const head = comment < 0 ? rest : rest.slice(0, comment);
  const old = head.trim();
  const lead = old === "" ? " " : head.slice(0, head.indexOf(old));
  const trail = old === "" ? "" : head.slice(head.indexOf(old) + old.length);
  return `${line.slice(0, start)}${lead}${value}${trail}${comment < 0 ? "" : rest.slice(comment)}${end}`;
}

/** Adds the lines that the section lacks: beside the other one of the pair, else below the heading. */
function insertMissing(
  lines: string[],
  { heading, indent, settings }: Section,
  values: ReadonlyMap<string, string>,
  end: string,
): void {
  const [id, secret] = [settings.get(ID), settings.get(SECRET)];
  const print = (name: string, margin = indent) => `${margin}${name} = ${values.get(name) ?? ""}`;
  const put = (row: number, ...added: readonly string[]) => {
    const line = lines[row] ?? "";
    const [, own = "", tail = ""] = /^(.*?)(\r?\n?)$/su.exec(line) ?? [];
    // The last line of a file may lack its end: then the line that becomes the last one lacks it.
    lines[row] = `${[own, ...added].join(tail === "" ? end : tail)}${tail}`;
  };
  if (id === undefined && secret === undefined) put(heading, print(ID), print(SECRET));
  else if (secret === undefined && id !== undefined) put(id.row, print(SECRET, id.indent));
  else if (id === undefined && secret !== undefined) {
    const line = lines[secret.row] ?? "";
    lines[secret.row] = `${print(ID, secret.indent)}${/\r?\n$/.exec(line)?.[0] ?? end}${line}`;
  }
}

const endOfLine = (text: string): string => (text.includes("\r\n") ? "\r\n" : "\n");

/** Adds lines at the end of a file, after an empty one. */
function append(text: string, lines: readonly string[]): string {
  const end = endOfLine(text);
  const isEmpty = text.replace(/^\uFEFF/, "") === "";
  const finish = isEmpty || text.endsWith("\n") ? "" : end;
  const gap = isEmpty || /\n[ \t]*\r?\n$/.test(text) || /^\uFEFF?\s*$/.test(text) ? "" : end;
  return `${text}${finish}${gap}${lines.map((line) => `${line}${end}`).join("")}`;
}
