import {
  allPlaces,
  childrenOf,
  type CompletionFlag,
  type CompletionModel,
  type CompletionValues,
  quoted,
  place,
} from "./model.ts";

/** Completions for fish: one `complete` a command, a flag and an argument. */
export function fishScript(model: CompletionModel): string {
  const lines = model.commands.flatMap(({ path, flags, values }) => {
    const children = childrenOf(model, path);
    return [
      ...children.map(({ name, summary }) => complete(path, `-f -a ${name} -d ${text(summary)}`)),
      ...flags.map((flag) => complete(path, flagWords(flag))),
      ...(children.length > 0 || values === null || values === "anything" ? [] : [complete(path, offer(values))]),
    ];
  });
  return `# fish completion for keyturn, made by: keyturn completion fish
function __keyturn_at
    set -l at ''
    for word in (commandline -opc)[2..-1]
        switch "$at $word"
            case ${allPlaces(model, " ")}
                set at "$at $word"
            case ' -*'
                set at ' ${model.fallback}'
                break
            case '*'
                test -n "$at"; or set at ' ?'
                break
        end
    end
    test "$at" = "$argv[1]"
end
complete -c keyturn -f
${lines.join("\n")}`;
}

const text = (summary: string): string => quoted(summary.replaceAll("\\", "\\\\"), String.raw`\'`);

const complete = (path: string, words: string): string =>
  `complete -c keyturn -n "__keyturn_at ${place(path)}" ${words}`;

function flagWords({ names, summary, values }: CompletionFlag): string {
  const spelled = names.map((name) => (name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  const value = values === null ? [] : values === "anything" ? ["-x"] : ["-r", offer(values)];
  return [...spelled, ...value, `-d ${text(summary)}`].join(" ");
}

function offer(values: Exclude<CompletionValues, "anything">): string {
  if (values === "file") return "-F";
  return values === "folder" ? `-f -a '(__fish_complete_directories)'` : `-f -a ${text(values.join(" "))}`;
}
