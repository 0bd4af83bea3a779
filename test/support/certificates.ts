import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import tls from "node:tls";
import { temporaryFolder } from "./cli.ts";

/** Why tests that need certificates are skipped; null where they run. */
export const opensslMissing: string | null =
  spawnSync("openssl", ["version"]).status === 0 ? null : "SKIPPED: no openssl that makes test certificates";
if (opensslMissing !== null && process.env["MOTO_REQUIRED"] === "1")
  throw new Error(`MOTO_REQUIRED=1, but ${opensslMissing}`);

export interface Certificate {
  readonly key: string;
  readonly cert: string;
  /** The file with the authority's certificate. */
  readonly ca: string;
}

/** A certificate for `localhost`, by an authority that was made for it and that nobody trusts. */
export function makeCertificate(): Certificate {
  const folder = temporaryFolder();
  const file = (name: string) => join(folder, name);
  const run = (...words: string[]) => execFileSync("openssl", words, { stdio: "pipe" });
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  run(
    "req",
    "-x509",
    ...newKey,
    "-keyout",
    file("ca.key"),
    "-out",
    file("ca.pem"),
    "-subj",
    "/CN=keyturn test authority",
    "-days",
    "2",
  );
  run("req", ...newKey, "-keyout", file("key.pem"), "-out", file("csr.pem"), "-subj", "/CN=localhost");
  writeFileSync(file("names"), "subjectAltName=DNS:localhost");
  const signer = ["-CA", file("ca.pem"), "-CAkey", file("ca.key"), "-CAcreateserial"];
  run(
    "x509",
    "-req",
    "-in",
    file("csr.pem"),
    ...signer,
    "-days",
    "2",
    "-extfile",
    file("names"),
    "-out",
    file("cert.pem"),
  );
  return {
    key: readFileSync(file("key.pem"), "utf8"),
    cert: readFileSync(file("cert.pem"), "utf8"),
    ca: file("ca.pem"),
  };
}

/** Lets this process trust the authority, as NODE_EXTRA_CA_CERTS does for one that starts. Returns what ends that. */
export function trust({ ca }: Certificate): () => void {
  const original = tls.createSecureContext;
  const authority = readFileSync(ca, "utf8");
  tls.createSecureContext = (options) => {
    const made = original(options);
    (made.context as { addCACert(pem: string): void }).addCACert(authority); // Node's own object, whose type says nothing
    return made;
  };
  return () => {
    tls.createSecureContext = original;
  };
}
