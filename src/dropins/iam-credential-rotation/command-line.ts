import { InvalidInput } from "../../core/invalid-input.ts";

/** What somebody typed after the program's name. */
export type CommandLine =
  | { readonly kind: "help" }
  | { readonly kind: "version" }
  /** `pathPrefix` such as `/ci/`; `outfile` as typed, null = standard output. */
  | { readonly kind: "rotate"; readonly pathPrefix: string; readonly outfile: string | null };

const PROGRAM = "iam-credential-rotation";

const USAGE = `Usage: ${PROGRAM} [OPTIONS] PATH`;

export const HELP = `${USAGE}

  Rotate the access keys of the IAM users on PATH in the CURRENT/LAST two-key
  pattern: the older key of each user is deleted, a new one is created, and
  the new keys are handed out in JSON. The key that is current until now goes
  on working until the next run.

  PATH is the IAM path of the users, such as "ci" for users on /ci/.

  A key that is in use, or was delivered less than a day ago, is not deleted:
  the user is named on standard error, and the exit code is 1.
  KEYTURN_OVERLAP=12h in the environment changes the day, KEYTURN_SETTLE=15s
  is for places where two runs may overlap.

Options:
  -o, --outfile TEXT  Write results to TEXT file
  --version           Show the version and exit.
  --help              Show this message and exit.
`;

export const versionLine = (version: string): string => `${PROGRAM}, version ${version}\n`;

/** What is printed on standard error for a command line that cannot be used. */
export const usageError = (message: string): string =>
  `${USAGE}\nTry '${PROGRAM} --help' for help.\n\nError: ${message}`;

/** An option that lacks its value, or has one too many: said without the usage, as always. */
export class BareUsageError extends InvalidInput {}

/** What the options are called in messages. */
export const badOutfile = (finding: string): InvalidInput =>
  new InvalidInput(`Invalid value for '-o' / '--outfile': Invalid outfile filename: ${finding}`);

/**
 * Reads the words as click 8.1 does: options before, after and between arguments, `--outfile=F`, `-oF`, no abbreviations, `--`
 * ends the options. Throws {@link InvalidInput} with click's words.
 */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  if (argv.length === 0) return { kind: "help" };
  const { options, words } = split(argv);
  for (const { name } of options) {
    if (name === "--help") return { kind: "help" };
    if (name === "--version") return { kind: "version" };
  }
  const outfile = options.findLast(({ name }) => name === "--outfile")?.value ?? null;
  const [path, ...extra] = words;
  if (outfile === "") throw badOutfile("the value must not be empty");
  if (path === undefined) throw new InvalidInput("Missing argument 'PATH'.");
  const pathPrefix = prefixFrom(path);
  if (extra.length > 0)
    throw new InvalidInput(`Got unexpected extra argument${extra.length > 1 ? "s" : ""} (${extra.join(" ")})`);
  return { kind: "rotate", pathPrefix, outfile };
}

/** A slash on either side is IAM's own way to write a path, and taken for what it means. */
function prefixFrom(path: string): string {
  const bare = path.replace(/^\//, "").replace(/\/$/, "");
  // IAM's paths are printable ASCII without spaces; whatever else could be typed would only be refused by AWS.
  if (!/^[\x21-\x7E]{2,64}$/.test(path) || bare === "")
    throw new InvalidInput("Invalid value for 'PATH': invalid PATH for IAM Users");
  return `/${bare}/`;
}

interface Option {
  readonly name: "--outfile" | "--version" | "--help";
  readonly value: string;
}

function split(argv: readonly string[]): { readonly options: readonly Option[]; readonly words: readonly string[] } {
  const options: Option[] = [];
  const words: string[] = [];
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] ?? "";
    if (word === "--") {
      words.push(...argv.slice(at + 1));
      break;
    }
    if (!word.startsWith("-") || word === "-") {
      words.push(word);
      continue;
    }
    const { name, typed, value } = optionFrom(word);
    if (name !== "--outfile" && value !== null) throw new BareUsageError(`Option '${typed}' does not take a value.`);
    if (name !== "--outfile" || value !== null) {
      options.push({ name, value: value ?? "" });
      continue;
    }
    const next = argv[(at += 1)];
    if (next === undefined) throw new BareUsageError(`Option '${typed}' requires an argument.`);
    options.push({ name, value: next });
  }
  return { options, words };
}

function optionFrom(word: string): { name: Option["name"]; typed: string; value: string | null } {
  if (!word.startsWith("--")) {
    const typed = word.slice(0, 2);
    if (typed !== "-o") throw new InvalidInput(`No such option: ${typed}`);
    return { name: "--outfile", typed, value: word.length > 2 ? word.slice(2) : null };
  }
  const cut = word.indexOf("=");
  const typed = cut < 0 ? word : word.slice(0, cut);
  const name = NAMES.find((each) => each === typed);
  if (name === undefined) throw new InvalidInput(`No such option: ${typed}${suggestion(typed)}`);
  return { name, typed, value: cut < 0 ? null : word.slice(cut + 1) };
}

const NAMES = ["--outfile", "--version", "--help"] as const;

function suggestion(typed: string): string {
  const near = typed.length > 3 ? NAMES.find((name) => name.startsWith(typed) || typed.startsWith(name)) : undefined;
  return near === undefined ? "" : ` Did you mean ${near}?`;
}
