import { type Document, isCollection, isMap, isNode, isPair, isScalar, LineCounter, parseDocument } from "yaml";
import type { z } from "zod";
import type { Fleet } from "../core/accounts.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import type { MailSettings } from "../core/mail-settings.ts";
import type { Match } from "../core/match.ts";
import { type Exemption, type Layer, overlay, type Rulebook, USUAL_INTERVAL } from "../core/rulebook.ts";
import { nearest } from "../core/nearest.ts";
import type { Bounds, OwnerRules } from "../core/owner-tags.ts";
import { type Duration, days } from "../core/time.ts";
import { fleetOf, guardOf } from "./fleet.ts";
import { type ConfigGiven, configSchema, jsonSchema } from "./schema.ts";

/** keyturn.yaml as it was read and checked. What is null, or absent, it does not say. */
export interface Config {
  /** The file's name, as in its messages. */
  readonly file: string;
  /** The accounts that it is for; null = any. */
  readonly accounts: readonly string[] | null;
  /** The accounts that `--all-accounts` works in; null where it names none. */
  readonly fleet: Fleet | null;
  readonly profile: string | null;
  readonly region: string | null;
  /** Whom `run` and `plan` are about where no selector is typed. */
  readonly select: Match | null;
  readonly escrow: string | null;
  readonly settle: Duration | null;
  readonly mail: MailSettings | null;
  readonly audit: string | null;
  readonly maxRotations: number | null;
  readonly refuseAbove: number | null;
  readonly failOn: "failed" | "blocked" | null;
  /** Where owners are remembered. */
  readonly ledger: string | null;
  readonly rulebook: Rulebook;
  /** Where each setting that holds for the whole run stands. */
  readonly origins: ReadonlyMap<string, string>;
}

const LARGEST = 1_000_000;

type Path = readonly (string | number)[];

interface Complaint {
  readonly path: Path;
  /** It is about the key, not about what stands behind it. */
  readonly atKey: boolean;
  readonly message: string;
  readonly hint: string | null;
}

/** Reads the text of a configuration. Throws {@link InvalidInput} that names every place that is wrong as `file:line:column`. */
export function readConfig(text: string, file: string): Config {
  if (text.length > LARGEST) throw new InvalidInput(`${file} is larger than a configuration can be (1 MB)`);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, schema: "failsafe", prettyErrors: false });
  const place = new Places(file, document, lines);
  const syntax = document.errors.map((error) => `${place.at(error.pos[0])}: ${error.message.split("\n")[0] ?? ""}`);
  if (syntax.length > 0) {
    const isAboutBraces = document.errors.some(({ pos }) => /[[{].*\{\w+\}/.test(lineAt(text, pos[0])));
    throw new InvalidInput(
      syntax.join("\n"),
      isAboutBraces ? "inside [ ] and { }, text with braces needs quotes" : "it must be YAML",
    );
  }
  const parsed = configSchema.safeParse(plainOf(document, place), { reportInput: true });
  if (!parsed.success)
    throw complain(
      parsed.error.issues.flatMap((issue) => complaintsOf(issue, [])),
      place,
    );
  const config = configOf(parsed.data, file, place);
  checkEachRule(config, place);
  return config;
}

const lineAt = (text: string, offset: number): string =>
  text.slice(text.lastIndexOf("\n", offset - 1) + 1).split("\n", 1)[0] ?? "";

/** Places in the file: for messages, and for `config show`. */
class Places {
  readonly #file: string;
  readonly #document: Document.Parsed;
  readonly #lines: LineCounter;

  constructor(file: string, document: Document.Parsed, lines: LineCounter) {
    this.#file = file;
    this.#document = document;
    this.#lines = lines;
  }

  at(offset: number): string {
    const { line, col } = this.#lines.linePos(offset);
    return `${this.#file}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
  }

  /** Of a value, or of its key; where it is not there, of what it is missing from. */
  of = (path: Path, atKey = false): string => this.at(this.offset(path, atKey));

  offset(path: Path, atKey: boolean): number {
    for (let length = path.length; length >= 0; length -= 1) {
      const part = path.slice(0, length);
      const offset = atKey && length > 0 ? this.#keyOffset(part) : this.#valueOffset(part);
      if (offset !== null) return offset;
    }
    return 0;
  }

  #valueOffset(path: Path): number | null {
    const node: unknown = path.length === 0 ? this.#document.contents : this.#document.getIn(path, true);
    return isNode(node) ? (node.range?.[0] ?? null) : null;
  }

  #keyOffset(path: Path): number | null {
    const parent: unknown = path.length === 1 ? this.#document.contents : this.#document.getIn(path.slice(0, -1), true);
    if (!isMap(parent)) return null;
    const pair = parent.items.find(({ key }) => isScalar(key) && key.value === path.at(-1));
    return isPair(pair) && isNode(pair.key) ? (pair.key.range?.[0] ?? null) : null;
  }
}

function plainOf(document: Document.Parsed, place: Places): unknown {
  if (document.contents === null) return {};
  if (!isCollection(document.contents))
    throw new InvalidInput(`${place.of([])}: this is not a configuration`, "it is a map: defaults: …");
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw new InvalidInput(`${place.of([])}: ${error instanceof Error ? error.message : "it cannot be read"}`);
  }
}

type Issue = z.core.$ZodIssue;

/** What a person can do something with, out of what the schema complained about. */
function complaintsOf(issue: Issue, before: Path): readonly Complaint[] {
  const path = [...before, ...issue.path.map((part) => (typeof part === "number" ? part : String(part)))];
  const of = (message: string, hint: string | null = null, at: Path = path, atKey = false): Complaint => ({
    path: at,
    atKey,
    message,
    hint,
  });
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => {
        const known = knownKeys(path);
        const [near = null] = nearest(key, known);
        return of(
          `there is no ${key} here`,
          near === null ? `there are: ${known.join(", ")}` : `did you mean ${near}?`,
          [...path, key],
          true,
        );
      });
    case "invalid_union":
      return complaintsOfUnion(issue.errors, path) ?? [of(expected(issue))];
    case "invalid_value": {
      const values = issue.values.map(String);
      const given = String(issue.input);
      const [near = null] = given.length < 3 ? [] : nearest(given, values);
      return [
        of(`"${shown(issue.input)}" is none of ${values.join(", ")}`, near === null ? null : `did you mean ${near}?`),
      ];
    }
    case "custom":
      return [of(issue.message, typeof issue.params?.["hint"] === "string" ? issue.params["hint"] : null)];
    case "invalid_type":
    case "too_small":
    case "too_big":
    case "invalid_key":
    case "invalid_element":
    case "invalid_format":
    case "not_multiple_of":
      return [of(expected(issue))];
  }
}

/** The complaints of the form that was meant: the one that got furthest into what stands there. */
function complaintsOfUnion(errors: readonly (readonly Issue[])[], path: Path): readonly Complaint[] | null {
  const depth = (issues: readonly Issue[]) => {
    const inside = issues.filter(
      (issue) => issue.path.length > 0 || issue.code === "custom" || issue.code === "unrecognized_keys",
    );
    // Text where a map should stand, or the other way round, is hardly the form that was meant.
    const odd = issues.filter(({ code, input }) => code === "invalid_type" && input !== undefined);
    return inside.length < issues.length ? -1 : 100 - issues.length - 10 * odd.length;
  };
  const [best] = errors.toSorted((a, b) => depth(b) - depth(a));
  if (best !== undefined && depth(best) >= 0) return best.flatMap((issue) => complaintsOf(issue, path));
  const words = errors.flat().find((issue) => issue.code === "invalid_value");
  return words === undefined ? null : complaintsOf(words, path);
}

function expected(issue: Issue): string {
  if (issue.input === undefined) return "this is missing";
  return issue.code === "invalid_type"
    ? `this should be ${{ object: "a map", array: "a list", string: "text", record: "a map" }[issue.expected as string] ?? issue.expected}`
    : issue.message;
}

const shown = (input: unknown): string => (typeof input === "string" ? input : "this");

/** The keys that a map at this place may have, out of the published schema. */
function knownKeys(path: Path): readonly string[] {
  let found: readonly SchemaPart[] = [jsonSchema("") as SchemaPart]; // draft 7, as far as it is walked here
  for (const step of path) found = found.flatMap(alternatives).flatMap((part) => stepInto(part, step));
  return [...new Set(found.flatMap(alternatives).flatMap((part) => Object.keys(part.properties ?? {})))];
}

interface SchemaPart {
  readonly properties?: Readonly<Record<string, SchemaPart>>;
  readonly additionalProperties?: SchemaPart | false;
  readonly items?: SchemaPart;
  readonly anyOf?: readonly SchemaPart[];
}

const alternatives = (part: SchemaPart): readonly SchemaPart[] => part.anyOf?.flatMap(alternatives) ?? [part];

function stepInto(
  { properties = {}, additionalProperties, items }: SchemaPart,
  step: string | number,
): readonly SchemaPart[] {
  const next =
    typeof step === "number" ? items : Object.hasOwn(properties, step) ? properties[step] : additionalProperties;
  return next === undefined || next === false ? [] : [next];
}

function complain(complaints: readonly Complaint[], place: Places): InvalidInput {
  const lines = complaints
    .map((each) => ({ ...each, offset: place.offset(each.path, each.atKey) }))
    .toSorted((a, b) => a.offset - b.offset)
    .map(({ path, offset, message, hint }) => ({ line: `${place.at(offset)}: ${describePath(path)}${message}`, hint }));
  const [only] = lines;
  if (only !== undefined && lines.length === 1) return new InvalidInput(only.line, only.hint);
  return new InvalidInput(lines.map(({ line, hint }) => (hint === null ? line : `${line} (${hint})`)).join("\n"));
}

const describePath = (path: Path): string => {
  const names = path.map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`)).join("");
  return names === "" ? "" : `${names.replace(/^\./, "")}: `;
};

function configOf(given: ConfigGiven, file: string, place: Places): Config {
  const { limits = {} } = given;
  const rules: readonly Layer[] = [
    layerOf(null, given.defaults ?? {}, ["defaults"], place),
    ...(given.rules ?? []).map((rule, index) => layerOf(rule.match, rule, ["rules", index], place)),
  ];
  const exemptions = exemptionsOf(given.exempt, ["exempt"], place);
  const runWide: readonly (readonly [string, Path])[] = [
    ...(
      [
        "profile",
        "region",
        "select",
        "escrow",
        "settle",
        "runEvery",
        "audit",
        "accounts",
        "organization",
        "mail",
      ] as const
    )
      .filter((name) => given[name] !== undefined)
      .map((name) => [name, [name]] as const),
    ...Object.keys(limits).map((name) => [name, ["limits", name]] as const),
    ...Object.keys(given.owners ?? {}).map((name) => [`owners.${name}`, ["owners", name]] as const),
    ...Object.keys(given.mail ?? {}).map((name) => [`mail.${name}`, ["mail", name]] as const),
  ];
  return {
    file,
    accounts: guardOf(given),
    fleet: fleetOf(given, {
      layer: (own, path) => layerOf(null, own, path, place),
      exemptions: (own, path) => exemptionsOf(own, path, place),
    }),
    profile: given.profile ?? null,
    region: given.region ?? null,
    select: given.select ?? null,
    escrow: given.escrow ?? null,
    settle: given.settle ?? null,
    mail: given.mail ?? null,
    audit: given.audit ?? null,
    maxRotations: limits.maxRotations ?? null,
    refuseAbove: limits.refuseAbove ?? null,
    failOn: limits.failOn ?? null,
    ledger: given.owners?.ledger ?? null,
    rulebook: {
      layers: rules,
      exemptions,
      runEvery: given.runEvery ?? USUAL_INTERVAL,
      ...(given.owners === undefined && given.mail === undefined
        ? {}
        : { owners: ownerRulesOf(given.owners ?? {}, given.mail) }),
    },
    origins: new Map(runWide.map(([name, path]) => [name, place.of(path, true)])),
  };
}

const exemptionsOf = (
  given: readonly Omit<Exemption, "origin">[] | undefined,
  path: Path,
  place: Places,
): readonly Exemption[] =>
  (given ?? []).map(({ match, reason }, index) => ({ match, reason, origin: place.of([...path, index]) }));

const UNBOUNDED: Bounds = { atLeast: null, atMost: null };

/** Without a section about mail, tags may move times, and addresses say only who opts in. */
const ownerRulesOf = (
  { only = false, rotateAfter = UNBOUNDED, deleteAfter = UNBOUNDED }: NonNullable<ConfigGiven["owners"]>,
  mail: ConfigGiven["mail"],
): OwnerRules => ({
  only,
  rotateAfter,
  deleteAfter,
  allowedDomains: mail?.allowedDomains ?? null,
  addressChangeDelay: mail?.addressChangeDelay ?? days(1),
  warnBefore: mail?.warnBefore ?? [],
});

function layerOf(
  match: Match | null,
  { policy = {}, deliver, window }: NonNullable<ConfigGiven["defaults"]>,
  path: Path,
  place: Places,
): Layer {
  const inPolicy = Object.keys(policy).map((field) => {
    const steps = field === "deactivate" || field === "delete" ? ["oldKey", field] : [field];
    return [`policy.${field}`, place.of([...path, "policy", ...steps], true)] as const;
  });
  return {
    match,
    policy,
    ...(deliver === undefined ? {} : { deliver }),
    ...(window === undefined ? {} : { window }),
    origins: new Map([
      ...inPolicy,
      ["deliver", place.of([...path, "deliver"], true)],
      ["window", place.of([...path, "window"], true)],
    ]),
  };
}

/** What contradicts itself in the defaults, or in them and one rule, is found before any user is. */
function checkEachRule({ rulebook, fleet }: Config, place: Places): void {
  const {
    layers: [defaults, ...rules],
    runEvery,
  } = rulebook;
  if (defaults === undefined) return;
  const check = (layers: readonly Layer[], path: Path) => {
    try {
      overlay(layers, runEvery, "here");
    } catch (error) {
      if (!(error instanceof InvalidInput)) throw error;
      throw new InvalidInput(`${place.of(path)}: ${error.message}`, error.hint);
    }
  };
  check([defaults], ["defaults", "policy"]);
  for (const [index, rule] of rules.entries()) check([defaults, rule], ["rules", index, "policy"]);
  for (const { layer, path } of fleet?.overrides.values() ?? []) if (layer !== null) check([defaults, layer], path);
}
