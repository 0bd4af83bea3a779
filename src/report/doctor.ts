import { checkAreas, type CheckFinding, type CheckVerdict } from "../core/checkup.ts";
import { formatInstant, type Instant } from "../core/time.ts";
import { type Paint, plain, type Style } from "./table.ts";
import { plural } from "./words.ts";

/** What every report of a checkup tells besides its findings. */
export interface CheckupHead {
  /** The version of keyturn. */
  readonly keyturn: string;
  /** Null where AWS did not say whose the credentials are. */
  readonly account: string | null;
  readonly caller: string | null;
  readonly region: string | null;
  readonly checkedAt: Instant;
}

const styles: Readonly<Record<CheckVerdict, Style>> = {
  fine: "green",
  warning: "yellow",
  wrong: "red",
  unchecked: "dim",
};

const INDENT = " ".repeat(13);
const MOST_SUBJECTS = 3;

/** The findings by what they are about, what is the same for several in one line. */
export function doctorText(head: CheckupHead, findings: readonly CheckFinding[], paint: Paint): string {
  const whose =
    head.caller === null
      ? "No account: AWS did not say whose the credentials are"
      : `Account ${head.account}, as ${head.caller}, ${head.region ?? "no region set"}`;
  const sections = checkAreas.flatMap((area) => {
    const own = findings.filter((each) => each.area === area);
    if (own.length === 0) return [];
    return [
      [paint("bold", `${area[0]?.toUpperCase()}${area.slice(1)}`), ...alike(own).map((each) => line(each, paint))].join(
        "\n",
      ),
    ];
  });
  return [paint("bold", plain(whose)), ...sections, verdictLine(findings, paint)].join("\n\n");
}

/** Findings that differ in their subject only, together. */
function alike(findings: readonly CheckFinding[]): readonly (readonly CheckFinding[])[] {
  const groups = new Map<string, CheckFinding[]>();
  for (const finding of findings) {
    const name = JSON.stringify([finding.verdict, finding.what, finding.fix]);
    groups.set(name, [...(groups.get(name) ?? []), finding]);
  }
  return [...groups.values()];
}

function line(group: readonly CheckFinding[], paint: Paint): string {
  const [first] = group;
  if (first === undefined) return "";
  const { verdict, what, fix } = first;
  const shown = group.slice(0, MOST_SUBJECTS).map((each) => each.subject);
  const more = group.length > shown.length ? ` and ${group.length - shown.length} more` : "";
  const found = `  ${paint(styles[verdict], verdict.padEnd(9))}  ${paint("bold", plain(`${shown.join(", ")}${more}`))}: ${plain(what)}`;
  return fix === null ? found : `${found}\n${INDENT}${paint("cyan", plain(fix))}`;
}

function verdictLine(findings: readonly CheckFinding[], paint: Paint): string {
  const { fine, warning, wrong, unchecked } = countVerdicts(findings);
  const counts = `${fine} fine · ${plural(warning, "warning")} · ${wrong} wrong · ${unchecked} unchecked`;
  if (wrong > 0)
    return `${paint("red", "Something is wrong: a run would fail or leave users blocked.")}  ${paint("dim", counts)}`;
  const words = unchecked > 0 ? "Nothing was found to be wrong; not everything could be checked." : "Nothing is wrong.";
  return `${paint("green", words)}  ${paint("dim", counts)}`;
}

function countVerdicts(findings: readonly CheckFinding[]): Readonly<Record<CheckVerdict, number>> {
  const counts = { fine: 0, warning: 0, wrong: 0, unchecked: 0 };
  for (const { verdict } of findings) counts[verdict] += 1;
  return counts;
}

/** The same as one document. */
export const doctorDocument = (head: CheckupHead, findings: readonly CheckFinding[]) => ({
  schema: "keyturn/doctor/v1",
  ...head,
  checkedAt: formatInstant(head.checkedAt),
  findings,
  summary: countVerdicts(findings),
});
