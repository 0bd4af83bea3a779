import { findTag, type Tags, type User } from "./access-key.ts";

/**
 * Which users something holds for. What is given must all fit; of a list one entry must. Case is ignored, as IAM ignores it in
 * names and keys of tags: an exemption must not fail on a capital letter.
 */
export interface Match {
  /** Such as `/ci/`: the user's path begins with one of these. */
  readonly path: readonly string[] | null;
  /** Patterns with `*` and `?`; the user's name fits one of these. */
  readonly name: readonly string[] | null;
  /** For each key, the user has this tag with a value that fits one of these patterns. */
  readonly tag: ReadonlyMap<string, readonly string[]> | null;
}

/** Whether the user fits. `tags` = null where they were not read: only for a match that does not ask for any. */
export function matches({ path, name, tag }: Match, user: User, tags: Tags | null): boolean {
  return (
    (path === null || path.some((each) => user.path.toLowerCase().startsWith(each.toLowerCase()))) &&
    (name === null || name.some((pattern) => fits(pattern, user.userName))) &&
    (tag === null || [...tag].every(([key, patterns]) => hasTag(tags ?? new Map(), key, patterns)))
  );
}

function hasTag(tags: Tags, key: string, patterns: readonly string[]): boolean {
  const value = findTag(tags, key);
  return value !== null && patterns.some((pattern) => fits(pattern, value));
}

/**
 * Whether `text` fits a pattern in which `*` stands for any text and `?` for one character. Linear in both lengths for the
 * patterns that people write, and never exponential: it goes back to the last `*` only.
 */
export function fits(pattern: string, text: string): boolean {
  const wanted = [...pattern.toLowerCase()];
  const given = [...text.toLowerCase()];
  let [p, t] = [0, 0];
  let star: { readonly p: number; t: number } | null = null;
  while (t < given.length) {
    if (wanted[p] === "*") {
      star = { p, t };
      p += 1;
    } else if (p < wanted.length && (wanted[p] === "?" || wanted[p] === given[t])) {
      p += 1;
      t += 1;
    } else if (star === null) {
      return false;
    } else {
      star.t += 1;
      [p, t] = [star.p + 1, star.t];
    }
  }
  return wanted.slice(p).every((each) => each === "*");
}
