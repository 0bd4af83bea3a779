import {
  CreateQueueCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import type { SQSEvent } from "aws-lambda";

/** As Lambda calls the function of an event source mapping. */
type Handler = (event: SQSEvent) => Promise<unknown>;

/** One queue with a dead-letter queue, and what Lambda does between it and a function. */
export class EventSource {
  readonly url: string;
  readonly #deadUrl: string;
  readonly #client: SQSClient;

  private constructor(client: SQSClient, url: string, deadUrl: string) {
    this.#client = client;
    this.url = url;
    this.#deadUrl = deadUrl;
  }

  /** `tries` = how often a message may be received; `visibility` = for how many seconds it is out of sight then. */
  static async create(endpoint: string, name: string, tries: number, visibility = 60): Promise<EventSource> {
    const credentials = { accessKeyId: "ASIATESTRUNNER000000", secretAccessKey: "test" };
    const client = new SQSClient({ endpoint, region: "eu-west-1", credentials });
    const make = async (QueueName: string) => (await client.send(new CreateQueueCommand({ QueueName }))).QueueUrl ?? "";
    const [url, deadUrl] = [await make(name), await make(`${name}-dead`)];
    const QueueArn = (await EventSource.#attributes(client, deadUrl))["QueueArn"];
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: QueueArn, maxReceiveCount: tries });
    const Attributes = { RedrivePolicy, VisibilityTimeout: String(visibility) };
    await client.send(new SetQueueAttributesCommand({ QueueUrl: url, Attributes }));
    return new EventSource(client, url, deadUrl);
  }

  static #attributes = async (client: SQSClient, QueueUrl: string): Promise<Readonly<Record<string, string>>> =>
    (await client.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] }))).Attributes ?? {};

  async send(MessageBody: string): Promise<void> {
    await this.#client.send(new SendMessageCommand({ QueueUrl: this.url, MessageBody }));
  }

  /** Messages in the queue, seen or unseen, and in the one behind it. */
  async counts(): Promise<{ readonly waiting: number; readonly dead: number }> {
    const of = async (url: string) => {
      const found = await EventSource.#attributes(this.#client, url);
      const names = ["", "NotVisible", "Delayed"].map((name) => `ApproximateNumberOfMessages${name}`);
      return names.reduce((sum, name) => sum + Number(found[name] ?? 0), 0);
    };
    const [waiting, dead] = await Promise.all([of(this.url), of(this.#deadUrl)]);
    return { waiting, dead };
  }

  /** Takes out what is in the dead-letter queue, as it was sent. */
  async takeDead(): Promise<readonly string[]> {
    const found: string[] = [];
    for (;;) {
      const { Messages = [] } = await this.#client.send(
        new ReceiveMessageCommand({ QueueUrl: this.#deadUrl, MaxNumberOfMessages: 10 }),
      );
      if (Messages.length === 0) return found;
      for (const { Body = "", ReceiptHandle } of Messages) {
        found.push(Body);
        await this.#client.send(new DeleteMessageCommand({ QueueUrl: this.#deadUrl, ReceiptHandle }));
      }
    }
  }

  /**
   * Receives once, and calls the function with what came; deletes what did not fail. Answers with the number of messages.
   * @see https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
   */
  async poll(handler: Handler, size = 1): Promise<number> {
    const { Messages = [] } = await this.#client.send(
      new ReceiveMessageCommand({
        QueueUrl: this.url,
        MaxNumberOfMessages: size,
        WaitTimeSeconds: 0,
        MessageSystemAttributeNames: ["ApproximateReceiveCount"],
      }),
    );
    if (Messages.length === 0) return 0;
    const failed = await handler(eventOf(Messages)).then(failuresIn, () => null);
    // A function that throws, or that answers what nobody understands, has done none of them.
    const done = failed === null ? [] : Messages.filter(({ MessageId = "" }) => !failed.includes(MessageId));
    for (const { ReceiptHandle } of done)
      await this.#client.send(new DeleteMessageCommand({ QueueUrl: this.url, ReceiptHandle }));
    return Messages.length;
  }

  /** Polls, so many at one time, until nothing is in sight. */
  async drain(handler: Handler, pollers = 1): Promise<void> {
    const poller = async () => {
      while ((await this.poll(handler)) > 0);
    };
    await Promise.all(Array.from({ length: pollers }, poller));
  }

  stop(): void {
    this.#client.destroy();
  }
}

const eventOf = (messages: readonly Message[]): SQSEvent => ({
  Records: messages.map(({ MessageId = "", ReceiptHandle = "", Body = "", MD5OfBody = "", Attributes = {} }) => ({
    messageId: MessageId,
    receiptHandle: ReceiptHandle,
    body: Body,
    attributes: Attributes as SQSEvent["Records"][number]["attributes"], // those that were asked for
    messageAttributes: {},
    md5OfBody: MD5OfBody,
    eventSource: "aws:sqs",
    eventSourceARN: "arn:aws:sqs:eu-west-1:123456789012:work",
    awsRegion: "eu-west-1",
  })),
});

/** The messages that a function names as failed; null where that is no such answer. */
function failuresIn(answer: unknown): readonly string[] | null {
  if (typeof answer !== "object" || answer === null || !("batchItemFailures" in answer)) return null;
  const { batchItemFailures: failures } = answer;
  if (!Array.isArray(failures)) return null;
  return failures.map((each: { itemIdentifier?: unknown }) => String(each.itemIdentifier));
}
