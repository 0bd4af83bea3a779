import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** One request as Mailgun would see it. */
export interface MailgunRequest {
  readonly path: string;
  readonly type: string;
  readonly authorization: string;
  readonly form: Readonly<Record<string, string>>;
}

export interface MailgunServer {
  /** What messages are posted to. */
  readonly url: string;
  readonly requests: MailgunRequest[];
  /** What it answers; `body` = the request's. */
  answer: (outgoing: ServerResponse, body: string) => void;
  stop(): Promise<void>;
}

/** What Mailgun answers where it has taken a message. */
export const queued = (outgoing: ServerResponse): void =>
  void outgoing.end(JSON.stringify({ id: "<20261120.1@mg.example.com>", message: "Queued. Thank you." }));

/** Something that takes forms as Mailgun does, on the loopback interface. */
export async function startMailgun(): Promise<MailgunServer> {
  const http = createServer((incoming, outgoing) => {
    void read(incoming).then(({ body, ...request }) => {
      server.requests.push(request);
      server.answer(outgoing, body);
    });
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const { port } = http.address() as AddressInfo; // it listens on a port, not on a pipe
  const server: MailgunServer = {
    url: `http://127.0.0.1:${port}/v3/mg.example.com/messages`,
    requests: [],
    answer: queued,
    stop: () =>
      new Promise((resolve) => {
        http.close(() => resolve());
        http.closeAllConnections();
      }),
  };
  return server;
}

/** Takes the form apart by the platform's own parser. */
async function read(incoming: IncomingMessage): Promise<MailgunRequest & { readonly body: string }> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer); // a request's body comes in buffers
  const body = Buffer.concat(chunks);
  const { authorization = "", "content-type": type = "" } = incoming.headers;
  const parsed = await new Response(body, { headers: { "content-type": type } }).formData();
  return {
    path: incoming.url ?? "",
    type,
    authorization,
    form: Object.fromEntries([...parsed].map(([name, value]) => [name, typeof value === "string" ? value : "a file"])),
    body: body.toString(),
  };
}
