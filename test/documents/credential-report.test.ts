import { describe, expect, it } from "vitest";
import { readCredentialReport } from "../../src/documents/credential-report.ts";

const HEADER =
  "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active," +
  "access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service," +
  "access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service," +
  "cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated";

const row = (user: string, first: string, second: string, arn = `arn:aws:iam::111122223333:user/${user}`) =>
  `${user},${arn},2025-01-01T00:00:00+00:00,false,not_supported,N/A,N/A,false,${first},N/A,N/A,N/A,${second},N/A,N/A,N/A,false,N/A,false,N/A`;

const EMPTY = "false,N/A";
const read = (...rows: readonly string[]) => [
  ...(readCredentialReport([HEADER, ...rows, ""].join("\n")) ?? new Map()).values(),
];

describe("a credential report", () => {
  it("tells for each user the slots that hold a key, and since when", () => {
    expect(
      read(
        row("both", "true,2026-01-02T03:04:05+00:00", "false,2026-02-03T04:05:06+00:00"),
        row("second-slot", EMPTY, "true,2026-01-02T03:04:05+00:00"),
        row("none", EMPTY, EMPTY),
      ).map(({ userName, slots }) => [userName, slots]),
    ).toEqual([
      [
        "both",
        [
          { isActive: true, changedAt: Date.parse("2026-01-02T03:04:05Z") },
          { isActive: false, changedAt: Date.parse("2026-02-03T04:05:06Z") },
        ],
      ],
      ["second-slot", [{ isActive: true, changedAt: Date.parse("2026-01-02T03:04:05Z") }]],
      ["none", []],
    ]);
  });

  it("leaves out what it cannot read whole, so that those users are read exactly", () => {
    const whole = row("whole", EMPTY, EMPTY);
    expect(
      read(
        "<root_account>,arn:aws:iam::111122223333:root,2025-01-01T00:00:00+00:00,not_supported,N/A,N/A,N/A,true,false,N/A,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A",
        row("odd-date", "true,yesterday", EMPTY),
        row("odd-status", "perhaps,2026-01-02T03:04:05+00:00", EMPTY),
        row("active-without-date", "true,N/A", EMPTY),
        row("cut", EMPTY, EMPTY).slice(0, -30),
        row("other", EMPTY, EMPTY, "arn:aws:iam::111122223333:user/somebody-else"),
        row("twice", EMPTY, EMPTY),
        row("twice", "true,2026-01-02T03:04:05+00:00", EMPTY),
        whole,
      ).map(({ userName }) => userName),
    ).toEqual(["whole"]);
  });

  it("bears commas and quotes in names and paths", () => {
    const quoted = row('"a,b"', EMPTY, EMPTY, '"arn:aws:iam::111122223333:user/x,""y""/a,b"');
    expect(read(quoted).map(({ arn }) => arn)).toEqual(['arn:aws:iam::111122223333:user/x,"y"/a,b']);
    expect(read('"broken', row("after", EMPTY, EMPTY)).map(({ userName }) => userName)).toEqual(["after"]);
    // Without quotes the row has a field too many, and tells nothing.
    expect(read(row("a,b", EMPTY, EMPTY))).toEqual([]);
  });

  it.each(["", "user,arn\nx,y", "<html>", "\u0000"])("is not one: %j", (text) => {
    expect(readCredentialReport(text)).toBeNull();
  });
});
