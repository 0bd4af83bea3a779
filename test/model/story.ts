import type { Choice } from "./episode.ts";

/** What happened so far, choice by choice: stories share their beginnings. `/` ends a run; `/soon` and `/used:0` do, and say what
 * came between it and the next. */
export type Story = { readonly before: Story; readonly choice: Choice } | null;

export const plus = (before: Story, choice: Choice): Story => ({ before, choice });

/** A story in few words: `12*a` = twelve times `a`; runs are divided by slashes. */
export function tell(story: Story): string {
  const choices: Choice[] = [];
  for (let at = story; at !== null; at = at.before) choices.push(at.choice);
  choices.reverse();
  const words: string[] = [];
  for (let index = 0; index < choices.length;) {
    const choice = choices[index] ?? "";
    const others = choices.slice(index).findIndex((each) => each !== choice);
    const count = choice === "/" ? 1 : others < 0 ? choices.length - index : others;
    words.push(/^\/./.test(choice) ? `${choice.slice(1)} /` : count > 1 ? `${count}*${choice}` : choice);
    index += count;
  }
  return words.join(" ");
}
