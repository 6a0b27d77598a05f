/** The test projects: `unit` in Node, `workerd` inside the Workers runtime, `e2e` and `faults` on the whole product. */
import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { LongestFirst } from "./scripts/longest-first.ts";
import { UNIT_PROGRAMS } from "./scripts/unit-programs.ts";
import { formatToken } from "./shared/src/token.ts";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

// The asset binding refuses a missing directory; workerd tests do not need the console to be built.
mkdirSync(at("./web/dist"), { recursive: true });

/** Secrets that protect nothing, so that tests can sign, verify and bootstrap by themselves. */
const secret = Buffer.alloc(32, 7).toString("base64url");
const bootstrap = formatToken(
  "boot",
  Uint8Array.from({ length: 80 }, (_, i) => i),
);

/** With timers scaled down the most, or with what is built changed under others: nothing else runs beside them. */
const ALONE = ["test/e2e/faults-{link,frames,fleet}.test.ts", "test/e2e/rebuild.test.ts"];

const wholeProduct = {
  environment: "node",
  pool: "forks",
  sequence: { concurrent: false },
  testTimeout: 180_000,
  hookTimeout: 180_000,
} as const;

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: "unit",
          include: ["{shared,control-plane,host-agent,web,scripts}/**/*.test.{ts,tsx}", "test/*.test.ts", "test/support/**/*.test.ts"],
          exclude: ["**/node_modules/**", "**/dist/**"],
          environment: "node",
          // Most of what a program that runs from its sources does at first is to be read by Node: once is enough for all.
          env: { NODE_COMPILE_CACHE: at("./node_modules/.cache/node"), UNIT_PROGRAMS },
          globalSetup: ["./scripts/unit-programs.ts"],
          // They wait for processes much of their time: a worker per core would leave the cores idle for a quarter of it.
          maxWorkers: availableParallelism() + 1,
          // A new process and its imports cost more than most of these files: a file leaves nothing behind that others see.
          isolate: false,
          unstubEnvs: true,
          unstubGlobals: true,
          // Above the patience of what tests wait for, so that it is named when it does not come.
          testTimeout: 30_000,
          hookTimeout: 30_000,
          expect: { poll: { timeout: 15_000 } },
        },
      },
      {
        plugins: [
          cloudflareTest(async () => ({
            main: "./control-plane/src/worker.ts",
            wrangler: { configPath: "./wrangler.toml" },
            remoteBindings: false,
            miniflare: {
              bindings: {
                MAESTRO_SECRET: secret,
                BOOTSTRAP_SHA256: createHash("sha256").update(bootstrap).digest("hex"),
                TEST_BOOTSTRAP: bootstrap,
                TEST_MIGRATIONS: await readD1Migrations(at("./migrations")),
              },
            },
          })),
        ],
        test: {
          name: "workerd",
          include: ["test/workerd/**/*.test.ts"],
          // One runtime per worker, not per file: what a file leaves, in storage or on a spy, goes before the next test (setup.ts).
          isolate: false,
          maxWorkers: Math.max(2, availableParallelism() - 1),
          setupFiles: ["./test/workerd/setup.ts"],
          testTimeout: 30_000,
          hookTimeout: 30_000,
          expect: { poll: { timeout: 15_000 } },
        },
      },
      {
        test: {
          ...wholeProduct,
          name: "e2e",
          include: ["test/{e2e,chaos}/**/*.test.ts"],
          exclude: ["**/node_modules/**", ...ALONE],
          // Each starts products of its own and waits for a third of its time.
          fileParallelism: true,
          maxWorkers: 3,
        },
      },
      {
        test: {
          ...wholeProduct,
          name: "faults",
          include: ALONE,
          // One at a time: their deadlines are scaled down to fractions of a second.
          fileParallelism: false,
          maxWorkers: 1,
        },
      },
    ],
  },
});
