import { constants } from "node:fs";
import { access, chmod, mkdir, readdir, readFile, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { type AccessKeyId, isAccessKeyId } from "../core/access-key.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import { Secret } from "../core/secret.ts";
import { checkOptions, decodeSegment, encodeSegment } from "../core/target.ts";
import { isErrno, lookAt, removeTemporaries, replaceFile, syncFolder } from "../host/atomic-file.ts";
import { stateFolder } from "../host/state-folder.ts";
import { CallError, type EscrowEntry } from "../ports.ts";
import type { EscrowKind } from "./kind.ts";

const ALPHABET = /[A-Za-z0-9_.+=,@-]/;

/** Files of mode 0600 in a folder of mode 0700 on this machine, one a key: for runs that always come from the same host. */
export const file: EscrowKind = {
  kind: "file",
  parse: (target) => {
    checkOptions(target, []);
    const root =
      target.name === "" ? join(stateFolder(), "escrow") : resolve(target.name.replace(/^~(?=\/)/, homedir()));
    return {
      permissions: () => [],
      open: (_access, { account }) => {
        const folder = join(root, account);
        const label = `file:${root}`;
        const folderOf = (userName: string) => join(folder, encodeSegment(userName, ALPHABET));
        const placeOf = (userName: string, id: AccessKeyId) => join(folderOf(userName), id);
        return {
          label,
          check: () => guarded(label, () => makePrivate(folder)),

          list: (userName) =>
            guarded(label, async () => {
              const entries: EscrowEntry[] = [];
              for (const name of userName === undefined ? await namesIn(folder) : [encodeSegment(userName, ALPHABET)]) {
                const user = decodeSegment(name, ALPHABET);
                for (const id of user === null ? [] : await namesIn(join(folder, name))) {
                  if (user !== null && isAccessKeyId(id)) entries.push({ userName: user, accessKeyId: id });
                }
              }
              return entries;
            }),

          put: (userName, pair) =>
            guarded(label, async () => {
              await makePrivate(folder);
              await makePrivate(folderOf(userName));
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
            guarded(label, async () => {
              const place = placeOf(userName, id);
              return (await lookAt(place))?.isFile() === true ? new Secret(await readFile(place, "utf8")) : null;
            }),

          clear: (userName, id) =>
            guarded(label, async () => {
              const place = placeOf(userName, id);
              await rm(place, { force: true });
              if ((await lookAt(dirname(place))) !== null) await removeTemporaries(place, 0);
            }),
        };
      },
    };
  },
};

/** A folder that only its owner can enter, and that would survive a power cut. */
async function makePrivate(folder: string): Promise<void> {
  const first = (await mkdir(folder, { recursive: true, mode: 0o700 })) ?? `${folder}/`;
  for (let made = folder; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made));
  const found = await lookAt(folder);
  if (found === null || !found.isDirectory()) throw new InvalidInput(`the escrow ${folder} is not a folder`);
  if (process.platform !== "win32" && (found.mode & 0o077) !== 0) await chmod(folder, 0o700);
  await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).toSorted();
  } catch (error) {
    if (isErrno(error, "ENOENT") || isErrno(error, "ENOTDIR")) return []; // nothing there, or a file of somebody else's
    throw error;
  }
}

async function guarded<T>(label: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Error && "code" in error && typeof error.code === "string" && !(error instanceof CallError)) {
      throw new CallError("refused", "escrow", label, error.code, `the file system answered ${error.code}`);
    }
    throw error;
  }
}
