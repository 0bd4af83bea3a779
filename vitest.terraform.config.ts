import { defineConfig } from "vitest/config";

/** The tests of the Terraform modules: they need Terraform and its AWS provider, and take minutes. */
export default defineConfig({
  test: {
    include: ["test/terraform/**/*.test.ts"],
    testTimeout: 600_000,
    hookTimeout: 600_000,
    // Each command of Terraform keeps about a core busy.
    maxWorkers: 2,
  },
});
