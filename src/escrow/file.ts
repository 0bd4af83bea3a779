import { readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type AccessKeyId, isAccessKeyId } from "../core/access-key.ts";
import { Secret } from "../core/secret.ts";
import { checkOptions } from "../core/target.ts";
import { lookAt, removeTemporaries, replaceFile } from "../host/atomic-file.ts";
import { asFileName, fromFileName, guarded, makePrivate, namesIn, resolveFolder } from "../host/private-folder.ts";
import { stateFolder } from "../host/state-folder.ts";
import { CallError, type EscrowEntry } from "../ports.ts";
import type { EscrowKind } from "./kind.ts";

/** Files of mode 0600 in a folder of mode 0700 on this machine, one a key: for runs that always come from the same host. */
export const file: EscrowKind = {
  kind: "file",
  parse: (target) => {
    checkOptions(target, []);
    const root = target.name === "" ? join(stateFolder(), "escrow") : resolveFolder(target.name);
    return {
      permissions: () => [],
      open: (_access, { account }) => {
        const folder = join(root, account);
        const label = `file:${root}`;
        const folderOf = (userName: string) => join(folder, asFileName(userName));
        const placeOf = (userName: string, id: AccessKeyId) => join(folderOf(userName), id);
        return {
          label,
          check: () => guarded("escrow", label, () => makePrivate(folder, "escrow")),

          list: (userName) =>
            guarded("escrow", label, async () => {
              const entries: EscrowEntry[] = [];
              for (const name of userName === undefined ? await namesIn(folder) : [asFileName(userName)]) {
                const user = fromFileName(name);
                for (const id of user === null ? [] : await namesIn(join(folder, name))) {
                  if (user !== null && isAccessKeyId(id)) entries.push({ userName: user, accessKeyId: id });
                }
              }
              return entries;
            }),

          put: (userName, pair) =>
            guarded("escrow", label, async () => {
              await makePrivate(folder, "escrow");
              await makePrivate(folderOf(userName), "escrow");
              const place = placeOf(userName, pair.accessKeyId);
              if ((await lookAt(place)) !== null) {
                if ((await readFile(place, "utf8")) === pair.secretAccessKey.reveal()) return;
                throw new CallError(
                  "refused",
                  "write",
                  label,
                  "EEXIST",
                  `there is another secret for ${pair.accessKeyId} already`,
                );
              }
              await replaceFile(place, pair.secretAccessKey.reveal(), null);
            }),

          take: (userName, id) =>
            guarded("escrow", label, async () => {
              const place = placeOf(userName, id);
              return (await lookAt(place))?.isFile() === true ? new Secret(await readFile(place, "utf8")) : null;
            }),

          clear: (userName, id) =>
            guarded("escrow", label, async () => {
              const place = placeOf(userName, id);
              await rm(place, { force: true });
              if ((await lookAt(dirname(place))) !== null) await removeTemporaries(place, 0);
            }),
        };
      },
    };
  },
};
