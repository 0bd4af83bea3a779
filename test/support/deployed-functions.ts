import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { unpackFunction } from "./function-bundle.ts";

/** What one call of a function came to. */
export interface Invoked {
  readonly name: string;
  readonly ok: boolean;
  /** All that it logged, and what it answered or threw. */
  readonly out: string;
}

/** As much of it as tells how a function runs. @see https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html */
interface Deployed {
  readonly Configuration: {
    readonly CodeSha256: string;
    readonly Handler: string;
    readonly Environment?: { readonly Variables?: Readonly<Record<string, string>> };
  };
}

const PROGRAM = `const { handler } = await import(process.env.FUNCTION);
const event = JSON.parse(process.env.EVENT);
const answer = await handler(event, { getRemainingTimeInMillis: () => 900_000 });
console.log(JSON.stringify(answer ?? null));`;

/**
 * Runs the functions that are deployed in an emulator: each call in a process of its own, with the environment that the function was
 * given there, and the code whose checksum it was deployed with, from a folder of packages.
 */
export class DeployedFunctions {
  readonly #endpoint: string;
  readonly #region: string;
  /** The entry of each package, by its checksum. */
  readonly #code: ReadonlyMap<string, string>;
  readonly #bridge: Server;
  /** Every call, in order. */
  readonly calls: Invoked[] = [];

  constructor(endpoint: string, region: string, packages: string) {
    this.#endpoint = endpoint;
    this.#region = region;
    this.#code = new Map(
      readdirSync(packages).map((zip) => {
        const path = join(packages, zip);
        return [createHash("sha256").update(readFileSync(path)).digest("base64"), unpackFunction(path)];
      }),
    );
    // What AWS does between Secrets Manager and Lambda: a call with the event, which ends well or does not.
    this.#bridge = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on("data", (part: Buffer) => parts.push(part));
      request.on("end", () => {
        const name = String(request.headers["x-function-arn"]).split(":").at(-1) ?? "";
        this.invoke(name, JSON.parse(Buffer.concat(parts).toString())).then(
          ({ ok }) => response.writeHead(ok ? 200 : 500).end(),
          () => response.writeHead(500).end(),
        );
      });
    });
  }

  /** Begins to listen. Answers with the address for the emulator's bridge. */
  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#bridge.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#bridge.address() as AddressInfo).port}`;
  }

  /** Calls a function as AWS does. Throws where none of that name is deployed with a package of the folder. */
  async invoke(name: string, event: unknown = {}): Promise<Invoked> {
    const { CodeSha256, Handler, Environment } = (await this.#describe(name)).Configuration;
    const entry = this.#code.get(CodeSha256);
    if (entry === undefined || Handler !== "index.handler") throw new Error(`${name} is not deployed as it was packed`);
    const env = {
      PATH: process.env["PATH"] ?? "",
      AWS_REGION: this.#region,
      AWS_ENDPOINT_URL: this.#endpoint,
      AWS_ACCESS_KEY_ID: "ASIATESTRUNNER000000",
      AWS_SECRET_ACCESS_KEY: "test",
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true",
      KEYTURN_SETTLE: "0s",
      ...Environment?.Variables,
      FUNCTION: pathToFileURL(entry).href,
      EVENT: JSON.stringify(event),
    };
    const invoked = await new Promise<Invoked>((resolve) => {
      execFile(process.execPath, ["--input-type=module", "-e", PROGRAM], { env }, (error, stdout, stderr) =>
        resolve({ name, ok: error === null, out: `${stdout}${stderr}` }),
      );
    });
    this.calls.push(invoked);
    return invoked;
  }

  async #describe(name: string): Promise<Deployed> {
    // The emulator tells services apart by whom a request is signed for, and checks no signature.
    const scope = `ASIATESTRUNNER000000/20261120/${this.#region}/lambda/aws4_request`;
    const response = await fetch(`${this.#endpoint}/2015-03-31/functions/${name}`, {
      headers: { authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=none` },
    });
    if (!response.ok) throw new Error(`there is no function ${name}`);
    return (await response.json()) as Deployed;
  }

  stop(): void {
    this.#bridge.close();
  }
}
