import { GetParameterCommand, GetParameterHistoryCommand, PutParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { Secret } from "../core/secret.ts";
import { call, callOrAbsent } from "./call.ts";
import { type AwsAccess, regionalConfig } from "./clients.ts";

/** The newest version of a String parameter: its value, and the note that stands in its description. */
export interface NotedValue {
  readonly value: string;
  readonly description: string;
}

/**
 * Parameters of Parameter Store that are no destination. Descriptions hold up to 1024 characters; reading one takes
 * `ssm:GetParameterHistory`, for `GetParameter` does not tell it.
 * @see https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
 */
export interface Parameters {
  /** Null where there is no such parameter. */
  readNoted(name: string): Promise<NotedValue | null>;
  /** Value and note in one write, so that no reader sees one without the other. Makes a String where there is none. */
  writeNoted(name: string, noted: NotedValue): Promise<void>;
  /** Null where there is no such parameter. */
  readSecure(name: string): Promise<Secret | null>;
}

/** Throws `InvalidInput` where no region is known. Sends nothing yet. */
export function openParameters(access: AwsAccess): Parameters {
  const client = new SSMClient(regionalConfig(access));
  return {
    readNoted: async (name) => {
      let newest: { readonly version: number; readonly noted: NotedValue } | null = null;
      for (let token: string | undefined; ;) {
        const page = await callOrAbsent("ssm:GetParameterHistory", name, (options) =>
          client.send(new GetParameterHistoryCommand({ Name: name, MaxResults: 50, NextToken: token }), options),
        );
        for (const { Version: version = 0, Value: value = "", Description: description = "" } of page?.Parameters ?? [])
          if (newest === null || version >= newest.version) newest = { version, noted: { value, description } };
        token = page?.NextToken;
        if (token === undefined || token === "") return newest?.noted ?? null;
      }
    },
    writeNoted: async (name, { value, description }) => {
      const input = { Name: name, Value: value, Description: description, Type: "String", Overwrite: true } as const;
      await call("ssm:PutParameter", name, (options) => client.send(new PutParameterCommand(input), options));
    },
    readSecure: async (name) => {
      const answer = await callOrAbsent("ssm:GetParameter", name, (options) =>
        client.send(new GetParameterCommand({ Name: name, WithDecryption: true }), options),
      );
      const value = answer?.Parameter?.Value;
      return value === undefined ? null : new Secret(value);
    },
  };
}
