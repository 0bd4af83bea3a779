import { type Ending, play } from "./play.ts";
import { FAULTS, type StoryChoice, writeStory } from "./story.ts";

/** A failing story made smaller as long as it breaks the same promise: fewer users, fewer faults, less time. */
export async function shrink(
  choice: StoryChoice,
  ending: Ending,
  tell: (choice: StoryChoice) => Promise<Ending> = play,
): Promise<{ choice: StoryChoice; ending: Ending }> {
  let best = { choice, ending };
  const attempt = async (smaller: StoryChoice): Promise<void> => {
    const tried = await tell(smaller);
    if (tried.violation?.rule === ending.violation?.rule) best = { choice: smaller, ending: tried };
  };
  const { users } = writeStory(choice);
  if (users.length > 1) {
    for (const { index } of users) {
      if (writeStory(best.choice).users.length > 1) await attempt({ ...best.choice, users: [index] });
    }
  }
  for (const fault of FAULTS)
    if (!best.choice.without.has(fault))
      await attempt({ ...best.choice, without: new Set([...best.choice.without, fault]) });
  for (let share = 0.5; share < 1; share += 0.2) {
    const days = Math.ceil((best.choice.days ?? best.ending.days) * share);
    if (days >= 1) await attempt({ ...best.choice, days });
  }
  return best;
}

/** The command that tells this story again. */
export function replayCommand({ seed, users, days, without }: StoryChoice): string {
  const words = ["npm run soak --", `--seed ${seed}`, "--seeds 1"];
  if (users !== null) words.push(`--users ${users.join(",")}`);
  if (days !== null) words.push(`--days ${days}`);
  if (without.size > 0) words.push(`--without ${[...without].join(",")}`);
  return words.join(" ");
}

/** What a person needs to see of a failure. */
export async function explainFailure(choice: StoryChoice, ending: Ending): Promise<string> {
  const small = await shrink(choice, ending);
  const { violation, log } = small.ending;
  return [violation?.message ?? "", `replay: ${replayCommand(small.choice)}`, ...log.slice(-40)].join("\n");
}
