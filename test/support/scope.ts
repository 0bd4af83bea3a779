type Scope = "tests" | "quick" | "all";

function scopeOfThisRun(): Scope {
  const asked = process.env["KEYTURN_PROOF"] ?? "tests";
  if (asked !== "tests" && asked !== "quick" && asked !== "all")
    throw new Error(`KEYTURN_PROOF is "${asked}": it is quick, all, or not set`);
  return asked;
}

/**
 * How much time there is: `tests` is what `npm test` has for a search, `quick` what every pull request gets besides (`npm run
 * proof -- --quick`), `all` the whole product (`npm run proof`). Set by `scripts/proof.mjs`.
 */
export const SCOPE: Scope = scopeOfThisRun();
