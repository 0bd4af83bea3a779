import { EXIT } from "./exit.ts";
import type { Io } from "./io.ts";

/**
 * Runs `work` so that the first SIGINT or SIGTERM ends it gently: users in progress are finished, no other is begun. A second
 * one ends it at once, which loses nothing either: the next run heals. `signalled` = the exit code of the signal, if one came.
 */
export async function withSignals<T>(
  io: Pick<Io, "err">,
  work: (signal: AbortSignal, signalled: () => number | null) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  let code: number | null = null;
  const on = (signal: "SIGINT" | "SIGTERM") => () => {
    const ours = signal === "SIGINT" ? EXIT.interrupted : EXIT.terminated;
    if (code !== null) process.exit(ours);
    code = ours;
    io.err(`${signal}: finishing the users in progress; again to stop at once`);
    controller.abort();
  };
  const handlers = { SIGINT: on("SIGINT"), SIGTERM: on("SIGTERM") };
  process.on("SIGINT", handlers.SIGINT).on("SIGTERM", handlers.SIGTERM);
  try {
    return await work(controller.signal, () => code);
  } finally {
    process.off("SIGINT", handlers.SIGINT).off("SIGTERM", handlers.SIGTERM);
  }
}
