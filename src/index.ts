// The public API. What is not named here may change without notice.
export {
  checkSettings,
  connect,
  permissions,
  Session,
  type CheckedSettings,
  type Chosen,
  type Finding,
  type Limits,
  type OpenDestination,
  type Parts,
  type RunRules,
  type Selectors,
  type Settings,
  verifyAudit,
  Audit,
} from "./compose.ts";
export {
  accessKeyId,
  isAccessKeyId,
  type AccessKey,
  type AccessKeyId,
  type AccessKeyStatus,
  type KeyPair,
  type LastUse,
  type Tags,
  type User,
} from "./core/access-key.ts";
export { decide, missingFacts } from "./core/decide.ts";
export type { Action, Command, KeyDecision, NextStep, Standing, UserDecision } from "./core/decision.ts";
export type { Terms } from "./core/facts.ts";
export { InvalidInput } from "./core/invalid-input.ts";
export type { MailClient, MailSettings } from "./core/mail-settings.ts";
export { planForMaxAge } from "./core/max-age.ts";
export type { Fact, Observation, Past, Reading, Served } from "./core/observation.ts";
export type { AddressedNotice, Notice, Owner } from "./core/owner.ts";
export type { Statement } from "./core/permissions.ts";
export { checkPolicy, preset, presets, type DeactivateRule, type DeleteRule, type Policy } from "./core/policy.ts";
export { reasons, type ReasonCode } from "./core/reasons.ts";
export { parseRecord, printRecord, type RotationRecord } from "./core/record.ts";
export type { KeyReport, NoticeReport, StepReport, UserOutcome, UserReport } from "./core/result.ts";
export { Secret } from "./core/secret.ts";
export { formatDuration, formatInstant, parseDuration, type Duration, type Instant } from "./core/time.ts";
export {
  CallError,
  type Caller,
  type Clock,
  type Destination,
  type Escrow,
  type Iam,
  type Journal,
  type Liveness,
  type Notifier,
  type OwnerLedger,
  type RecordStore,
  type Sealer,
  type Step,
  type Verifier,
} from "./ports.ts";
