// Delivers keys to profiles of one file, one profile after the other, and prints how many deliveries were done.
// Arguments: the folder of the built program, and { file, name, count } as JSON.
import { pathToFileURL } from "node:url";

const [folder, text] = process.argv.slice(2);
const part = (name) => import(pathToFileURL(`${folder}/${name}.js`).href);
const [{ awsProfile }, { parseTarget }, { Secret }] = await Promise.all([
  part("destinations/aws-profile"),
  part("core/target"),
  part("core/secret"),
]);
const { file, name, count } = JSON.parse(text);
const host = { clock: { now: () => Date.now() }, caller: { account: "123456789012" }, access: { profile: null } };
const open = awsProfile.parse(parseTarget(`aws-profile:{user}?file=${encodeURIComponent(file)}`)).open(host);
for (let number = 0; number < count; number += 1) {
  const userName = `${name}-${number}`;
  await open({ userName, path: "/", arn: "" }).deliver({
    accessKeyId: `AKIATESTCHILD${String(number).padStart(7, "0")}`,
    secretAccessKey: new Secret(userName.padEnd(40, "x")),
  });
}
process.stdout.write(String(count));
