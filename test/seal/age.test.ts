import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { armor, Decrypter, generateHybridIdentity, generateIdentity, identityToRecipient } from "age-encryption";
import { beforeAll, describe, expect, it } from "vitest";
import { InvalidInput } from "../../src/core/invalid-input.ts";
import type { Owner } from "../../src/core/owner.ts";
import type { SealedPair } from "../../src/ports.ts";
import { openAge } from "../../src/seal/age.ts";
import { errorOf, expectNoSecret, freshPair, userNamed } from "../destinations/contract.ts";
import { temporaryFolder } from "../support/cli.ts";

const owner = (recipient: string | null): Owner => ({ address: "owner@example.com", instruction: "", recipient });

async function opened(identity: string, { accessKeyId, secretAccessKey }: SealedPair): Promise<readonly string[]> {
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  return Promise.all([accessKeyId, secretAccessKey].map((text) => decrypter.decrypt(armor.decode(text), "text")));
}

describe("age", () => {
  let identities: readonly string[];
  let recipients: readonly string[];
  beforeAll(async () => {
    identities = await Promise.all([generateIdentity(), generateIdentity(), generateHybridIdentity()]);
    recipients = await Promise.all(identities.map(identityToRecipient));
  });

  it("seals to the recipient of the tag, armored, and the mail says how it opens and nothing more", async () => {
    const [sealer, user, pair] = [openAge({ recipientsFrom: null }), userNamed("ci-bot"), freshPair()];
    for (const [index, recipient] of recipients.entries()) {
      await sealer.check(user, owner(recipient));
      const sealed = await sealer.seal(user, owner(recipient), pair);
      expect(sealed.secretAccessKey).toMatch(
        /^-----BEGIN AGE ENCRYPTED FILE-----\n[^]+\n-----END AGE ENCRYPTED FILE-----$/,
      );
      expect(await opened(identities[index] ?? "", sealed)).toEqual([pair.accessKeyId, pair.secretAccessKey.reveal()]);
      expect(sealed.howToOpen).toContain("keyturn decrypt --identity");
      expectNoSecret(sealed, pair.secretAccessKey.reveal());
    }
  });

  it("seals to the file of the user in a folder, or to all of one file, and then no tag counts", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "ci-bot.txt"), `# Jane\n${recipients[0]}\r\n\n  ${recipients[1]}\n`);
    writeFileSync(join(folder, "_x2E_..txt"), `${recipients[1]}\n`);
    const sealer = openAge({ recipientsFrom: folder });
    const pair = freshPair();
    const mail = await sealer.seal(userNamed("ci-bot"), owner(recipients[2] ?? ""), pair);
    for (const identity of identities.slice(0, 2)) expect((await opened(identity, mail))[0]).toBe(pair.accessKeyId);
    expect(await errorOf(() => opened(identities[2] ?? "", mail))).toBeInstanceOf(Error);
    expect(await opened(identities[1] ?? "", await sealer.seal(userNamed(".."), owner(null), pair))).toHaveLength(2);
    const one = openAge({ recipientsFrom: join(folder, "ci-bot.txt") });
    expect(await opened(identities[1] ?? "", await one.seal(userNamed("anybody"), owner(null), pair))).toHaveLength(2);
  });

  it("blocks a user without a recipient, and names the place of one that is none", async () => {
    const folder = temporaryFolder();
    const file = (name: string, text: string) => writeFileSync(join(folder, `${name}.txt`), text);
    file("empty", "# nobody\n");
    file("typo", `${recipients[0]}\n${recipients[0]?.slice(0, -1)}x\n`);
    file("secret", `${identities[0]}\n`);
    file("ssh", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA jane\n");
    file("open", `${recipients[0]}\n`);
    chmodSync(join(folder, "open.txt"), 0o666);
    mkdirSync(join(folder, "folder.txt"));
    symlinkSync("nowhere", join(folder, "link.txt"));
    const cases: readonly (readonly [string, string | null, string | null, string])[] = [
      ["ci-bot", null, null, "no age recipient is known for ci-bot"],
      ["ci-bot", null, "age1\u001B[31m", "the age recipient in the tag of ci-bot is not an age recipient"],
      ["ci-bot", null, identities[0] ?? "", "the age recipient in the tag of ci-bot is a secret key"],
      ["absent", folder, recipients[0] ?? "", `the age recipients ${folder}/absent.txt cannot be read (ENOENT)`],
      ["link", folder, null, `the age recipients ${folder}/link.txt cannot be read (ENOENT)`],
      ["empty", folder, null, `${folder}/empty.txt names no age recipient`],
      ["typo", folder, null, `${folder}/typo.txt:2 is not an age recipient`],
      ["secret", folder, null, `${folder}/secret.txt:1 is a secret key`],
      ["ssh", folder, null, `${folder}/ssh.txt:1 is not an age recipient`],
      ["open", folder, null, `${folder}/open.txt can be written by everybody, and says who can read new keys`],
      ["folder", folder, null, `${folder}/folder.txt is not a file with age recipients`],
      ["ci-bot", `${folder}/nowhere`, null, `the age recipients ${folder}/nowhere cannot be read (ENOENT)`],
    ];
    for (const [name, recipientsFrom, recipient, message] of cases) {
      const sealer = openAge({ recipientsFrom });
      for (const work of [
        () => sealer.check(userNamed(name), owner(recipient)),
        () => sealer.seal(userNamed(name), owner(recipient), freshPair()),
      ]) {
        const error = await errorOf(work);
        expect(error).toBeInstanceOf(InvalidInput);
        expect(error).toMatchObject({ message });
        expectNoSecret(error, identities[0] ?? "");
      }
    }
  });
});
