import { afterEach, describe, expect, it, vi } from "vitest";
import { Secret } from "../../src/core/secret.ts";
import { Scrubber } from "../../src/lambda/scrubber.ts";
import { Telemetry } from "../../src/lambda/telemetry.ts";

const CANARY = 'wJalrXUtnFEMI/K7"DENG+bPxRfiCYEXAMPLEKEY';
const TOKEN = "IQoJb3JpZ2luX2VjEXAMPLETOKEN==";

function telemetry() {
  const lines: string[] = [];
  const scrubber = new Scrubber({ AWS_SESSION_TOKEN: TOKEN });
  scrubber.learn(new Secret(CANARY));
  return { lines, telemetry: new Telemetry("creator", "request-1", scrubber, (line) => lines.push(line)) };
}

const forms = [CANARY, JSON.stringify(CANARY).slice(1, -1), encodeURIComponent(CANARY), TOKEN];

describe("what a function writes", () => {
  afterEach(() => vi.unstubAllEnvs());

  it("has no secret in it, wherever it came in and however it was written", () => {
    const { lines, telemetry: told } = telemetry();
    const broken = new Error(`could not send ${CANARY}`, { cause: new Error(TOKEN) });
    told.info(`key ${CANARY}`, { deep: { er: [`x=${encodeURIComponent(CANARY)}`] }, encoded: btoa(`a:${CANARY}`) });
    told.warn("token", { [TOKEN]: TOKEN });
    told.failed("broken", { error: broken });
    told.audit(JSON.stringify({ reason: CANARY }));
    const last = told.asLastWords(broken);
    told.publish();
    const text = `${lines.join("\n")}\n${last.message}\n${last.stack ?? ""}`;
    for (const form of forms) expect(text).not.toContain(form);
    expect(text).not.toContain(btoa(`a:${CANARY}`).slice(8, -8));
    expect(text).toContain("[secret]");
    for (const line of lines) expect(() => JSON.parse(line) as unknown, line).not.toThrow();
  });

  it("keeps the whole audit, whatever log level is set", () => {
    vi.stubEnv("POWERTOOLS_LOG_LEVEL", "ERROR");
    vi.stubEnv("AWS_LAMBDA_LOG_LEVEL", "FATAL");
    const { lines, telemetry: told } = telemetry();
    told.info("not wanted");
    told.audit("{}");
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      { message: "audit", service: "creator", requestId: "request-1", audit: "{}" },
    ]);
  });

  it("bears a logger that has something to say before it is ready", () => {
    vi.stubEnv("POWERTOOLS_LOGGER_SAMPLE_RATE", "1");
    const { lines, telemetry: told } = telemetry();
    told.warn("this is wanted");
    expect(lines).toHaveLength(1);
  });

  it("counts in CloudWatch's embedded format", () => {
    vi.stubEnv("POWERTOOLS_METRICS_NAMESPACE", "security");
    const { lines, telemetry: told } = telemetry();
    told.failed("one");
    told.count({ rotations: 2, retirements: 1, blocked: 3, deferred: 4, oldestKeyAgeDays: 91.5 });
    told.publish();
    expect(JSON.parse(lines.at(-1) ?? "")).toMatchObject({
      _aws: { CloudWatchMetrics: [{ Namespace: "security", Dimensions: [["service"]] }] },
      service: "creator",
      Rotations: 2,
      Retirements: 1,
      Blocked: 3,
      Deferred: 4,
      OldestKeyAgeDays: 91.5,
      Failures: 1,
    });
  });
});
