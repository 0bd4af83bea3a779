import {
  allPlaces,
  childrenOf,
  type CompletionModel,
  type CompletionValues,
  valuesAfterFlags,
  place,
} from "./model.ts";

/**
 * A completion function for bash, 3.2 included. It needs no package beside it, evaluates nothing that is typed, and starts no
 * program. `=` and `:` are words of their own to bash.
 */
export function bashScript(model: CompletionModel): string {
  return `# bash completion for keyturn, made by: keyturn completion bash
_keyturn() {
  local current=\${COMP_WORDS[COMP_CWORD]} flag= at= index
  COMPREPLY=()
  flag=\${COMP_WORDS[COMP_CWORD-1]}
  if [[ $current == '=' ]]; then
    current=
  elif [[ $flag == '=' ]]; then
    flag=\${COMP_WORDS[COMP_CWORD-2]}
  elif [[ $current == ':' || $flag == ':' ]]; then
    return
  fi
  for (( index = 1; index < COMP_CWORD; index++ )); do
    case "$at \${COMP_WORDS[index]}" in
      ${allPlaces(model, "|")}) at="$at \${COMP_WORDS[index]}" ;;
      ' -'*) at=' ${model.fallback}'; break ;;
      *) [[ -n $at ]] || at=' ?'; break ;;
    esac
  done
  case "$at $flag" in
${afterFlags(model)}
  esac
  if [[ $current == -* ]]; then
    case "$at" in
${model.commands
  .map(
    ({ path, flags }) => `      ${place(path)}) _keyturn_words '${flags.flatMap((each) => each.names).join(" ")}' ;;`,
  )
  .join("\n")}
    esac
    return
  fi
  case "$at" in
${model.commands.map(({ path, values }) => `    ${place(path)}) ${words(model, path, values)} ;;`).join("\n")}
  esac
}
_keyturn_words() {
  local IFS=$' \\t\\n'
  COMPREPLY=( $(compgen -W "$1" -- "$current") )
  if [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == *: ]]; then compopt -o nospace 2>/dev/null; fi
}
_keyturn_files() {
  if [[ $1 == -d ]]; then compopt -o dirnames 2>/dev/null && return; else compopt -o default 2>/dev/null && return; fi
  local name
  while IFS= read -r name; do COMPREPLY+=("$name"); done < <(compgen "$1" -- "$current")
}
complete -F _keyturn keyturn`;
}

/** One line for all flags after which the same can stand. */
function afterFlags(model: CompletionModel): string {
  const lines = new Map<string, string[]>();
  for (const { path, name, values } of valuesAfterFlags(model)) {
    const action = offer(values);
    lines.set(action, [...(lines.get(action) ?? []), place(`${path} ${name}`.trim())]);
  }
  return [...lines].map(([action, places]) => `    ${places.join("|")}) ${action}; return ;;`).join("\n");
}

function offer(values: CompletionValues): string {
  if (values === "anything") return ":";
  if (values === "file") return "_keyturn_files -f";
  return values === "folder" ? "_keyturn_files -d" : `_keyturn_words '${values.join(" ")}'`;
}

function words(model: CompletionModel, path: string, values: CompletionValues | null): string {
  const children = childrenOf(model, path);
  return children.length > 0 ? offer(children.map((each) => each.name)) : offer(values ?? "anything");
}
