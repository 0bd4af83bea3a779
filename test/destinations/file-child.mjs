// Delivers one key to a file, as whichever user and under whichever limits this process runs, and prints how that ended.
// Arguments: the folder of the built program, and { target, userName, accessKeyId, secretAccessKey, work } as JSON.
import { pathToFileURL } from "node:url";

const [folder, text] = process.argv.slice(2);
const part = (name) => import(pathToFileURL(`${folder}/${name}.js`).href);
const [{ file }, { parseTarget }, { Secret }] = await Promise.all([
  part("destinations/file"),
  part("core/target"),
  part("core/secret"),
]);
const { target, userName, accessKeyId, secretAccessKey, work } = JSON.parse(text);
const host = { clock: { now: () => Date.now() }, caller: { account: "123456789012" } };
const user = { userName, path: "/", arn: `arn:aws:iam::123456789012:user/${userName}` };
const destination = file.parse(parseTarget(target)).open(host)(user);
const pair = (id) => ({ accessKeyId: id, secretAccessKey: new Secret(secretAccessKey) });
async function deliverForEver(number) {
  await destination.deliver(pair(`AKIATESTCHILD00${number}`));
  return deliverForEver(number + 1);
}

if (work === "deliver for ever") await deliverForEver(10_000);
const result = await destination[work](...(work === "deliver" ? [pair(accessKeyId)] : [])).then(
  () => ({ name: "done" }),
  ({ name, message, hint, kind, code, stack }) => ({ name, message, hint, kind, code, stack }),
);
process.stdout.write(JSON.stringify(result));
