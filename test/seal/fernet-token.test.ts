import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { Secret } from "../../src/core/secret.ts";
import { instant } from "../../src/core/time.ts";
import { asFernetKey, newFernetKey, openToken, sealToken, tokenLength } from "../../src/seal/fernet-token.ts";

/* The vectors of the specification: https://github.com/fernet/spec, generate.json, verify.json and invalid.json. */
const KEY = new Secret("cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=");
const HELLO = "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==";
const AT = instant(Date.parse("1985-10-26T01:20:00-07:00"));

const INVALID = {
  "incorrect mac":
    "gAAAAAAdwJ6xAAECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPAl1-szkFVzXTuGb4hR8AKtwcaX1YdykQUFBQUFBQUFBQQ==",
  "too short": "gAAAAAAdwJ6xAAECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPA==",
  "invalid base64":
    "%%%%%%%%%%%%%AECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPAl1-szkFVzXTuGb4hR8AKtwcaX1YdykRtfsH-p1YsUD2Q==",
  "payload size not multiple of block size":
    "gAAAAAAdwJ6xAAECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPOm73QeoCk9uGib28Xe5vz6oxq5nmxbx_v7mrfyudzUm",
  "payload padding error":
    "gAAAAAAdwJ6xAAECAwQFBgcICQoLDA0ODz4LEpdELGQAad7aNEHbf-JkLPIpuiYRLQ3RtXatOYREu2FWke6CnJNYIbkuKNqOhw==",
  "incorrect IV (causes padding error)":
    "gAAAAAAdwJ6xBQECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPAkLhFLHpGtDBRLRTZeUfWgHSv49TF2AUEZ1TIvcZjK1zQ==",
};

/** Of an empty text; invalid in the specification for their time alone, which does not count here. */
const UNTIMELY = {
  "far-future TS":
    "gAAAAAAdwStRAAECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPAnja1xKYyhd-Y6mSkTOyTGJmw2Xc2a6kBd-iX9b_qXQcw==",
  "expired TTL": "gAAAAAAdwJ6xAAECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPAl1-szkFVzXTuGb4hR8AKtwcaX1YdykRtfsH-p1YsUD2Q==",
};

describe("a Fernet token", () => {
  it("is made as the specification says", () => {
    const iv = Buffer.from(Array.from({ length: 16 }, (_, index) => index));
    expect(sealToken(KEY, new Secret("hello"), AT, iv)).toBe(HELLO);
    expect(openToken(KEY, HELLO)?.reveal()).toBe("hello");
  });

  it.each(Object.entries(INVALID))("does not open: %s", (_, token) => {
    expect(openToken(KEY, token)).toBeNull();
  });

  it.each(Object.entries(UNTIMELY))("opens, whatever the clock says: %s", (_, token) => {
    expect(openToken(KEY, token)?.reveal()).toBe("");
  });

  it("opens only whole, unchanged, in strict base64, and with its own key", () => {
    const key = newFernetKey();
    const token = sealToken(key, new Secret("wJal+rXUtnFEMI/K7MDENG"), AT);
    expect(openToken(key, token)?.reveal()).toBe("wJal+rXUtnFEMI/K7MDENG");
    const bytes = Buffer.from(token, "base64url");
    for (let index = 0; index < bytes.length; index += 1) {
      const changed = Buffer.from(bytes);
      changed[index] = (changed[index] ?? 0) ^ 1;
      expect(openToken(key, changed.toString("base64url").padEnd(token.length, "="))).toBeNull();
    }
    for (const other of [token.slice(0, -4), token.replace(/=+$/, ""), `${token}=`, ` ${token}`, `${token}\n`, ""])
      expect(openToken(key, other)).toBeNull();
    expect(openToken(newFernetKey(), token)).toBeNull();
  });

  it("never looks the same twice, and has the length that is reckoned with", () => {
    const [key, text] = [newFernetKey(), new Secret("x".repeat(40))];
    expect(sealToken(key, text, AT)).not.toBe(sealToken(key, text, AT));
    expect(sealToken(key, text, AT).replace(/=+$/, "")).toHaveLength(tokenLength(3));
  });

  it.each([
    "",
    "AAAA",
    "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4",
    "cw/0x689RpI+jtRR7oE8h/eQsKImvJapLeSbXpwF4e4=",
    "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e5=",
  ])("has no key such as %j", (text) => {
    expect(asFernetKey(text)).toBeNull();
  });
});

const hasPython = spawnSync("python3", ["-c", "import cryptography.fernet"], { timeout: 60_000 }).status === 0;

describe.skipIf(!hasPython)(`Python's cryptography ${hasPython ? "" : "(SKIPPED: not installed)"}`, () => {
  it("opens what is sealed here, with the variables of decryption.py, and seals what opens here", () => {
    const key = newFernetKey();
    const secret = "wJal+rXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY é";
    const program = [
      "import os, sys",
      "from cryptography.fernet import Fernet",
      "f = Fernet(os.environ['ENC_KEY'])",
      "sys.stdout.write(f.decrypt(os.environ['CIPHER_TEXT'].encode('utf-8')).decode('utf-8') + '\\n')",
      "sys.stdout.write(f.encrypt('zurück'.encode('utf-8')).decode('utf-8') + '\\n')",
      "sys.stdout.write(Fernet.generate_key().decode('utf-8') + '\\n')",
    ].join("\n");
    const { stdout } = spawnSync("python3", ["-c", program], {
      encoding: "utf8",
      env: {
        PATH: process.env["PATH"] ?? "",
        PYTHONIOENCODING: "utf-8",
        ENC_KEY: key.reveal(),
        CIPHER_TEXT: sealToken(key, new Secret(secret), instant(Date.now())),
      },
    });
    const [opened, sealed = "", generated = ""] = stdout.split("\n");
    expect(opened).toBe(secret);
    expect(openToken(key, sealed)?.reveal()).toBe("zurück");
    expect(asFernetKey(generated)?.reveal()).toBe(generated);
  });
});
