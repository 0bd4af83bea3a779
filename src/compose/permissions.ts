import type { Statement } from "../core/permissions.ts";
import { combinations, overlay } from "../core/rulebook.ts";
import { enginePermissions } from "../engine/permissions.ts";
import type { Caller } from "../ports.ts";
import { mailPermissions } from "./mail-permissions.ts";
import type { CheckedSettings } from "./settings.ts";

/** The least permissions for these settings, for whoever the caller is; `byHand` = also for what a person asks for by name; `isLarge` = also for listing a large account at once. */
export function permissions(
  settings: CheckedSettings,
  caller: Caller,
  region: string,
  paths: readonly string[],
  { byHand = false, isLarge = false } = {},
): readonly Statement[] {
  const { rulebook } = settings;
  const policies = combinations(rulebook).map(
    (together) => overlay(together, rulebook.runEvery, "of these settings").policy,
  );
  return [
    ...enginePermissions(caller, policies, paths, { byHand, isLarge }),
    ...settings.destinations.flatMap(({ parsed }) => parsed.permissions(caller, region)),
    ...(settings.mail === null ? [] : mailPermissions(settings.mail, caller, region)),
    ...(settings.parsedSealer?.permissions(caller, region) ?? []),
    ...(settings.parsedEscrow?.permissions(caller, region) ?? []),
    ...(settings.parsedLedger?.permissions(caller, region) ?? []),
  ];
}
