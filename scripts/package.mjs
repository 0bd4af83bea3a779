// Makes the Lambda functions' packages: dist-lambda/NAME.zip, each with index.mjs (handler index.handler) and the licences of what
// is bundled. The same sources give the same bytes, on any machine: so a package can be checked, and is not deployed anew for nothing.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { crc32 } from "node:zlib";
import { rolldown } from "rolldown";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** A function is a file that exports `handler`, and a line here. */
const FUNCTIONS = {
  creator: "src/lambda/creator.ts",
  destructor: "src/lambda/destructor.ts",
  planner: "src/lambda/planner.ts",
  worker: "src/lambda/worker.ts",
  "rotate-secret": "src/lambda/rotate-secret.ts",
  "cleanup-secrets": "src/lambda/cleanup-secrets.ts",
  tester: "examples/rotatable-user/tester/index.ts",
};

const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
const [folder = join(ROOT, "dist-lambda"), ...only] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
for (const name of only.length > 0 ? only : Object.keys(FUNCTIONS)) {
  const { files, atStart } = await bundle(name);
  const bytes = zip(files);
  writeFileSync(join(folder, `${name}.zip`), bytes);
  console.log(`${name}.zip: ${kilobytes(bytes.length)}, of which ${kilobytes(atStart)} are loaded at a cold start`);
}

function kilobytes(count) {
  return `${Math.ceil(count / 1000)} kB`;
}

async function bundle(name) {
  const build = await rolldown({
    cwd: ROOT,
    input: join(ROOT, FUNCTIONS[name]),
    platform: "node",
    // With "main" first, nothing of the AWS SDK is left out that is not used.
    resolve: { mainFields: ["module", "main"] },
    transform: { target: "node22", define: { KEYTURN_VERSION: JSON.stringify(version) } },
    onwarn: (warning) => {
      throw new Error(`${name}: ${warning.message ?? warning}`);
    },
  });
  try {
    const { output } = await build.generate({
      format: "esm",
      minify: true,
      entryFileNames: "index.mjs",
      chunkFileNames: "lib/[name].mjs",
      exports: "named",
    });
    const chunks = output.map(({ fileName, code = "" }) => ({ name: fileName, bytes: Buffer.from(code) }));
    const modules = output.flatMap(({ moduleIds = [] }) => moduleIds);
    return {
      files: [...chunks, { name: "THIRD-PARTY.txt", bytes: Buffer.from(licences(modules)) }],
      atStart: sizeAtStart(output),
    };
  } finally {
    await build.close();
  }
}

/** The bytes of the entry and of everything that it imports, other than lazily. */
function sizeAtStart(output) {
  const reached = new Set(["index.mjs"]);
  for (const fileName of reached) {
    const { imports = [] } = output.find((chunk) => chunk.fileName === fileName) ?? {};
    for (const each of imports) reached.add(each);
  }
  return output
    .filter(({ fileName }) => reached.has(fileName))
    .reduce((sum, { code = "" }) => sum + Buffer.byteLength(code), 0);
}

/** Names, versions and licences of the packages that these modules come from; the same text once for all. */
function licences(modules) {
  const roots = new Set(modules.map((id) => /^\0?(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(id)?.[1]));
  const byText = new Map();
  for (const root of [...roots].filter((each) => each !== undefined)) {
    const { name, version: own, license } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    const file = readdirSync(root).find((each) => /^licen[cs]e(\.|$)/i.test(each));
    const text = file === undefined ? `Licence: ${license}` : readFileSync(join(root, file), "utf8").trim();
    byText.set(text, [...(byText.get(text) ?? []), `${name} ${own}`]);
  }
  const parts = [...byText].map(([text, names]) => `${names.toSorted().join("\n")}\n\n${text}\n`);
  return `This package contains parts of:\n\n${parts.toSorted().join(`\n${"-".repeat(80)}\n\n`)}`;
}

/**
 * A zip archive of these files, stored as they are: what zlib makes of them depends on the version of Node. Dated 1980, the first
 * year that the format knows. @see https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
 */
function zip(files) {
  const [bodies, entries] = [[], []];
  let offset = 0;
  for (const { name, bytes } of files.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const file = Buffer.from(name);
    // Version 2.0, names in UTF-8, stored, 1980-01-01 00:00; then checksum and sizes.
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(0x0800, 2);
    common.writeUInt16LE(0x0021, 8);
    common.writeUInt32LE(crc32(bytes), 10);
    common.writeUInt32LE(bytes.length, 14);
    common.writeUInt32LE(bytes.length, 18);
    common.writeUInt16LE(file.length, 22);
    const body = Buffer.concat([Buffer.from("PK\x03\x04"), common, file, bytes]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE((0o100644 << 16) >>> 0, 6); // readable for everybody: Lambda runs it as another user
    rest.writeUInt32LE(offset, 10);
    // Made on Unix, so that the mode above counts.
    entries.push(Buffer.concat([Buffer.from("PK\x01\x02"), Buffer.from([20, 3]), common, rest, file]));
    bodies.push(body);
    offset += body.length;
  }
  const directory = Buffer.concat(entries);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(files.length, 4);
  end.writeUInt16LE(files.length, 6);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...bodies, directory, Buffer.from("PK\x05\x06"), end]);
}
