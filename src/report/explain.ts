import { type ReasonCode, reasons } from "../core/reasons.ts";
import { type Explanation, explanations, groupTitles, type ReasonGroup, settingWords } from "./explanations.ts";
import { type Paint, table } from "./table.ts";

/** All reason codes, in the order in which they are shown. */
export const reasonCodes = Object.keys(reasons) as readonly ReasonCode[]; // Object.keys forgets the names

const groups = Object.keys(groupTitles) as readonly ReasonGroup[]; // Object.keys forgets the names

const codesOf = (group: ReasonGroup): readonly ReasonCode[] =>
  reasonCodes.filter((code) => explanations[code].group === group);

const WIDTH = 100;

/** Every code with a line that says what it means, by group. */
export function reasonsText(paint: Paint): string {
  const width = Math.max(...reasonCodes.map((code) => code.length));
  return groups
    .map((group) =>
      [
        paint("bold", groupTitles[group]),
        ...codesOf(group).map((code) => `  ${paint("cyan", code)}${" ".repeat(width - code.length)}  ${reasons[code]}`),
      ].join("\n"),
    )
    .join("\n\n");
}

/** One code in full, in words for a terminal: without the backticks of the page. */
export function reasonText(code: ReasonCode, paint: Paint): string {
  const { group, why, next, person, commands, settings } = explanations[code];
  const parts = [
    `${paint("bold", code)}  ${paint("dim", `(${groupTitles[group].toLowerCase()})`)}`,
    wrap(reasons[code], ""),
    `${paint("bold", "Why keyturn does that")}\n${wrap(why, "  ")}`,
    `${paint("bold", "What happens next, by itself")}\n${wrap(next, "  ")}`,
    `${paint("bold", "What you can do")}\n${wrap(person, "  ")}`,
    withComments(commands)
      .map(([command, comment]) => `  ${paint("cyan", command)}${paint("dim", comment)}`)
      .join("\n"),
    settings.length === 0
      ? ""
      : `${paint("bold", "What changes it, in the policy")}\n${indent(
          table(
            ["SETTING", "WHAT IT SAYS"],
            settings.map((name) => [{ text: name }, { text: settingWords[name] }]),
            paint,
          ),
        )}`,
  ];
  return parts
    .filter((part) => part !== "")
    .join("\n\n")
    .replaceAll("`", "");
}

/** One code as a document holds it. */
export function reasonJson(code: ReasonCode) {
  const { commands, settings, ...explanation } = explanations[code];
  return {
    code,
    meaning: reasons[code],
    ...explanation,
    commands: commands.map(([command, does]) => ({ command, does })),
    settings: settings.map((name) => ({ name, says: settingWords[name] })),
  };
}

/** The page `docs/reasons.md`. */
export function reasonsPage(): string {
  const sections = groups.flatMap((group) => [`## ${groupTitles[group]}`, ...codesOf(group).map(reasonSection)]);
  return `${[
    "# Reasons",
    "Every decision has one of these codes, in tables, JSON documents and the audit. `keyturn explain CODE` says the same in a terminal; this page is made from its texts.",
    "USER and ID stand for the user and the key that the report names. Commands that look at destinations need the `--deliver` of the runs.",
    ...sections,
  ].join("\n\n")}\n`;
}

function reasonSection(code: ReasonCode): string {
  const { why, next, person, commands, settings } = explanations[code];
  return [
    `### \`${code}\`\n\n${reasons[code]}`,
    `**Why:** ${why}`,
    `**Next:** ${next}`,
    `**You:** ${person}`,
    ...(commands.length === 0
      ? []
      : [
          `\`\`\`sh\n${withComments(commands)
            .map((line) => line.join(""))
            .join("\n")}\n\`\`\``,
        ]),
    ...(settings.length === 0
      ? []
      : [`**Policy:**\n\n${settings.map((name) => `- \`${name}\`: ${settingWords[name]}`).join("\n")}`]),
  ].join("\n\n");
}

/** Commands with a comment behind each, the comments below one another. */
function withComments(commands: Explanation["commands"]): readonly (readonly [command: string, comment: string])[] {
  const width = Math.max(...commands.map(([command]) => command.length));
  return commands.map(([command, does]) => [command, `${" ".repeat(width - command.length)}   # ${does}`]);
}

/** Lines of at most {@link WIDTH} columns. */
function wrap(text: string, margin: string): string {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1) ?? "";
    if (line !== "" && margin.length + line.length + 1 + word.length > WIDTH) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines.map((line) => `${margin}${line}`).join("\n");
}

const indent = (text: string): string => text.replaceAll(/^/gm, "  ");
