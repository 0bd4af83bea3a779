import { childrenOf, type CompletionModel, type CompletionValues, quoted, valuesAfterFlags } from "./model.ts";

/** A completer for PowerShell, 5.1 and later. Where it offers nothing, PowerShell offers files. */
export function powershellScript(model: CompletionModel): string {
  const flags = model.commands.map(
    (each) =>
      `    ${text(each.path)} = @(${each.flags
        .flatMap((flag) => flag.names.map((name) => pair(name, flag.summary)))
        .join(", ")})`,
  );
  const after = valuesAfterFlags(model).map(
    ({ path, name, values }) => `    ${text(`${path} ${name}`.trim())} = ${list(values)}`,
  );
  const words = model.commands.map(({ path, values }) => {
    const children = childrenOf(model, path);
    const offered = children.map(({ name, summary }) => pair(name, summary)).join(", ");
    return `    ${text(path)} = ${children.length > 0 ? `@(${offered})` : list(values ?? "anything")}`;
  });
  return `# PowerShell completion for keyturn, made by: keyturn completion powershell
Register-ArgumentCompleter -Native -CommandName keyturn -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $flags = @{
${flags.join("\n")}
  }
  $after = @{
${after.join("\n")}
  }
  $words = @{
${words.join("\n")}
  }
  $before = @($commandAst.CommandElements | Select-Object -Skip 1 |
    Where-Object { $_.Extent.EndOffset -lt $cursorPosition } | ForEach-Object { $_.ToString() })
  $at = ''
  foreach ($word in $before) {
    $next = "$at $word".Trim()
    if ($words.ContainsKey($next)) { $at = $next; continue }
    if ($at -eq '') { $at = if ($word.StartsWith('-')) { '${model.fallback}' } else { '?' } }
    break
  }
  $flag = if ($before.Count -gt 0) { "$at $($before[-1])".Trim() } else { '' }
  $found = if ($after.ContainsKey($flag)) { $after[$flag] }
    elseif ($wordToComplete.StartsWith('-')) { $flags[$at] }
    else { $words[$at] }
  $found | Where-Object { $_[0].StartsWith($wordToComplete) } | ForEach-Object {
    [System.Management.Automation.CompletionResult]::new($_[0], $_[0], 'ParameterValue', $_[1])
  }
}`;
}

const text = (word: string): string => quoted(word, "''");

/** A word and what is said about it. The comma in front keeps PowerShell from making one list of a list of one pair. */
const pair = (word: string, summary: string): string => `,@(${text(word)}, ${text(summary === "" ? word : summary)})`;

const list = (values: CompletionValues): string =>
  typeof values === "string" ? "@()" : `@(${values.map((each) => pair(each, "")).join(", ")})`;
