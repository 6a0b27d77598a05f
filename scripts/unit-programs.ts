/**
 * Programs of the host-agent that unit tests start as processes, each bundled as in an installed Maestro: Node reads one
 * file at their start, not hundreds, which is half of what most of these processes cost.
 */
import { copyFileSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleNode } from "../host-agent/bundle.ts";
import { runStep } from "./build/step.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const SOURCES = "host-agent/src";
/** Where what is in no bundle is found as from anywhere in the package. */
const PLACE = "host-agent/node_modules/.unit-programs";

export const UNIT_PROGRAMS = join(root, PLACE, "dist");

const ENTRIES: Readonly<Record<string, string>> = {
  bin: "bin.ts",
  "holder-entry": "holder/testing/holder-entry.ts",
  "tasks-entry": "tasks/testing/tasks-entry.ts",
  "screen-worker": "holder/screen-worker.ts",
};

/** Before the first unit test. */
export async function setup(): Promise<void> {
  const step = {
    name: "unit-programs",
    inputs: [
      ...["pnpm-lock.yaml", "tsconfig.base.json", "scripts/unit-programs.ts", "scripts/build"],
      ...["host-agent/bundle.ts", "host-agent/package.json", "host-agent/tsconfig.json", SOURCES, "shared/src"],
    ],
    // With what the bundler puts beside them.
    outputs: [...Object.keys(ENTRIES).map((name) => `${name}.js`), "runner.sh", "hand.sh"].map((name) => `${PLACE}/dist/${name}`),
    async run() {
      mkdirSync(UNIT_PROGRAMS, { recursive: true });
      copyFileSync(join(root, "host-agent/package.json"), join(root, PLACE, "package.json"));
      const entries = Object.fromEntries(Object.entries(ENTRIES).map(([name, source]) => [name, join(root, SOURCES, source)]));
      await bundleNode({ entries, outdir: UNIT_PROGRAMS });
    },
  };
  await runStep(step, { root, force: false, log: () => undefined });
}
