import { GetParametersByPathCommand, type Parameter, type SSMClient } from "@aws-sdk/client-ssm";
import { InvalidInput } from "../core/invalid-input.ts";
import { decodeSegment, encodeSegment, type Target } from "../core/target.ts";
import { call } from "./call.ts";

/** Parameter Store allows 15 levels, and account, user and key may come below. */
const DEEPEST = 12;
const ALPHABET = /[A-Za-z0-9_.-]/;

/** The folder of parameters that a target names, such as `/keyturn/escrow`; `usual` where it names none. Throws {@link InvalidInput}. */
export function parseFolder({ name, text }: Target, usual: string): string {
  const folder = name === "" ? usual : name;
  if (!/^(\/[A-Za-z0-9_.-]+)+$/.test(folder) || /^\/(aws|ssm)/i.test(folder))
    throw new InvalidInput(`${text}: ${folder} is not the name of a parameter folder`, `for example ssm:${usual}`);
  if (folder.split("/").length - 1 > DEEPEST)
    throw new InvalidInput(`${text}: ${folder} is too deep a folder`, `${DEEPEST} levels at most`);
  return folder;
}

/** A user name as one level of a parameter's name. */
export const asLevel = (userName: string): string => encodeSegment(userName, ALPHABET);

/** Undoes {@link asLevel}; null for a level that it does not print. */
export const fromLevel = (level: string): string | null => decodeSegment(level, ALPHABET);

/** Every parameter below a folder, at any depth, page by page; SecureStrings stay encrypted. */
export async function* parametersBelow(client: SSMClient, folder: string): AsyncGenerator<Parameter> {
  for (let token: string | undefined; ;) {
    const input = { Path: folder, Recursive: true, WithDecryption: false, NextToken: token };
    const page = await call("ssm:GetParametersByPath", folder, (options) =>
      client.send(new GetParametersByPathCommand(input), options),
    );
    yield* page.Parameters ?? [];
    token = page.NextToken;
    if (token === undefined || token === "") return;
  }
}
