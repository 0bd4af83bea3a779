import {
  CloseAccountCommand,
  CreateAccountCommand,
  CreateOrganizationalUnitCommand,
  CreateOrganizationCommand,
  ListRootsCommand,
  MoveAccountCommand,
  OrganizationsClient,
  TagResourceCommand,
} from "@aws-sdk/client-organizations";
import { SSMClient } from "@aws-sdk/client-ssm";
import { GetParametersByPathCommand } from "@aws-sdk/client-ssm";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { temporaryFolder } from "../support/cli.ts";
import { type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";
import { typed } from "../support/in-process.ts";
import { type Moto, motoMissing, startMoto } from "../support/moto.ts";

const HUB = "123456789012";

interface User {
  readonly userName: string;
  readonly outcome: string;
  readonly code: string;
  readonly command: string | null;
}

interface Account {
  readonly account: string;
  readonly name: string | null;
  readonly outcome: string;
  readonly code: string;
  readonly caller: string | null;
  readonly notes: readonly string[];
  readonly users: readonly User[];
}

interface Document {
  readonly schema: string;
  readonly run: string;
  readonly accounts: readonly Account[];
  readonly summary: {
    readonly accountOutcomes: unknown;
    readonly users: number;
    readonly outcomes: Readonly<Record<string, number>>;
    readonly done: unknown;
    readonly stuck: { readonly users: number; readonly byReason: unknown; readonly first: readonly unknown[] };
  };
}

/** The shape of a value: the names of its fields, and those of the first of a list. */
const shapeOf = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf);
  if (typeof value !== "object" || value === null) return "";
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !["ruledOut", "outcomes", "done", "byReason", "stuck", "accountOutcomes"].includes(name))
      .map(([name, each]) => [name, ["accounts", "users"].includes(name) ? shapeOf(each) : ""]),
  );
};

describe.skipIf(motoMissing !== null)(`many accounts ${motoMissing ?? ""}`, () => {
  let moto: Moto;
  let proxy: FaultProxy;
  let organizations: OrganizationsClient;
  const ids = new Map<string, string>();
  const id = (name: string): string => ids.get(name) ?? "";
  let unit = "";
  let config = "";

  beforeAll(async () => {
    moto = await startMoto();
    proxy = await startFaultProxy(moto.url);
    const credentials = { accessKeyId: "ASIATESTRUNNER000000", secretAccessKey: "test" };
    organizations = new OrganizationsClient({ endpoint: moto.url, region: "us-east-1", credentials });
    await organizations.send(new CreateOrganizationCommand({ FeatureSet: "ALL" }));
    for (const name of ["prod", "dev", "closed", "sandbox", "locked"]) {
      const made = await organizations.send(
        new CreateAccountCommand({ AccountName: name, Email: `${name}@example.com` }),
      );
      ids.set(name, made.CreateAccountStatus?.AccountId ?? "");
    }
    const { Roots: [root] = [] } = await organizations.send(new ListRootsCommand({}));
    const outer = await organizations.send(new CreateOrganizationalUnitCommand({ ParentId: root?.Id, Name: "play" }));
    const inner = await organizations.send(
      new CreateOrganizationalUnitCommand({ ParentId: outer.OrganizationalUnit?.Id, Name: "deep" }),
    );
    unit = outer.OrganizationalUnit?.Id ?? "";
    await organizations.send(
      new MoveAccountCommand({
        AccountId: id("sandbox"),
        SourceParentId: root?.Id,
        DestinationParentId: inner.OrganizationalUnit?.Id,
      }),
    );
    await organizations.send(new CloseAccountCommand({ AccountId: id("closed") }));
    await organizations.send(new TagResourceCommand({ ResourceId: id("dev"), Tags: [{ Key: "stage", Value: "dev" }] }));
    // One name in every account: nothing of one may be taken for the other's.
    for (const account of [HUB, ...ids.values()])
      await moto.seed([{ name: "bob", path: "/ci/", keys: [{ ageDays: 120, usedDaysAgo: 1 }] }], account);
    await moto.seed([{ name: "off", keys: [{ ageDays: 200, usedDaysAgo: 150 }] }], id("prod"));
    config = join(temporaryFolder(), "keyturn.yaml");
    writeFileSync(
      config,
      `
settle: 0s
defaults: { deliver: "ssm:/keys/{account}/{user}" }
organization:
  role: KeyturnMember
  externalId: turn-1
  sourceIdentity: run
  sessionPolicy: derived
  central: "${HUB}"
  exclude: { ou: ${unit} }
  overrides:
    "${id("dev")}": { policy: { rotateAfter: 300d }, select: { path: /ci/ } }
`,
    );
  });
  afterAll(async () => {
    organizations.destroy();
    await proxy.stop();
    await moto.stop();
  });
  beforeEach(() => {
    proxy.reset();
    proxy.before = ({ action, body }) =>
      action === "sts:AssumeRole" && body.includes(id("locked"))
        ? { kind: "error", status: 403, code: "AccessDenied", message: "not authorized to perform: sts:AssumeRole" }
        : { kind: "pass" };
  });

  const all = async (command: string, ...flags: readonly string[]) => {
    const words = [command, "--all-accounts", "--config", config, "--all-users", ...flags];
    return typed(words, proxy.url);
  };
  const read = (out: string): Document => JSON.parse(out) as Document; // keyturn's own document
  const of = ({ accounts }: Document, account: string) => accounts.find((each) => each.account === account);
  const bobIn = (document: Document, account: string) =>
    of(document, account)?.users.find(({ userName }) => userName === "bob");
  let scanned: Document;

  it("are told in one document, whatever stands in the way of some", async () => {
    const { code, out, err } = await all("scan", "--format", "json");
    expect(err).toBe("");
    expect(code).toBe(1);
    scanned = read(out);
    const states = scanned.accounts.map(({ account, outcome, code: why }) => [account, `${outcome} ${why}`]);
    expect(new Map(states as [string, string][])).toEqual(
      new Map([
        [HUB, "done done"],
        [id("prod"), "done done"],
        [id("dev"), "done done"],
        [id("closed"), "skipped not-active"],
        [id("sandbox"), "skipped excluded"],
        [id("locked"), "failed assume-denied"],
      ]),
    );
    expect(bobIn(scanned, id("prod"))).toMatchObject({ outcome: "due", code: "due" });
    expect(bobIn(scanned, id("dev"))).toMatchObject({ outcome: "settled", code: "young" });
    expect(of(scanned, id("prod"))).toMatchObject({ name: "prod" });
    expect(of(scanned, id("prod"))?.caller).toContain(`assumed-role/KeyturnMember/keyturn-${scanned.run}`);
    expect(scanned.summary).toMatchObject({
      users: 4,
      accountOutcomes: { done: 3, failed: 1, skipped: 2 },
      stuck: { users: 1, byReason: { "unused-key": 1 }, first: [{ account: id("prod"), userName: "off" }] },
    });
  });

  it("are entered with the run's name, external id and a narrow session", () => {
    return all("scan", "--format", "ndjson").then(({ out }) => {
      const lines = out.split("\n").map((line) => JSON.parse(line) as { type: string; account: string; run?: string });
      const run = lines.at(-1)?.run ?? "";
      const assumed = proxy.calls.filter(({ action }) => action === "sts:AssumeRole");
      const asked = assumed.map(({ body }) => new URLSearchParams(body));
      expect(asked.map((each) => each.get("ExternalId"))).toEqual(["turn-1", "turn-1", "turn-1"]);
      expect(asked.map((each) => each.get("SourceIdentity"))).toEqual([run, run, run]);
      for (const policy of asked.map((each) => each.get("Policy") ?? "")) {
        expect(policy.length).toBeLessThanOrEqual(2048);
        expect(policy).toContain("iam:CreateAccessKey");
        expect(policy).not.toContain("ssm:");
      }
      // The users of an account stand before its own line, and the totals come last.
      const kinds = lines.map(({ type, account }) => `${type} ${account}`);
      expect(kinds.indexOf(`user ${id("dev")}`)).toBe(kinds.indexOf(`account ${id("dev")}`) - 1);
      expect(lines.filter(({ type }) => type === "user")).toHaveLength(4);
      expect(lines.at(-1)).toMatchObject({ type: "totals", summary: { ...scanned.summary } });
    });
  });

  it("are rotated side by side, with a limit for all together, and their keys go to the central account", async () => {
    const folder = temporaryFolder();
    const [audit, report] = [join(folder, "audit.jsonl"), join(folder, "report.json")];
    const limited = join(folder, "keyturn.yaml");
    writeFileSync(limited, readFileSync(config, "utf8").replace("  role: ", "  limits: { maxRotations: 1 }\n  role: "));
    const run = (file: string) =>
      typed(
        ["run", "--all-accounts", "--config", file, "--user", "bob", "--yes", "--audit", audit, "--report", report],
        proxy.url,
      );

    // One that is refused leaves what it was allowed to make to the next.
    const [first = "", second = ""] = [HUB, id("prod")].toSorted();
    const alarmed = join(folder, "alarmed.yaml");
    const refusing = `  limits: { maxRotations: 1, parallel: 1 }\n  overrides:\n    "${first}": { limits: { refuseAbove: 0 } }\n`;
    writeFileSync(alarmed, readFileSync(config, "utf8").replace("  overrides:\n", refusing));
    const only = ["--account", first, "--account", second, "--user", "bob", "--dry-run", "--format", "json"];
    const looked = await typed(["run", "--all-accounts", "--config", alarmed, ...only], proxy.url);
    expect(looked.code).toBe(3);
    expect(of(read(looked.out), first)).toMatchObject({ outcome: "refused", code: "refused-above", users: [] });
    expect(bobIn(read(looked.out), second)).toMatchObject({ outcome: "due" });

    const nobody = await typed(
      ["run", "--all-accounts", "--config", config, "--user", "bbo", "--yes", "--account", id("prod")],
      proxy.url,
    );
    expect([nobody.code, nobody.err]).toEqual([2, expect.stringContaining("no account has a user bbo")]);

    expect((await run(limited)).code).toBe(1);
    expect(read(readFileSync(report, "utf8")).summary).toMatchObject({
      outcomes: { changed: 1, deferred: 1, settled: 1 },
      done: { rotated: 1 },
    });
    const { code, out } = await run(config);
    expect(code).toBe(1);
    expect(out).toContain(`run of 3 users in 3 accounts of 6`);
    expect(out).toContain(`${id("locked")}  locked`);
    const document = read(readFileSync(report, "utf8"));
    expect(shapeOf(document)).toEqual(shapeOf({ ...scanned, dryRun: false }));

    const ssm = new SSMClient({
      endpoint: moto.url,
      region: "eu-west-1",
      credentials: { accessKeyId: "ASIATESTRUNNER000000", secretAccessKey: "test" },
    });
    const { Parameters = [] } = await ssm.send(new GetParametersByPathCommand({ Path: "/keys", Recursive: true }));
    ssm.destroy();
    expect(Parameters.map(({ Name }) => Name).toSorted()).toEqual(
      [`/keys/${HUB}/bob`, `/keys/${id("prod")}/bob`].toSorted(),
    );
    const verified = await typed(["audit", "verify", audit], proxy.url);
    expect(verified.out).toContain(`${document.run}/${id("prod")}`);
    expect(verified.code).toBe(0);
  });

  it("have reasons of their own where the organization, or the role, does not let us", async () => {
    const { before } = proxy;
    const denied = (message: string) => ({ kind: "error", status: 403, code: "AccessDenied", message }) as const;
    proxy.before = (call) => {
      const { action, signer, body } = call;
      if (action === "sts:AssumeRole" && body.includes(id("dev")))
        return denied("not authorized to perform: sts:AssumeRole with an explicit deny in a service control policy");
      if (signer === "ASIATESTRUNNER000000" && action === "iam:ListUsers") return denied("no permission");
      if (action === "iam:ListAccessKeys" && body.includes("UserName=off"))
        return denied("with an explicit deny in a service control policy");
      return before(call);
    };
    const document = read((await all("plan", "--format", "json")).out);
    expect(
      document.accounts
        .filter(({ outcome }) => outcome === "failed")
        .map((each) => each.code)
        .toSorted(),
    ).toEqual(["assume-denied", "list-denied", "scp-denied"]);
    expect(of(document, id("prod"))?.users.find(({ userName }) => userName === "off")).toMatchObject({
      outcome: "blocked",
      code: "scp-denied",
    });
  });

  it("are not worked in where a role leads elsewhere, and no two of them share a target", async () => {
    await moto.seed([{ name: id("dev"), keys: [{ ageDays: 1 }] }], id("prod"));
    await moto.seed([{ name: id("prod"), keys: [{ ageDays: 1 }] }], id("dev"));
    const twisted = join(temporaryFolder(), "keyturn.yaml");
    // Whoever may name users can make the two targets one, although each has all that tells them apart.
    const own = 'deliver: "ssm:/keys/{user}/{account}", policy: { rotateAfter: 300d }, select: { name: "*" }';
    writeFileSync(
      twisted,
      readFileSync(config, "utf8").replace("policy: { rotateAfter: 300d }, select: { path: /ci/ }", own),
    );
    const words = ["scan", "--all-accounts", "--config", twisted, "--format", "json"];
    const both = read((await typed([...words, "--account", id("prod"), "--account", id("dev")], proxy.url)).out);
    expect(both.accounts.map(({ outcome, code }) => `${outcome} ${code}`).toSorted()).toEqual([
      "done done",
      "failed unusable",
    ]);
    expect(JSON.stringify(both)).toContain("would share the target ssm:/keys/");

    proxy.rewrite = ({ action }, body) =>
      action === "sts:GetCallerIdentity" ? body.replaceAll(id("prod"), "999999999999") : body;
    const before = proxy.counts()["iam:ListUsers"] ?? 0;
    const document = read((await all("scan", "--format", "json", "--account", id("prod"))).out);
    expect(document.accounts).toMatchObject([{ outcome: "failed", code: "wrong-account", users: [] }]);
    expect(proxy.counts()["iam:ListUsers"]).toBe(before);
  });

  it("can be entered one by one, for what a person does", async () => {
    const words = ["--config", config, "--account", id("dev")];
    const status = await typed(["status", "bob", ...words], proxy.url);
    expect(status.out).toContain("bob");
    expect(status.code).toBe(0);
    const needed = await typed(["policy", "--config", config, "--account", id("dev")], proxy.url);
    expect(needed.out).toContain(`:${id("dev")}:user/ci/*`);
    expect(needed.out).not.toContain("ssm:");
    const held = await typed(["hold", "bob", "--until", "2099-01-01", "--yes", ...words], proxy.url);
    expect(held.err).toBe("");
    const looked = await all("scan", "--format", "json", "--verbose", "--account", id("dev"));
    expect(looked.err).toMatch(new RegExp(`^${id("dev")}: .*bob`, "m"));
    const document = read(looked.out);
    expect(document.accounts).toHaveLength(1);
    expect(bobIn(document, id("dev"))).toMatchObject({ code: "on-hold" });
  });

  it.each([
    ["a plan file", ["plan", "--out", "plan.json"], "a plan file is of one account"],
    ["a plan to perform", ["run", "plan.json", "--yes"], "a plan file is of one account"],
    ["nobody to ask", ["run"], "there is no terminal to ask on"],
    ["a target that accounts would share", ["scan", "--deliver", "ssm:/keys/{user}"], "put {account} into the target"],
    ["a file that they would share", ["scan", "--deliver", "file:./{user}.json"], "put {account} into the target"],
    ["a stream", ["scan", "--deliver", "stdout"], "cannot be told apart"],
    ["an account that is none of them", ["scan", "--account", "999999999999"], "none of the accounts"],
  ])("refuse %s before anything is done", async (_, [command = "", ...flags], message) => {
    const { code, err } = await all(command, ...flags);
    expect(err).toContain(message);
    expect(code).toBe(2);
    expect(proxy.counts()["sts:AssumeRole"]).toBeUndefined();
  });

  it("are not guessed where Organizations may not be asked, or a unit is not there", async () => {
    proxy.before = ({ action }) =>
      action === "organizations:ListAccounts"
        ? { kind: "error", status: 400, code: "AccessDeniedException" }
        : { kind: "pass" };
    const denied = await all("scan");
    expect(denied.err).toContain("organizations:ListAccounts is denied");
    expect(denied.err).toContain("delegated administrator");
    expect(denied.code).toBe(2);
    proxy.before = ({ action }) =>
      action === "organizations:ListAccountsForParent"
        ? { kind: "error", status: 400, code: "ParentNotFoundException" }
        : { kind: "pass" };
    expect((await all("scan")).err).toContain(`there is no organizational unit ${unit}`);
  });
});
