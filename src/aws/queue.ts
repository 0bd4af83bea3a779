import { SendMessageBatchCommand, SQSClient } from "@aws-sdk/client-sqs";
import { milliseconds, seconds } from "../core/time.ts";
import { CallError, type WorkQueue } from "../ports.ts";
import { call } from "./call.ts";
import { type AwsAccess, regionalConfig } from "./clients.ts";

type Unsent = Awaited<ReturnType<WorkQueue["send"]>>[number];

/** As many as SQS takes at once. */
const AT_ONCE = 10;

/** How often what SQS did not take out of a batch is sent again. */
const TRIES = 4;

/**
 * A standard queue of SQS. Of a batch SQS may take some and turn down others.
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
 */
export function openQueue(access: AwsAccess, url: string): WorkQueue {
  const client = new SQSClient(regionalConfig(access));

  const sendOnce = async (texts: readonly string[], delaySeconds: number): Promise<readonly Unsent[]> => {
    const entries = texts.map((MessageBody, index) => ({
      Id: String(index),
      MessageBody,
      ...(delaySeconds === 0 ? {} : { DelaySeconds: delaySeconds }),
    }));
    const { Successful = [], Failed = [] } = await call("sqs:SendMessage", url, (options) =>
      client.send(new SendMessageBatchCommand({ QueueUrl: url, Entries: entries }), options),
    );
    // Only what it says it took counts.
    const taken = new Set(Successful.map(({ Id }) => Id));
    const whyNot = new Map(Failed.map(({ Id, Code }) => [Id, Code]));
    return texts.flatMap((text, index) =>
      taken.has(String(index)) ? [] : [{ text, why: whyNot.get(String(index)) ?? "SQS did not say" }],
    );
  };

  /** What got no answer may have been sent: a message that comes twice does no harm. */
  const sendOrKeep = async (texts: readonly string[], delaySeconds: number): Promise<readonly Unsent[]> => {
    try {
      return await sendOnce(texts, delaySeconds);
    } catch (error) {
      if (!(error instanceof CallError) || error.kind === "denied") throw error;
      return texts.map((text) => ({ text, why: error.code }));
    }
  };

  const sendBatch = async (texts: readonly string[], delaySeconds: number): Promise<readonly Unsent[]> => {
    let left = await sendOrKeep(texts, delaySeconds);
    for (let tries = 1; left.length > 0 && tries < TRIES; tries += 1) {
      await access.clock.sleep(milliseconds(200 * 2 ** tries));
      left = await sendOrKeep(
        left.map(({ text }) => text),
        delaySeconds,
      );
    }
    return left;
  };

  return {
    label: url,
    send: async (texts, delay = seconds(0)) => {
      const unsent: Unsent[] = [];
      for (let index = 0; index < texts.length; index += AT_ONCE)
        unsent.push(...(await sendBatch(texts.slice(index, index + AT_ONCE), Math.ceil(delay / 1000))));
      return unsent;
    },
  };
}
