import {
  DeleteParameterCommand,
  GetParameterCommand,
  GetParametersByPathCommand,
  PutParameterCommand,
  SSMClient,
} from "@aws-sdk/client-ssm";
import { call, callOrAbsent } from "../aws/call.ts";
import { regionalConfig } from "../aws/clients.ts";
import { kmsStatements, PARAMETER_ALPHABET as ALPHABET, parameterFolder } from "../aws/parameters.ts";
import { type AccessKeyId, isAccessKeyId } from "../core/access-key.ts";
import { Secret } from "../core/secret.ts";
import { checkOptions, decodeSegment, encodeSegment } from "../core/target.ts";
import { CallError, type EscrowEntry } from "../ports.ts";
import type { EscrowKind } from "./kind.ts";

const PREFIX = "/keyturn/escrow";

/** SecureStrings below `/keyturn/escrow/ACCOUNT/USER/`, one a key, written once and deleted when delivered. */
export const ssm: EscrowKind = {
  kind: "ssm",
  parse: (target) => {
    checkOptions(target, ["kmsKeyId", "region"]);
    const prefix = parameterFolder(target, PREFIX, 3); // account, user and key come below
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
          ...kmsStatements("KmsForEscrow", kmsKeyId),
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
