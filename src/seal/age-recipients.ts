import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { User } from "../core/access-key.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import { encodeSegment } from "../core/target.ts";

const ALPHABET = /[A-Za-z0-9_.+=,@-]/;
const LARGEST = 65_536;

/** A public key of age, as it was written down. */
export interface Recipient {
  readonly text: string;
  /** Where it stands, such as `recipients/ci-bot.txt:2`. */
  readonly place: string;
}

/**
 * The recipients for one user: those in `PLACE/USER.txt` where the place is a folder, all in it where it is a file. One a line;
 * lines that begin with # are passed over. Throws {@link InvalidInput}.
 */
export async function recipientsIn(place: string, { userName }: User): Promise<readonly Recipient[]> {
  const isFolder = (await lookAt(place)).isDirectory();
  const file = isFolder ? join(place, `${encodeSegment(userName, ALPHABET)}.txt`) : place;
  const found = isFolder ? await lookAt(file) : await lookAt(place);
  if (!found.isFile() || found.size > LARGEST)
    throw new InvalidInput(`${file} is not a file with age recipients`, "one public key (age1…) a line");
  const lines = (await reading(file, () => readFile(file, "utf8"))).split(/\r?\n/).map((line) => line.trim());
  const recipients = lines.flatMap((text, index) =>
    text === "" || text.startsWith("#") ? [] : [{ text, place: `${file}:${index + 1}` }],
  );
  if (recipients.length === 0)
    throw new InvalidInput(`${file} names no age recipient`, "one public key (age1…) a line: age-keygen -y prints it");
  return recipients;
}

/** Throws {@link InvalidInput} also where everybody may write there: they would say who can read the keys. */
async function lookAt(path: string) {
  const found = await reading(path, () => stat(path));
  if (process.platform !== "win32" && (found.mode & 0o002) !== 0)
    throw new InvalidInput(`${path} can be written by everybody, and says who can read new keys`, `chmod o-w ${path}`);
  return found;
}

async function reading<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "Error";
    throw new InvalidInput(
      `the age recipients ${path} cannot be read (${code})`,
      "put the owner's public key (age1…) there: age-keygen -y prints it",
    );
  }
}
