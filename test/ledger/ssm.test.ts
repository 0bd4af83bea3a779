import { PutParameterCommand } from "@aws-sdk/client-ssm";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { InvalidInput } from "../../src/core/invalid-input.ts";
import { parseTarget } from "../../src/core/target.ts";
import { ssm } from "../../src/ledger/ssm.ts";
import { errorOf } from "../destinations/contract.ts";
import { ACCOUNT, type AwsHost, bodiesOf, CALLER, startAws, whySkipped } from "../destinations/host.ts";
import { motoMissing } from "../support/moto.ts";
import { ledgerContract } from "./contract.ts";

let aws: AwsHost;
const open = (text = "ssm", account = ACCOUNT) =>
  ssm.parse(parseTarget(text)).open(aws.host.access, { ...CALLER, account });

describe.skipIf(motoMissing !== null)(`Parameter Store as ledger${whySkipped}`, () => {
  beforeAll(async () => {
    aws = await startAws();
  });
  afterAll(() => aws?.stop());
  afterEach(() => aws.proxy.reset());

  ledgerContract("a folder of parameters", (account) => open("ssm", account));

  it("keeps plain parameters, which are replaced", async () => {
    await open("ssm:/people").write("ci,bot", "text");
    expect(bodiesOf(aws.proxy, "ssm:PutParameter")).toEqual([
      { Name: `/people/${ACCOUNT}/ci_x2C_bot`, Value: "text", Type: "String", Overwrite: true },
    ]);
  });

  it("passes over parameters in its folder that are not entries", async () => {
    for (const rest of ["_xZZ_", "ci/deeper"])
      await aws.ssm.send(new PutParameterCommand({ Name: `/odd/${ACCOUNT}/${rest}`, Value: "x", Type: "String" }));
    expect([...(await open("ssm:/odd").readAll())]).toEqual([]);
  });

  it("tells a missing permission as denied, and is not taken for empty", async () => {
    aws.proxy.before = () => ({ kind: "error", status: 400, code: "AccessDeniedException" });
    expect(await errorOf(() => open().read("ci"))).toMatchObject({ kind: "denied", action: "ssm:GetParameter" });
    expect(await errorOf(() => open().readAll())).toMatchObject({ kind: "denied", action: "ssm:GetParametersByPath" });
    expect(await errorOf(() => open().write("ci", "x"))).toMatchObject({ kind: "denied", action: "ssm:PutParameter" });
  });
});

describe("an SSM ledger target", () => {
  it("is a folder of parameters, by its own name in messages", () => {
    expect(() => ssm.parse(parseTarget("ssm:people"))).toThrow(InvalidInput);
    expect(() => ssm.parse(parseTarget("ssm:/people?tier=Advanced"))).toThrow("ssm has no option tier");
  });

  it("needs three permissions on its own folder of this account", () => {
    const folder = "arn:aws:ssm:us-east-2:123456789012:parameter/people/123456789012";
    expect(ssm.parse(parseTarget("ssm:/people?region=us-east-2")).permissions(CALLER, "eu-west-1")).toEqual([
      { sid: "OwnerLedger", actions: ["ssm:GetParameter", "ssm:PutParameter"], resources: [`${folder}/*`] },
      { sid: "ListOwnerLedger", actions: ["ssm:GetParametersByPath"], resources: [folder, `${folder}/*`] },
    ]);
  });
});
