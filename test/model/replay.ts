import { Calls, type Sabotage } from "./calls.ts";
import { calledBy, Episodes, isFree, reportOf } from "./episode.ts";
import { disturbedRest, gapAfter, restAfter } from "./gaps.ts";
import { Monitor, Violation } from "./monitor.ts";
import { Memories } from "./runner.ts";
import { beginning, rested, type Setup } from "./state.ts";

/** Tells a story again, call by call: what a failed exploration prints. */
export async function replay(
  setup: Setup,
  story: string,
  sabotage: Sabotage | null = null,
): Promise<readonly string[]> {
  const lines: string[] = [];
  const monitor = new Monitor(setup);
  const memories = new Memories(setup, new Calls(monitor, sabotage), sabotage);
  const episodes = new Episodes(setup, monitor, memories);
  let [rest, gap] = [rested(beginning(setup)), 0];
  for (const told of story.split(" / ")) {
    const between = /(?:^| )(soon|used:\d+)$/.exec(told)?.[1] ?? null;
    const words = told.split(" ").filter((word) => word !== "/" && word !== between);
    const schedule = words.flatMap((word) => {
      const [count, choice] = word.includes("*") ? word.split("*") : ["1", word];
      return Array.from({ length: Number(count) }, () => choice ?? "");
    });
    let moment = await episodes.begin(rest);
    lines.push(`run at ${new Date(rest.now).toISOString()}`);
    for (const choice of schedule) {
      const call = calledBy(moment, choice);
      try {
        moment = await episodes.after(moment, choice);
      } catch (error) {
        if (!(error instanceof Violation)) throw error;
        return [...lines, `  ${choice} ${call}`, `VIOLATION ${error.message}`];
      }
      const { state } = moment;
      lines.push(
        `  ${choice} ${call}   [${Math.round((state.now - rest.now) / 1000)} s, ${state.record ?? "no record"}]`,
      );
    }
    const report = reportOf(moment);
    lines.push(`  => ${report === null ? "no report" : `${report.outcome} ${report.code}: ${report.sentence}`}`);
    const disturbed = schedule.some((choice) => !isFree(choice));
    const end = { state: moment.state, report, story: null, runs: 0 };
    gap = gapAfter(end, disturbed ? 0 : gap);
    const next = between === null ? restAfter(end, gap) : disturbedRest(setup.policy, end, gap, between);
    gap = next.gap;
    rest = rested(next.state);
  }
  return lines;
}
