import { join } from "node:path";
import { type CheckFinding, judgeAudit, judgeEnvironment, judgeNode } from "../core/checkup.ts";
import { stateFolder } from "../host/state-folder.ts";
import { whatPreventsWriting } from "../host/writable.ts";

/** What of this machine would stop a run: Node, the environment, the place of the audit. */
export async function checkHost(audit: string | undefined, leastNode: string): Promise<readonly CheckFinding[]> {
  const file = audit === "none" ? null : (audit ?? join(stateFolder(), "audit.jsonl"));
  const problem = file === null ? null : await whatPreventsWriting(file, audit === undefined);
  return [
    judgeNode(process.versions.node, leastNode),
    ...judgeEnvironment(process.env),
    judgeAudit(file, audit !== undefined, problem),
  ];
}
