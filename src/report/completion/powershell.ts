import { childrenOf, type CompletionModel, type CompletionValues, quoted, valuesAfterFlags } from "./model.ts";

/** A completer for PowerShell, 5.1 and later. Where it offers nothing, PowerShell offers files. */
export function powershellScript(model: CompletionModel): string {
  const flags = model.commands.map(
    (each) =>
      `    ${text(each.path)} = ${list(each.flags.flatMap((flag) => flag.names.map((name) => [name, flag.summary])))}`,
  );
  const after = valuesAfterFlags(model).map(
    ({ path, name, values }) => `    ${text(`${path} ${name}`.trim())} = ${plain(values)}`,
  );
  const words = model.commands.map(({ path, values }) => {
    const children = childrenOf(model, path).map(({ name, summary }) => [name, summary] as const);
    return `    ${text(path)} = ${children.length > 0 ? list(children) : plain(values ?? "anything")}`;
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
  if ($null -eq $found) { return }
  $found.GetEnumerator() | Where-Object { $_.Key.StartsWith($wordToComplete) } | ForEach-Object {
    [System.Management.Automation.CompletionResult]::new($_.Key, $_.Key, 'ParameterValue', $_.Value)
  }
}`;
}

const text = (word: string): string => quoted(word, "''");

/** Words with what is said about each; a word of which nothing is said stands for itself, for PowerShell takes no empty text. */
const list = (pairs: readonly (readonly [word: string, summary: string])[]): string =>
  `[ordered]@{ ${pairs.map(([word, summary]) => `${text(word)} = ${text(summary === "" ? word : summary)}`).join("; ")} }`;

const plain = (values: CompletionValues): string =>
  list(typeof values === "string" ? [] : values.map((each) => [each, ""]));
