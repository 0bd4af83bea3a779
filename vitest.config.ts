import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Parts of names, the longest first; the last one is part of every name. */
const LONG = [
  "crash.test",
  "lost-replies",
  "whole-account",
  "never-switches",
  "/integration/",
  "/dropins/",
  "/model/",
  "",
];

/** Whole lives, told over many runs of the built command. */
const LONG_LIVES = ["life", "mailed-keys", "never-switches", "whole-account"].map(
  (name) => `test/integration/${name}.test.ts`,
);

/** What takes long comes first, so that no core idles at the end. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- no method of an array
    const sorted = await super.sort(files);
    return LONG.flatMap((_, index) =>
      sorted.filter((file) => LONG.findIndex((each) => file.moduleId.includes(each)) === index),
    );
  }
}

/** Their tests touch neither the environment nor other modules: they share what a process has loaded once. */
const PURE = ["config", "core", "documents", "engine", "report"].map((folder) => `test/${folder}/**/*.test.ts`);
const ALL = ["test/**/*.test.ts"];
/** Those have minutes of their own: `npm run test:terraform`, and `npm run proof`, which is part of CI, too. */
const ELSEWHERE = ["test/terraform/**", ...(process.env["KEYTURN_PROOF"] === undefined ? LONG_LIVES : [])];

export default defineConfig({
  test: {
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Some tests mostly wait: for settling, for a process that starts.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true" },
    projects: [
      { extends: true, test: { name: "whole", include: ALL, exclude: [...PURE, ...ELSEWHERE] } },
      { extends: true, test: { name: "pure", include: PURE, isolate: false } },
    ],
  },
});
