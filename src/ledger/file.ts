import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { checkOptions } from "../core/target.ts";
import { lookAt, replaceFile } from "../host/atomic-file.ts";
import { asFileName, fromFileName, guarded, makePrivate, namesIn, resolveFolder } from "../host/private-folder.ts";
import { stateFolder } from "../host/state-folder.ts";
import { CallError } from "../ports.ts";
import type { LedgerKind } from "./kind.ts";

/** Tells entries from what a killed process left of a replacement. */
const SUFFIX = ".json";

/** Files in a folder of this machine, one a user: for runs that always come from the same host. */
export const file: LedgerKind = {
  kind: "file",
  parse: (target) => {
    checkOptions(target, []);
    const root = target.name === "" ? join(stateFolder(), "owners") : resolveFolder(target.name);
    return {
      permissions: () => [],
      open: (_access, { account }) => {
        const folder = join(root, account);
        const label = `file:${root}`;
        const placeOf = (userName: string) => join(folder, `${asFileName(userName)}${SUFFIX}`);
        const readEntry = async (userName: string): Promise<string | null> => {
          const found = await lookAt(placeOf(userName));
          // What is there and cannot be read is not the same as nothing: an address would be taken for the first one.
          if (found !== null && !found.isFile())
            throw new CallError("refused", "read", label, "NotAFile", `the entry of ${userName} is not a file`);
          return found === null ? null : readFile(placeOf(userName), "utf8");
        };
        return {
          label,
          read: (userName) => guarded("read", label, () => readEntry(userName)),

          readAll: () =>
            guarded("read", label, async () => {
              const texts = new Map<string, string>();
              for (const name of await namesIn(folder)) {
                const userName = name.endsWith(SUFFIX) ? fromFileName(name.slice(0, -SUFFIX.length)) : null;
                const text = userName === null ? null : await readEntry(userName);
                if (userName !== null && text !== null) texts.set(userName, text);
              }
              return texts;
            }),

          write: (userName, text) =>
            guarded("write", label, async () => {
              await makePrivate(folder, "ledger");
              await replaceFile(placeOf(userName), text, null);
            }),
        };
      },
    };
  },
};
