import {
  DeleteParameterCommand,
  GetParameterCommand,
  GetParametersByPathCommand,
  PutParameterCommand,
  SSMClient,
} from "@aws-sdk/client-ssm";
import { call, callOrAbsent } from "../aws/call.ts";
import { regionalConfig } from "../aws/clients.ts";
import { type AccessKeyId, isAccessKeyId } from "../core/access-key.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import { Secret } from "../core/secret.ts";
import { checkOptions, decodeSegment, encodeSegment } from "../core/target.ts";
import { CallError, type EscrowEntry } from "../ports.ts";
import type { EscrowKind } from "./kind.ts";

const ALPHABET = /[A-Za-z0-9_.-]/;
const PREFIX = "/keyturn/escrow";
/** Parameter Store allows 15 levels, and account, user and key come below. */
const DEEPEST = 12;

/** SecureStrings below `/keyturn/escrow/ACCOUNT/USER/`, one a key, written once and deleted when delivered. */
export const ssm: EscrowKind = {
  kind: "ssm",
  parse: (target) => {
    checkOptions(target, ["kmsKeyId", "region"]);
    const prefix = target.name === "" ? PREFIX : target.name;
    if (!/^(\/[A-Za-z0-9_.-]+)+$/.test(prefix) || /^\/(aws|ssm)/i.test(prefix)) {
      throw new InvalidInput(
        `${target.text}: ${prefix} is not the name of a parameter folder`,
        `for example ssm:${PREFIX}`,
      );
    }
    if (prefix.split("/").length - 1 > DEEPEST)
      throw new InvalidInput(`${target.text}: ${prefix} is too deep a folder`, `${DEEPEST} levels at most`);
    const kmsKeyId = target.options.get("kmsKeyId") ?? null;
    const region = target.options.get("region") ?? null;
    return {
      permissions: (caller, home) => {
        const folder = `arn:${caller.partition}:ssm:${region ?? home}:${caller.account}:parameter${prefix}/${caller.account}`;
        return [
          {
            sid: "Escrow",
            actions: ["ssm:PutParameter", "ssm:GetParameter", "ssm:DeleteParameter"],
            resources: [`${folder}/*`],
          },
          { sid: "ListEscrow", actions: ["ssm:GetParametersByPath"], resources: [folder, `${folder}/*`] },
          ...(kmsKeyId?.startsWith("arn:") === true
            ? [
                {
                  sid: "KmsForEscrow",
                  actions: ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"],
                  resources: [kmsKeyId],
                },
              ]
            : []),
        ];
      },
      open: (access, caller) => {
        const client = new SSMClient(regionalConfig(access, region));
        const folder = `${prefix}/${caller.account}`;
        const nameOf = (userName: string, id: AccessKeyId) => `${folder}/${encodeSegment(userName, ALPHABET)}/${id}`;
        const read = async (name: string): Promise<Secret | null> => {
          const answer = await callOrAbsent("ssm:GetParameter", name, (options) =>
            client.send(new GetParameterCommand({ Name: name, WithDecryption: true }), options),
          );
          return answer?.Parameter?.Value === undefined ? null : new Secret(answer.Parameter.Value);
        };
        return {
          label: `ssm:${prefix}`,
          check: async () => undefined,

          list: async (userName) => {
            const path = userName === undefined ? folder : `${folder}/${encodeSegment(userName, ALPHABET)}`;
            const entries: EscrowEntry[] = [];
            for (let token: string | undefined; ;) {
              const page = await call("ssm:GetParametersByPath", path, (options) =>
                client.send(
                  new GetParametersByPathCommand({
                    Path: path,
                    Recursive: true,
                    WithDecryption: false,
                    NextToken: token,
                  }),
                  options,
                ),
              );
              for (const { Name = "" } of page.Parameters ?? []) {
                const [user, id, ...more] = Name.slice(folder.length + 1).split("/");
                const decoded = user === undefined ? null : decodeSegment(user, ALPHABET);
                if (decoded !== null && id !== undefined && more.length === 0 && isAccessKeyId(id))
                  entries.push({ userName: decoded, accessKeyId: id });
              }
              token = page.NextToken;
              if (token === undefined || token === "") return entries;
            }
          },

          put: async (userName, pair) => {
            const name = nameOf(userName, pair.accessKeyId);
            const value = pair.secretAccessKey.reveal();
            const input = {
              Name: name,
              Value: value,
              Type: "SecureString" as const,
              Overwrite: false,
              ...(kmsKeyId === null ? {} : { KeyId: kmsKeyId }),
            };
            try {
              await call("ssm:PutParameter", name, (options) => client.send(new PutParameterCommand(input), options), [
                pair.secretAccessKey,
              ]);
            } catch (error) {
              // A repeated put whose first answer was lost finds its own entry.
              if (
                !(
                  error instanceof CallError &&
                  error.code === "ParameterAlreadyExists" &&
                  (await read(name))?.reveal() === value
                )
              )
                throw error;
            }
          },

          take: (userName, id) => read(nameOf(userName, id)),

          clear: async (userName, id) => {
            const name = nameOf(userName, id);
            await callOrAbsent("ssm:DeleteParameter", name, (options) =>
              client.send(new DeleteParameterCommand({ Name: name }), options),
            );
          },
        };
      },
    };
  },
};
