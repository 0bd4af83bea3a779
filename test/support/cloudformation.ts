import { parse, type ScalarTag, type CollectionTag } from "yaml";

/** What a stack is told besides its parameters. */
export interface StackPlace {
  readonly account: string;
  readonly region: string;
}

interface Parameter {
  readonly Type: "String" | "Number" | "CommaDelimitedList";
  readonly Default?: string | number;
  readonly AllowedPattern?: string;
  readonly AllowedValues?: readonly string[];
  readonly MinValue?: number;
  readonly MaxValue?: number;
}

interface Template {
  readonly Metadata: {
    readonly "AWS::CloudFormation::Interface": {
      readonly ParameterGroups: readonly { readonly Parameters: readonly string[] }[];
      readonly ParameterLabels: Readonly<Record<string, unknown>>;
    };
  };
  readonly Parameters: Readonly<Record<string, Parameter>>;
  readonly Conditions: Readonly<Record<string, unknown>>;
  readonly Resources: Readonly<Record<string, { readonly Type: string; readonly Properties: unknown }>>;
}

const SHORT = ["Ref", "Sub", "If", "Not", "And", "Or", "Equals", "Join", "Select", "Split", "GetAtt", "Condition"];

/** `!If […]` is a short form of `{ "Fn::If": […] }`; of Ref and Condition the long form has no `Fn::`. */
const long = (name: string, value: unknown) => ({
  [name === "Ref" || name === "Condition" ? name : `Fn::${name}`]: value,
});

const tags = SHORT.flatMap((name): (ScalarTag | CollectionTag)[] => [
  { tag: `!${name}`, resolve: (text: string) => long(name, text) },
  {
    tag: `!${name}`,
    collection: "seq",
    resolve: (node) => long(name, (node as { toJSON(): unknown }).toJSON()), // of a sequence it is a list
  },
]);

/** What is left out where a condition does not hold. */
const NOTHING = Symbol("AWS::NoValue");

/**
 * A template of CloudFormation as it is deployed: its parameters checked, and its functions resolved, as far as ours uses them.
 * @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
 */
export class CloudFormationTemplate {
  readonly #template: Template;

  constructor(text: string) {
    this.#template = parse(text, { customTags: tags }) as Template; // what a template is; cfn-lint judges ours
  }

  get parameters(): readonly string[] {
    return Object.keys(this.#template.Parameters);
  }

  /** The parameters as the console's form asks for them, and those that have a label there. */
  get form(): { readonly asked: readonly string[]; readonly labelled: readonly string[] } {
    const { ParameterGroups, ParameterLabels } = this.#template.Metadata["AWS::CloudFormation::Interface"];
    return { asked: ParameterGroups.flatMap(({ Parameters }) => Parameters), labelled: Object.keys(ParameterLabels) };
  }

  /** The parameters, by name, that CloudFormation would refuse. */
  refused(given: Readonly<Record<string, string>>): readonly string[] {
    return Object.entries(this.#template.Parameters).flatMap(([name, parameter]) => {
      const value = given[name] ?? parameter.Default;
      return value !== undefined && fits(parameter, String(value)) ? [] : [name];
    });
  }

  /** The properties of a resource, with everything resolved. */
  properties(resource: string, given: Readonly<Record<string, string>>, place: StackPlace): unknown {
    const values: Record<string, unknown> = {
      "AWS::Partition": "aws",
      "AWS::AccountId": place.account,
      "AWS::Region": place.region,
      "AWS::NoValue": NOTHING,
    };
    for (const [name, { Type, Default }] of Object.entries(this.#template.Parameters)) {
      const text = String(given[name] ?? Default ?? "");
      values[name] = Type === "CommaDelimitedList" ? text.split(",") : Type === "Number" ? Number(text) : text;
    }
    return this.#resolve(this.#template.Resources[resource]?.Properties, values);
  }

  #resolve(node: unknown, values: Readonly<Record<string, unknown>>): unknown {
    const resolve = (inner: unknown) => this.#resolve(inner, values);
    if (Array.isArray(node)) return node.map(resolve).filter((each) => each !== NOTHING);
    if (typeof node !== "object" || node === null) return node;
    const [[name, inner] = ["", null], ...more] = Object.entries(node);
    if (
      more.length > 0 ||
      !/^(Ref|Condition|Fn::.*)$/.test(name) ||
      (name === "Condition" && typeof inner !== "string")
    )
      return Object.fromEntries(
        Object.entries(node)
          .map(([key, value]) => [key, resolve(value)])
          .filter(([, value]) => value !== NOTHING),
      );
    return this.#call(name, inner, values);
  }

  #call(name: string, inner: unknown, values: Readonly<Record<string, unknown>>): unknown {
    const resolve = (each: unknown) => this.#resolve(each, values);
    const list = (Array.isArray(inner) ? inner : [inner]) as readonly unknown[]; // of what, each function says below
    switch (name) {
      case "Ref":
        return valueOf(values, String(inner));
      case "Condition":
        return resolve(this.#template.Conditions[String(inner)]);
      case "Fn::If":
        return resolve(this.#call("Condition", list[0], values) === true ? list[1] : list[2]);
      case "Fn::Not":
        return resolve(list[0]) !== true;
      case "Fn::And":
        return list.every((each) => resolve(each) === true);
      case "Fn::Or":
        return list.some((each) => resolve(each) === true);
      case "Fn::Equals":
        return resolve(list[0]) === resolve(list[1]);
      case "Fn::Join":
        return (resolve(list[1]) as readonly string[]).join(String(list[0])); // a list parameter
      case "Fn::Split":
        return String(resolve(list[1])).split(String(list[0]));
      case "Fn::Select":
        return (resolve(list[1]) as readonly unknown[])[Number(list[0])]; // a list parameter, or what Split made
      case "Fn::Sub": {
        const own = resolve(list[1] ?? {}) as Readonly<Record<string, unknown>>; // its second argument is a map
        return String(list[0]).replaceAll(/\$\{([^}]+)\}/g, (_, each: string) =>
          String(valueOf({ ...values, ...own }, each)),
        );
      }
      default:
        throw new Error(`this template is resolved without ${name}`);
    }
  }
}

function valueOf(values: Readonly<Record<string, unknown>>, name: string): unknown {
  if (!(name in values)) throw new Error(`the template has nothing called ${name}`);
  return values[name];
}

function fits({ Type, AllowedPattern, AllowedValues, MinValue, MaxValue }: Parameter, text: string): boolean {
  const each = Type === "CommaDelimitedList" ? text.split(",") : [text];
  // CloudFormation's patterns are Java's, which read these as JavaScript does.
  return (
    each.every((one) => AllowedPattern === undefined || new RegExp(AllowedPattern).test(one)) &&
    (AllowedValues === undefined || AllowedValues.includes(text)) &&
    (MinValue === undefined || Number(text) >= MinValue) &&
    (MaxValue === undefined || Number(text) <= MaxValue)
  );
}
