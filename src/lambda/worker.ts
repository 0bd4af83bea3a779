import { InvalidInput } from "../core/invalid-input.ts";
import { instant, type Instant } from "../core/time.ts";
import { readWork } from "../distributed/message.ts";
import { Results } from "../distributed/results.ts";
import type { Deadline } from "./deadline.ts";
import { type LambdaContext, overseen, type Overseer } from "./overseen.ts";
import { readRunConfig, runInAws, type RunWorld } from "./run-config.ts";
import { readRunEnvironment } from "./run-environment.ts";
import { countsOf, type Telemetry } from "./telemetry.ts";
import { type Fate, Overtaken, type Shift, workAt } from "./work.ts";

/** Which messages have to come again. @see https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html */
export interface WorkerResult {
  readonly batchItemFailures: readonly { readonly itemIdentifier: string }[];
}

/** Of what SQS hands over, what is used. @see https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html */
interface Message {
  readonly messageId: string;
  readonly body: string;
}

/**
 * Works in the accounts that messages name, each of which says no more than account and run: what is done there is decided afresh, by
 * the worker's own configuration and its own look at the organization. What failed for good is written down and acknowledged; what may
 * go well a moment later comes again. An account that takes longer than a function may run is handed on to the next one.
 */
export const worker =
  (world: RunWorld) =>
  (event: unknown, context: LambdaContext): Promise<WorkerResult> =>
    overseen("worker", world, context, (overseer) =>
      overseer.within(async (deadline) => {
        const messages = readEvent(event);
        const shift = await beginShift(world, overseer, deadline, context.awsRequestId);
        const batchItemFailures: { itemIdentifier: string }[] = [];
        for (const message of messages)
          if ((await attend(shift, message)) === "again") batchItemFailures.push({ itemIdentifier: message.messageId });
        overseer.telemetry.count(
          countsOf(
            shift.seen.flatMap(({ reports }) => reports),
            lastOf(shift),
          ),
        );
        return { batchItemFailures };
      }),
    );

async function beginShift(world: RunWorld, overseer: Overseer, deadline: Deadline, request: string): Promise<Shift> {
  const { variables, telemetry, scrubber } = overseer;
  const { queue, results, dryRun, config } = readRunEnvironment(variables, "worker");
  return {
    ...(await readRunConfig(config, world, telemetry)),
    world,
    telemetry,
    scrubber,
    deadline,
    request,
    dryRun,
    results: new Results(await world.openStore(results)),
    openQueue: () => world.openQueue(queue),
    seen: [],
  };
}

const lastOf = ({ seen }: Shift): Instant => seen.at(-1)?.at ?? instant(0);

/** Whatever happens with one message, the others have their turn. */
async function attend(shift: Shift, { messageId, body }: Message): Promise<Fate> {
  const { deadline, telemetry } = shift;
  deadline.look();
  if (deadline.signal.aborted) {
    telemetry.warn("there is no time to begin a message", { message: messageId });
    return "again";
  }
  try {
    return await workAt(shift, readWork(body));
  } catch (error) {
    tellWhy(telemetry, messageId, error);
    return "again";
  }
}

function tellWhy(telemetry: Telemetry, message: string, error: unknown): void {
  const fields = { message, error: telemetry.asLastWords(error).message };
  if (error instanceof Overtaken) telemetry.warn("another worker is at the same account", fields);
  else if (error instanceof InvalidInput) telemetry.failed("a message is refused", fields);
  else telemetry.failed("a message could not be done", fields);
}

function readEvent(event: unknown): readonly Message[] {
  const { Records } = fieldsOf(event);
  if (!Array.isArray(Records) || !Records.every(isMessage))
    throw new InvalidInput("the event has no messages", "this function is called by the queue of the planner");
  return Records;
}

function isMessage(record: unknown): record is Message {
  const { messageId, body, eventSource } = fieldsOf(record);
  return typeof messageId === "string" && typeof body === "string" && eventSource === "aws:sqs";
}

/** The fields of whatever it is; none where it is no object. */
const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? { ...value } : {};

/** As Lambda calls it. */
export const handler = worker(runInAws);
