import { randomUUID } from "node:crypto";
import {
  DescribeSecretCommand,
  GetSecretValueCommand,
  ListSecretsCommand,
  PutSecretValueCommand,
  ResourceExistsException,
  ResourceNotFoundException,
  type SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from "@aws-sdk/client-secrets-manager";
import type { Clock } from "../../src/ports.ts";
import type { Interceptor } from "../../src/simulation/account.ts";

interface Version {
  readonly id: string;
  text: string | null;
  readonly stages: Set<string>;
}

interface Stored {
  readonly name: string;
  readonly tags: readonly { Key: string; Value: string }[];
  readonly versions: Version[];
  isRotated: boolean;
  changedAt: number;
  rotatedAt: number | null;
}

const refusal = { $metadata: { httpStatusCode: 400 }, message: "by the simulated service" };

/**
 * Secrets Manager in memory, as AWS documents it where the emulator is laxer: a version is written once, AWSCURRENT takes
 * AWSPENDING off the version that it moves to, and a rotation begins with a pending version that has no value.
 */
export class SecretsService {
  readonly #clock: Clock;
  readonly #secrets = new Map<string, Stored>();
  /** May be replaced at any time. */
  intercept: Interceptor = async (_action, _resource, effect) => effect();
  /** The inputs of every PutSecretValue. */
  readonly puts: { RotationToken?: string | undefined }[] = [];
  pageSize = 100;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  create(name: string, value: object | string | null, tags: Readonly<Record<string, string>> = {}): void {
    const text = value === null || typeof value === "string" ? value : JSON.stringify(value);
    const first = { id: randomUUID(), text, stages: new Set(["AWSCURRENT"]) };
    this.#secrets.set(name, {
      name,
      tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
      versions: text === null ? [] : [first],
      isRotated: true,
      changedAt: this.#clock.now(),
      rotatedAt: null,
    });
  }

  switchOff = (name: string): void => void (this.#find(name).isRotated = false);

  /** Begins a rotation: answers with its token. */
  begin(name: string): string {
    const secret = this.#find(name);
    const version = { id: randomUUID(), text: null, stages: new Set<string>() };
    secret.versions.push(version);
    this.#label(secret, "AWSPENDING", version);
    return version.id;
  }

  /** What a stage, or a version, holds; null where there is none, or where it has no value. */
  read(name: string, stage = "AWSCURRENT"): Record<string, string> | null {
    const text = this.#find(name).versions.find(({ id, stages }) => id === stage || stages.has(stage))?.text ?? null;
    return text === null ? null : (JSON.parse(text) as Record<string, string>);
  }

  stages = (name: string, version: string): readonly string[] =>
    [...(this.#find(name).versions.find(({ id }) => id === version)?.stages ?? [])].toSorted();

  /** What a person writes as the current value. */
  write(name: string, value: object): void {
    const secret = this.#find(name);
    const version = { id: randomUUID(), text: JSON.stringify(value), stages: new Set<string>() };
    secret.versions.push(version);
    this.#moveCurrent(secret, version);
  }

  /** As much of the SDK's client as the product uses. */
  readonly client = { send: (command: object) => this.#send(command) } as unknown as SecretsManagerClient;

  #send(command: object): Promise<unknown> {
    if (command instanceof ListSecretsCommand) {
      const { NextToken } = command.input;
      return this.intercept("secretsmanager:ListSecrets", "*", () => this.#list(Number(NextToken ?? 0)));
    }
    if (command instanceof DescribeSecretCommand) {
      const { SecretId = "" } = command.input;
      return this.intercept("secretsmanager:DescribeSecret", SecretId, () => this.#describe(this.#find(SecretId)));
    }
    if (command instanceof GetSecretValueCommand) {
      const { SecretId = "", VersionId = "" } = command.input;
      return this.intercept("secretsmanager:GetSecretValue", SecretId, () => this.#value(SecretId, VersionId));
    }
    if (command instanceof PutSecretValueCommand)
      return this.intercept("secretsmanager:PutSecretValue", command.input.SecretId ?? "", () => this.#put(command));
    if (command instanceof UpdateSecretVersionStageCommand) {
      const { SecretId = "" } = command.input;
      return this.intercept("secretsmanager:UpdateSecretVersionStage", SecretId, () => this.#move(command));
    }
    throw new Error(`the simulated service does not know ${command.constructor.name}`);
  }

  #list(from: number) {
    const all = [...this.#secrets.values()].map((secret) => this.#describe(secret));
    const next = from + this.pageSize;
    return { SecretList: all.slice(from, next), ...(next < all.length ? { NextToken: String(next) } : {}) };
  }

  #describe(secret: Stored) {
    const stages = secret.versions
      .filter((version) => version.stages.size > 0)
      .map((version) => [version.id, [...version.stages]] as const);
    return {
      ARN: secret.name,
      Name: secret.name,
      Tags: [...secret.tags],
      RotationEnabled: secret.isRotated,
      LastChangedDate: new Date(secret.changedAt),
      ...(secret.rotatedAt === null ? {} : { LastRotatedDate: new Date(secret.rotatedAt) }),
      VersionIdsToStages: Object.fromEntries(stages),
      SecretVersionsToStages: Object.fromEntries(stages),
    };
  }

  #value(name: string, versionId: string) {
    const version = this.#find(name).versions.find(({ id }) => id === versionId);
    if (version === undefined || version.text === null) throw new ResourceNotFoundException(refusal);
    return { SecretString: version.text };
  }

  #put({ input }: PutSecretValueCommand) {
    this.puts.push(input);
    const secret = this.#find(input.SecretId ?? "");
    const found = secret.versions.find(({ id }) => id === input.ClientRequestToken);
    if (found !== undefined && found.text !== null && found.text !== input.SecretString)
      throw new ResourceExistsException(refusal);
    const version = found ?? { id: input.ClientRequestToken ?? randomUUID(), text: null, stages: new Set<string>() };
    if (found === undefined) secret.versions.push(version);
    version.text = input.SecretString ?? null;
    for (const stage of input.VersionStages ?? []) this.#label(secret, stage, version);
    return {};
  }

  #move({ input }: UpdateSecretVersionStageCommand) {
    const secret = this.#find(input.SecretId ?? "");
    const to = secret.versions.find(({ id }) => id === input.MoveToVersionId);
    const from = secret.versions.find(({ stages }) => stages.has(input.VersionStage ?? ""));
    if (from !== undefined && from.id !== input.RemoveFromVersionId) throw new ResourceExistsException(refusal);
    if (input.VersionStage === "AWSCURRENT" && to !== undefined) this.#moveCurrent(secret, to);
    else from?.stages.delete(input.VersionStage ?? "");
    return {};
  }

  #moveCurrent(secret: Stored, to: Version): void {
    const from = secret.versions.find(({ stages }) => stages.has("AWSCURRENT"));
    if (from !== undefined) this.#label(secret, "AWSPREVIOUS", from);
    this.#label(secret, "AWSCURRENT", to);
    secret.rotatedAt = this.#clock.now();
    to.stages.delete("AWSPENDING");
    to.stages.delete("AWSPREVIOUS");
  }

  #label(secret: Stored, stage: string, version: Version): void {
    for (const each of secret.versions) each.stages.delete(stage);
    version.stages.add(stage);
    secret.changedAt = this.#clock.now();
  }

  #find(name: string): Stored {
    const secret = this.#secrets.get(name);
    if (secret === undefined) throw new ResourceNotFoundException(refusal);
    return secret;
  }
}
