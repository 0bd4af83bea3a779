import type { Statement } from "../core/permissions.ts";
import { overlay } from "../core/rulebook.ts";
import { enginePermissions } from "../engine/permissions.ts";
import type { Caller } from "../ports.ts";
import type { CheckedSettings } from "./settings.ts";

/** The least permissions for these settings, for whoever the caller is. */
export function permissions(
  settings: CheckedSettings,
  caller: Caller,
  region: string,
  paths: readonly string[],
): readonly Statement[] {
  const { layers, runEvery } = settings.rulebook;
  const policies = [null, ...layers.filter(({ match }) => match !== null)].map((one) => {
    const together = layers.filter((each) => each.match === null || each === one);
    return overlay(together, runEvery, "of these settings").policy;
  });
  return [
    ...enginePermissions(caller, policies, paths),
    ...settings.destinations.flatMap(({ parsed }) => parsed.permissions(caller, region)),
    ...(settings.parsedEscrow?.permissions(caller, region) ?? []),
  ];
}
