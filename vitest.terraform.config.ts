import { defineConfig } from "vitest/config";

/** The tests of the Terraform modules: they need Terraform and its AWS provider, and take minutes. */
export default defineConfig({
  test: {
    include: ["test/terraform/**/*.test.ts"],
    testTimeout: 600_000,
    hookTimeout: 600_000,
    // Much of the time is waited: for the provider, which polls, and for rotations that settle.
    maxWorkers: 4,
  },
});
