import { saysTooFast } from "../aws/pace.ts";
import { CallError } from "../ports.ts";

/** Whether the same may go well a moment later: AWS gave no usable answer, or was asked too fast. */
export const isPassing = (error: unknown): boolean =>
  error instanceof CallError && (error.kind === "unknown" || saysTooFast(error.code));
