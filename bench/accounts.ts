import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { keyturn, temporaryFolder } from "../test/support/cli.ts";
import { show } from "./table.ts";

/** Of a hundred users so many are due, and read exactly. */
const DUE_PERCENT = 1;

const PAGE = 1000;

/** Tells at its end how large the heap has been, and what the whole process took. */
const WATCH = `let most=0;setInterval(()=>{most=Math.max(most,process.memoryUsage().heapUsed)},20).unref();process.on("exit",()=>console.error("heap "+most+" rss "+process.resourceUsage().maxRSS*1024));`;

/** Many users over many accounts, with `plan --all-accounts`: a heap that does not grow with the number of users. */
export async function benchAccounts(sizes: readonly (readonly [accounts: number, users: number])[]): Promise<void> {
  const rows: (string | number)[][] = [];
  for (const [accounts, users] of sizes) {
    for (const format of ["ndjson", "json"]) {
      const { calls, ms, lines, heap, rss } = await measure(accounts, users, format);
      rows.push([
        accounts,
        accounts * users,
        format,
        calls,
        `${(ms / 1000).toFixed(1)} s`,
        lines,
        mega(heap),
        mega(rss),
      ]);
    }
  }
  show(
    `plan --all-accounts, ${DUE_PERCENT}% of the users due, against a server that answers at once (budget: a heap under 200 MB for 100,000 users as ndjson)`,
    ["ACCOUNTS", "USERS", "FORMAT", "CALLS", "WALL", "LINES", "LARGEST HEAP", "LARGEST RSS"],
    rows,
  );
}

const mega = (bytes: number): string => `${Math.round(bytes / 1_000_000)} MB`;

async function measure(accounts: number, users: number, format: string) {
  const aws = await startAws(users);
  const folder = temporaryFolder();
  const list = Array.from({ length: accounts }, (_, index) => `{ id: "${accountOf(index)}" }`).join(", ");
  const config = `defaults: { deliver: "ssm:/keys/{user}" }\naccounts: { role: Member, list: [${list}] }\n`;
  writeFileSync(join(folder, "keyturn.yaml"), config);
  const out = openSync(join(folder, "out"), "w");
  const began = performance.now();
  const { code, stderr } = await keyturn(["plan", "--all-accounts", "--format", format], {
    endpoint: aws.url,
    cwd: folder,
    stdout: out,
    env: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(WATCH)}` },
  });
  const ms = performance.now() - began;
  closeSync(out);
  aws.stop();
  const [, heap = "0", rss = "0"] = /heap (\d+) rss (\d+)/.exec(stderr) ?? [];
  if (code !== 0) throw new Error(stderr.slice(-500));
  const lines = readFileSync(join(folder, "out"), "utf8").split("\n").length - 1;
  return { calls: aws.calls(), ms, lines, heap: Number(heap), rss: Number(rss) };
}

const accountOf = (index: number): string => String(100_000_000_000 + index);

/** As much of AWS as a plan asks for, with the same users in every account. Which account is meant stands in the key that signs. */
async function startAws(users: number) {
  let calls = 0;
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      calls += 1;
      const [, signer = ""] = /Credential=(\w+)\//.exec(incoming.headers.authorization ?? "") ?? [];
      const target = incoming.headers["x-amz-target"];
      if (typeof target === "string") {
        outgoing.writeHead(400, { "content-type": "application/x-amz-json-1.1" });
        outgoing.end(JSON.stringify({ __type: "ParameterNotFound" }));
        return;
      }
      const asked = new URLSearchParams(Buffer.concat(chunks).toString());
      const body = answer(asked, signer.slice(4, 16), users);
      outgoing.writeHead(body.startsWith("<ErrorResponse>") ? 404 : 200, { "content-type": "text/xml" });
      outgoing.end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo; // a server on a port has such an address
  return {
    url: `http://127.0.0.1:${port}`,
    calls: () => calls,
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

const OLD = "2025-01-01T00:00:00Z";

const isDue = (index: number): boolean => index % 100 < DUE_PERCENT;

function answer(asked: URLSearchParams, account: string, users: number): string {
  const action = asked.get("Action") ?? "";
  const wrap = (inner: string) => `<${action}Response><${action}Result>${inner}</${action}Result></${action}Response>`;
  const arnOf = (index: number) => `arn:aws:iam::${account}:user/user-${index}`;
  const from = Number(asked.get("Marker") ?? 0);
  const to = Math.min(users, from + PAGE);
  const page = Array.from({ length: to - from }, (_, offset) => from + offset);
  const more =
    to < users ? `<IsTruncated>true</IsTruncated><Marker>${to}</Marker>` : "<IsTruncated>false</IsTruncated>";
  const members = (indexes: readonly number[]) =>
    indexes
      .map(
        (index) =>
          `<member><UserName>user-${index}</UserName><Path>/</Path><UserId>A</UserId><Arn>${arnOf(index)}</Arn><CreateDate>${OLD}</CreateDate></member>`,
      )
      .join("");
  switch (action) {
    case "AssumeRole": {
      const [, id = ""] = /::(\d{12}):/.exec(asked.get("RoleArn") ?? "") ?? [];
      const end = new Date(Date.now() + 3_600_000).toISOString();
      return wrap(
        `<Credentials><AccessKeyId>ASIA${id}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>${end}</Expiration></Credentials>`,
      );
    }
    case "GetCallerIdentity": {
      const own = /^\d{12}$/.test(account) ? account : "999999999999";
      return wrap(`<Account>${own}</Account><Arn>arn:aws:sts::${own}:assumed-role/Member/x</Arn><UserId>x</UserId>`);
    }
    case "ListUsers":
      return wrap(`<Users>${members(page.slice(0, 101))}</Users>${more}`);
    case "GetAccountAuthorizationDetails":
      return wrap(`<UserDetailList>${members(page)}</UserDetailList>${more}`);
    case "GenerateCredentialReport":
      return wrap("<State>COMPLETE</State>");
    case "GetCredentialReport":
      return wrap(
        `<Content>${Buffer.from(reportOf(users, arnOf)).toString("base64")}</Content><GeneratedTime>${new Date().toISOString()}</GeneratedTime><ReportFormat>text/csv</ReportFormat>`,
      );
    case "ListAccessKeys": {
      const index = Number(asked.get("UserName")?.slice(5));
      return wrap(
        `<AccessKeyMetadata><member><AccessKeyId>AKIA${account}${index}</AccessKeyId><Status>Active</Status><CreateDate>${dateOf(index)}</CreateDate></member></AccessKeyMetadata><IsTruncated>false</IsTruncated>`,
      );
    }
    case "GetAccessKeyLastUsed":
      return wrap(
        `<UserName>x</UserName><AccessKeyLastUsed><LastUsedDate>${new Date().toISOString()}</LastUsedDate><ServiceName>s3</ServiceName><Region>eu-west-1</Region></AccessKeyLastUsed>`,
      );
    default:
      return "<ErrorResponse><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>no</Message></Error></ErrorResponse>";
  }
}

const dateOf = (index: number): string => (isDue(index) ? OLD : new Date(Date.now() - 5 * 86_400_000).toISOString());

function reportOf(users: number, arnOf: (index: number) => string): string {
  const header =
    "user,arn,user_creation_time,password_enabled,access_key_1_active,access_key_1_last_rotated,access_key_2_active,access_key_2_last_rotated";
  const rows = Array.from(
    { length: users },
    (_, index) => `user-${index},${arnOf(index)},${OLD},false,true,${dateOf(index)},false,N/A`,
  );
  return [header, ...rows].join("\n");
}
