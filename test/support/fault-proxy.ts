import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";

/** One call as it passes through. */
export interface Call {
  /** From 1, in the order of arrival. */
  readonly number: number;
  /** Such as `iam:CreateAccessKey`; of S3, whose calls bear no name, by their method. */
  readonly action: string;
  /** As it was asked for: with S3 it names the object. */
  readonly path: string;
  /** The key that signs. */
  readonly signer: string;
  readonly body: string;
}

/**
 * What to do with a call. `lose-reply` = it takes effect, but no answer comes · `lose` = it never arrives · `cut` = it takes
 * effect, and the connection breaks in the middle of the answer, before the text given.
 */
export type Fault =
  | { readonly kind: "pass" }
  | { readonly kind: "lose" }
  | { readonly kind: "lose-reply" }
  | { readonly kind: "cut"; readonly before: string }
  | {
      readonly kind: "error";
      readonly status: number;
      readonly code: string;
      readonly message?: string;
      readonly afterEffect?: boolean;
    }
  | { readonly kind: "reply"; readonly status: number; readonly body: string };

export interface FaultProxy {
  readonly url: string;
  readonly calls: Call[];
  /** Decides about each call before it is passed on. Awaited: whoever wants to kill somebody first, can. */
  before: (call: Call) => Fault | Promise<Fault>;
  /** Runs when a call has taken effect, before its answer is passed back. */
  after: (call: Call) => void | Promise<void>;
  /** Hears every answer. */
  overhear: (body: string) => void;
  /** Changes the body of an answer. */
  rewrite: (call: Call, body: string) => string;
  latencyMs: number;
  counts(): Readonly<Record<string, number>>;
  reset(): void;
  stop(): Promise<void>;
}

const PASS: Fault = { kind: "pass" };

/** A proxy in front of the emulator, on a free port of the loopback interface, that loses, refuses and delays what it is told to. */
export async function startFaultProxy(upstream: string): Promise<FaultProxy> {
  const target = new URL(upstream);
  const connections = new Agent({ keepAlive: true, maxSockets: 64 });
  const server = createServer((incoming, outgoing) => {
    handle(incoming, outgoing).catch((error: unknown) => {
      if (!outgoing.headersSent) outgoing.writeHead(502);
      outgoing.end(String(error));
    });
  });
  server.keepAliveTimeout = 120_000;

  async function handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = await readAll(incoming);
    const call: Call = { number: proxy.calls.length + 1, ...describe(incoming, body), body: body.toString() };
    proxy.calls.push(call);
    if (proxy.latencyMs > 0) await wait(proxy.latencyMs);
    const fault = await proxy.before(call);
    if (fault.kind === "lose") return void outgoing.socket?.destroy();
    if (fault.kind === "reply") return reply(outgoing, fault.status, fault.body);
    if (fault.kind === "error" && fault.afterEffect !== true) return refuse(outgoing, incoming, fault);
    const answer = await forward(incoming, body);
    await proxy.after(call);
    if (fault.kind === "lose-reply") return void outgoing.socket?.destroy();
    if (fault.kind === "error") return refuse(outgoing, incoming, fault);
    proxy.overhear(answer.body.toString());
    const rewritten = Buffer.from(proxy.rewrite(call, answer.body.toString()));
    outgoing.writeHead(answer.status, { ...answer.headers, "content-length": String(rewritten.length) });
    if (fault.kind !== "cut") return void outgoing.end(rewritten);
    outgoing.write(rewritten.subarray(0, Math.max(1, rewritten.indexOf(fault.before))), () =>
      outgoing.socket?.destroy(),
    );
  }

  function forward(incoming: IncomingMessage, body: Buffer) {
    return new Promise<{ status: number; headers: Record<string, string | string[]>; body: Buffer }>(
      (resolve, reject) => {
        const passed = request(
          {
            host: target.hostname,
            port: target.port,
            method: incoming.method,
            path: incoming.url,
            headers: incoming.headers,
            agent: connections,
          },
          (answer) => {
            readAll(answer).then((bytes) => {
              const { connection: _, "transfer-encoding": __, ...headers } = answer.headers;
              resolve({
                status: answer.statusCode ?? 502,
                headers: { ...(headers as Record<string, string>), "content-length": String(bytes.length) },
                body: bytes,
              });
            }, reject);
          },
        );
        passed.on("error", reject);
        passed.end(body);
      },
    );
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const proxy: FaultProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls: [],
    before: () => PASS,
    after: () => undefined,
    overhear: () => undefined,
    rewrite: (_call, body) => body,
    latencyMs: 0,
    counts: () => {
      const counts: Record<string, number> = {};
      for (const { action } of proxy.calls) counts[action] = (counts[action] ?? 0) + 1;
      return counts;
    },
    reset: () => {
      proxy.calls.length = 0;
      proxy.before = () => PASS;
      proxy.after = () => undefined;
      proxy.overhear = () => undefined;
      proxy.rewrite = (_call, body) => body;
      proxy.latencyMs = 0;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
        connections.destroy();
      }),
  };
  return proxy;
}

async function readAll(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

const OBJECT_CALLS: Readonly<Record<string, string>> = { GET: "GetObject", PUT: "PutObject" };

/** Who signs, for which service, doing what: query services name the action in the body, JSON services in a header. */
function describe(
  { headers, method, url = "/" }: IncomingMessage,
  body: Buffer,
): Pick<Call, "action" | "signer" | "path"> {
  const [, signer = "nobody", service = "unknown"] =
    /Credential=([^/]+)\/\d+\/[^/]+\/([^/]+)\//.exec(headers.authorization ?? "") ?? [];
  const target = headers["x-amz-target"];
  const name =
    typeof target === "string" ? target.split(".").at(-1) : new URLSearchParams(body.toString()).get("Action");
  const byMethod = service === "s3" ? OBJECT_CALLS[method ?? ""] : undefined;
  return {
    signer,
    action: `${service}:${name ?? byMethod ?? "unknown"}`,
    path: decodeURIComponent(url.split("?")[0] ?? ""),
  };
}

function reply(outgoing: ServerResponse, status: number, body: string): void {
  outgoing.writeHead(status, {
    "content-type": body.startsWith("<") ? "text/xml" : "application/x-amz-json-1.1",
    "content-length": String(Buffer.byteLength(body)),
  });
  outgoing.end(body);
}

function refuse(
  outgoing: ServerResponse,
  incoming: IncomingMessage,
  { status, code, message = "by the fault proxy" }: { status: number; code: string; message?: string },
): void {
  if (typeof incoming.headers["x-amz-target"] === "string")
    return reply(outgoing, status, JSON.stringify({ __type: code, message }));
  reply(
    outgoing,
    status,
    `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>0</RequestId></ErrorResponse>`,
  );
}
