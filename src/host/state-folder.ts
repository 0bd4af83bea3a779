import { homedir } from "node:os";
import { join } from "node:path";

/** Where keyturn keeps what belongs to this machine (audit, escrow). @see https://specifications.freedesktop.org/basedir-spec/latest/ */
export function stateFolder(): string {
  const base = process.env["XDG_STATE_HOME"];
  return join(base !== undefined && base.startsWith("/") ? base : join(homedir(), ".local", "state"), "keyturn");
}
