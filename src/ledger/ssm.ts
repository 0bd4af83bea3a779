import { GetParameterCommand, PutParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { call, callOrAbsent } from "../aws/call.ts";
import { regionalConfig } from "../aws/clients.ts";
import { asLevel, fromLevel, parametersBelow, parseFolder } from "../aws/parameter-folder.ts";
import { checkOptions } from "../core/target.ts";
import type { LedgerKind } from "./kind.ts";

/** Parameters of type String below `/keyturn/owners/ACCOUNT/`, one a user. They hold addresses, and no secret. */
export const ssm: LedgerKind = {
  kind: "ssm",
  parse: (target) => {
    checkOptions(target, ["region"]);
    const prefix = parseFolder(target, "/keyturn/owners");
    const region = target.options.get("region") ?? null;
    return {
      permissions: ({ partition, account }, home) => {
        const folder = `arn:${partition}:ssm:${region ?? home}:${account}:parameter${prefix}/${account}`;
        return [
          { sid: "OwnerLedger", actions: ["ssm:GetParameter", "ssm:PutParameter"], resources: [`${folder}/*`] },
          { sid: "ListOwnerLedger", actions: ["ssm:GetParametersByPath"], resources: [folder, `${folder}/*`] },
        ];
      },
      open: (access, { account }) => {
        const client = new SSMClient(regionalConfig(access, region));
        const folder = `${prefix}/${account}`;
        return {
          label: `ssm:${prefix}`,

          read: async (userName) => {
            const name = `${folder}/${asLevel(userName)}`;
            const answer = await callOrAbsent("ssm:GetParameter", name, (options) =>
              client.send(new GetParameterCommand({ Name: name }), options),
            );
            return answer?.Parameter?.Value ?? null;
          },

          readAll: async () => {
            const texts = new Map<string, string>();
            for await (const { Name = "", Value } of parametersBelow(client, folder)) {
              const userName = fromLevel(Name.slice(folder.length + 1));
              if (userName !== null && Value !== undefined) texts.set(userName, Value);
            }
            return texts;
          },

          write: async (userName, text) => {
            const name = `${folder}/${asLevel(userName)}`;
            const input = { Name: name, Value: text, Type: "String" as const, Overwrite: true };
            await call("ssm:PutParameter", name, (options) => client.send(new PutParameterCommand(input), options));
          },
        };
      },
    };
  },
};
