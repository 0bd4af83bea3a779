import {
  allPlaces,
  childrenOf,
  type CompletionModel,
  type CompletionValues,
  quoted,
  valuesAfterFlags,
  place,
} from "./model.ts";

/** A completion function for zsh: to be sourced after `compinit`, or kept as `_keyturn` in a folder of `$fpath`. */
export function zshScript(model: CompletionModel): string {
  return `#compdef keyturn
# zsh completion for keyturn, made by: keyturn completion zsh
_keyturn() {
  local current="\${words[CURRENT]}" flag="\${words[CURRENT-1]}" at="" index
  local -a found
  for (( index = 2; index < CURRENT; index++ )); do
    case "$at \${words[index]}" in
      ${allPlaces(model, "|")}) at="$at \${words[index]}" ;;
      ' -'*) at=' ${model.fallback}'; break ;;
      *) [[ -n "$at" ]] || at=' ?'; break ;;
    esac
  done
  if [[ "$current" == --*=* ]]; then
    flag="\${current%%=*}"
    compset -P '*='
  fi
  case "$at $flag" in
${valuesAfterFlags(model)
  .map(({ path, name, values }) => `    ${place(`${path} ${name}`.trim())}) ${offer(values)}; return ;;`)
  .join("\n")}
  esac
  if [[ "$current" == -* ]]; then
    case "$at" in
${model.commands
  .map(
    ({ path, flags }) =>
      `      ${place(path)}) found=(${flags.flatMap((flag) => flag.names.map((name) => entry(name, flag.summary))).join(" ")}) ;;`,
  )
  .join("\n")}
    esac
    _describe -o 'option' found
    return
  fi
  case "$at" in
${model.commands.map(({ path, values }) => `    ${place(path)}) ${words(model, path, values)} ;;`).join("\n")}
  esac
}
if [[ "\${funcstack[1]}" == _keyturn ]]; then _keyturn "$@"; else compdef _keyturn keyturn; fi`;
}

/** A word with what it means, as \`_describe\` takes it. */
const entry = (word: string, summary: string): string =>
  quoted(`${word.replaceAll(":", String.raw`\:`)}:${summary}`, String.raw`'\''`);

/** A word that ends in a colon goes on behind it. */
function offer(values: CompletionValues): string {
  if (values === "anything") return ":";
  if (values === "file") return "_files";
  if (values === "folder") return "_files -/";
  const [open, whole] = [values.filter((each) => each.endsWith(":")), values.filter((each) => !each.endsWith(":"))];
  return [
    ...(whole.length === 0 ? [] : [`compadd -- ${whole.join(" ")}`]),
    ...(open.length === 0 ? [] : [`compadd -S '' -- ${open.join(" ")}`]),
  ].join("; ");
}

function words(model: CompletionModel, path: string, values: CompletionValues | null): string {
  const children = childrenOf(model, path);
  if (children.length === 0) return offer(values ?? "anything");
  return `found=(${children.map(({ name, summary }) => entry(name, summary)).join(" ")}); _describe 'command' found`;
}
