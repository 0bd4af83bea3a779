import type { User } from "./access-key.ts";

/** One statement of an IAM policy: the permission for some calls on some resources. */
export interface Statement {
  readonly sid: string;
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  /** `{ operator: { key: values } }`, as IAM writes it. */
  readonly conditions?: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
}

/** A template with its placeholders as IAM wildcards: `/keys/{path}/{user}` becomes `/keys/*`, for a path may be empty. */
export const wildcard = (template: string): string =>
  template
    .replaceAll("{path}/", "*")
    .replaceAll(/\{[^{}]*\}/g, "*")
    .replaceAll(/\*+/g, "*");

/**
 * A statement about resources as a run meets them, without wildcards: the users given in place of all users, `name` in place of
 * anything else.
 */
export function concrete(statement: Statement, users: readonly User[], name: string): Statement {
  const resources = statement.resources.flatMap((resource): readonly string[] => {
    if (resource === "*") return ["*"];
    // A list of users is authorized for the path that it is asked for.
    if (statement.actions.includes("iam:ListUsers")) return [resource.replace(/\*$/, "")];
    const prefix = resource.slice(0, -1);
    const below = /:user\/.*\*$/.test(resource) ? users.filter(({ arn }) => arn.startsWith(prefix)) : [];
    return below.length > 0 ? below.map(({ arn }) => arn) : [resource.replaceAll("*", name).replaceAll("?", "A")];
  });
  return { ...statement, resources };
}

/** Statements as an IAM policy document. @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html */
export function policyDocument(statements: readonly Statement[]) {
  return {
    Version: "2012-10-17",
    Statement: statements.map(({ sid, actions, resources, conditions }) => ({
      Sid: sid,
      Effect: "Allow",
      Action: actions.toSorted(),
      Resource: resources,
      ...(conditions === undefined ? {} : { Condition: conditions }),
    })),
  };
}
