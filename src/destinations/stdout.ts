import { InvalidInput } from "../core/invalid-input.ts";
import { checkOptions } from "../core/target.ts";
import { fillFields, isFieldOption, readFields, secretsOf } from "../documents/fields.ts";
import { handOver } from "../host/hand-over.ts";
import type { DestinationKind } from "./kind.ts";

const FIELDS = {
  userName: "userName",
  accessKeyId: "accessKeyId",
  secretAccessKey: "secretAccessKey",
} as const;

/**
 * Standard output, one JSON object a line. Delivered means: the operating system has taken the line. It cannot be read back, so
 * what a run that died may have printed is reported, not guessed.
 */
export const stdout: DestinationKind = {
  kind: "stdout",
  readable: false,
  isStream: true,
  parse: (target) => {
    if (target.name !== "") throw new InvalidInput(`${target.text}: stdout has no target`, "write stdout alone");
    checkOptions(target, [], isFieldOption);
    const fields = readFields(target, FIELDS);
    return {
      permissions: () => [],
      open:
        ({ print }) =>
        ({ userName }) => ({
          label: "stdout",
          check: async () => undefined,
          deliver: async (pair) => {
            const line = JSON.stringify(Object.fromEntries(fillFields(fields, userName, pair)));
            await handOver(print, line, secretsOf(fields, userName, pair), "stdout");
          },
        }),
    };
  },
};
