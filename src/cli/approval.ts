import { alarms, type Chosen, type Finding } from "../compose.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import { actionWords, plural } from "../report/words.ts";
import { confirm } from "./confirm.ts";
import { EXIT, Exit } from "./exit.ts";
import type { Io } from "./io.ts";

/** Everything that must hold before the first change in an account. Throws {@link InvalidInput} or an {@link Exit}. */
export async function approve(
  io: Io,
  account: string,
  { refuseAbove, yes }: { readonly refuseAbove: number | null; readonly yes?: true | undefined },
  findings: readonly Finding[],
  chosen: Chosen,
): Promise<void> {
  const homeless = findings
    .filter(({ decision }) => decision.code === "no-destination")
    .map(({ decision }) => decision.userName);
  if (homeless.length > 0) {
    throw new InvalidInput(
      `no destination is given for ${some(homeless)}`,
      "--deliver secretsmanager:prod/{user}, ssm:/keys/{user}, file:./keys/{user}.json or stdout",
    );
  }
  const unusable = findings.filter(({ decision }) => decision.code === "destination-unusable");
  const [first] = unusable;
  if (first !== undefined && chosen.would.length === 0) {
    const more = unusable.length > 1 ? ` (and ${unusable.length - 1} more like it)` : "";
    throw new InvalidInput(`${first.decision.sentence}${more}`, first.decision.next?.what ?? null);
  }
  const alarm = alarms(findings, { refuseAbovePercent: refuseAbove });
  if (alarm !== null) {
    throw new Exit(
      EXIT.refused,
      `${alarm.changing} of ${alarm.of} users with keys would change, more than ${refuseAbove ?? 0}%: nothing was changed`,
      "look at keyturn plan, then raise --refuse-above for this once",
    );
  }
  if (chosen.now.length === 0 || yes === true) return;
  for (const { decision } of chosen.now)
    io.err(
      `  ${decision.userName}: ${decision.action === null ? "" : actionWords(decision.action)} (${decision.code})`,
    );
  await confirm(io, `Do this to ${plural(chosen.now.length, "user")} of account ${account}?`);
}

const some = (names: readonly string[]): string =>
  names.length <= 5 ? names.join(", ") : `${names.slice(0, 5).join(", ")} and ${names.length - 5} more`;
