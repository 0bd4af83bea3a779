import type { TagChange } from "../core/tags.ts";
import { type Cell, type Paint, plain, table } from "./table.ts";
import { plural } from "./words.ts";

interface Tagged {
  readonly userName: string;
  readonly changes: readonly TagChange[];
  readonly result?: "tagged" | "same" | "failed" | "interrupted";
  readonly sentence?: string;
}

/** What tags become, or became: a line each, those that stay as they are left out. */
export function tagsText(users: readonly Tagged[], paint: Paint): string {
  const due = users.flatMap((user) =>
    user.changes.filter(({ kind }) => kind !== "same").map((change) => ({ user, change })),
  );
  const same = users.flatMap(({ changes }) => changes).length - due.length;
  const rest = same === 0 ? [] : [paint("dim", `${plural(same, "tag")} as wanted already`)];
  const failed = users.filter(({ result }) => result === "failed");
  return [
    ...(due.length === 0 ? [] : [table(["user", "tag", "what", "value"], due.map(rowOf), paint)]),
    ...rest,
    ...failed.map(({ userName, sentence = "" }) => paint("red", `${plain(userName)}: ${plain(sentence)}`)),
  ].join("\n");
}

function rowOf({ user, change }: { user: Tagged; change: TagChange }): readonly Cell[] {
  const { key, value, kind, before } = change;
  const result = user.result ?? "planned";
  const what: Cell =
    result === "planned" || result === "tagged"
      ? { text: kind, style: kind === "set" ? "green" : "yellow" }
      : { text: result, style: "red" };
  return [{ text: user.userName }, { text: key }, what, { text: kind === "change" ? `${before} → ${value}` : value }];
}

/** The same as one document. */
export const tagsJson = (users: readonly Tagged[]) =>
  users.map(({ userName, changes, result = "planned", sentence = "" }) => ({ userName, result, sentence, changes }));
