import { InvalidInput } from "../core/invalid-input.ts";
import { checkOptions } from "../core/target.ts";
import { fillFields, isFieldOption, readFields } from "../documents/fields.ts";
import { CallError } from "../ports.ts";
import type { DestinationKind } from "./kind.ts";

const FIELDS = {
  userName: "userName",
  accessKeyId: "accessKeyId",
  secretAccessKey: "secretAccessKey",
} as const;

/**
 * Standard output, one JSON object a line. Delivered means: written and flushed. It cannot be read back, so what a run that
 * died may have printed is reported, not guessed.
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
            try {
              await print(line);
            } catch (error) {
              const code =
                error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "Error";
              throw new CallError("refused", "write", "stdout", code, "standard output is closed or full");
            }
          },
        }),
    };
  },
};
