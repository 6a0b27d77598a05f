/** Incremental build steps: a step runs when the hash of its inputs changed or an output is missing. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

export interface Step {
  name: string;
  /** Files and directories, relative to the root. Missing ones count as absent, so that their appearance is a change. */
  inputs: readonly string[];
  /** Paths that must exist afterwards, relative to the root. */
  outputs: readonly string[];
  run(): Promise<void>;
}

export interface StepContext {
  root: string;
  /** Runs every step, whatever the hashes say. */
  force: boolean;
  log(line: string): void;
}

/** True when the step had to run. */
export async function runStep(step: Step, context: StepContext): Promise<boolean> {
  const stamp = join(context.root, "node_modules/.cache/maestro-build", `${step.name}.sha256`);
  const present = step.outputs.every((path) => existsSync(join(context.root, path)));
  const hash = hashInputs(context.root, step.inputs);
  if (!context.force && present && existsSync(stamp) && readFileSync(stamp, "utf8") === hash) return false;
  const startedMs = performance.now();
  await step.run();
  for (const path of step.outputs) {
    if (!existsSync(join(context.root, path))) throw new Error(`build: step '${step.name}' made no ${path}`);
  }
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, hash);
  context.log(`built ${step.name} in ${Math.round(performance.now() - startedMs)} ms`);
  return true;
}

const SKIPPED = new Set(["node_modules", "dist", ".wrangler"]);

function hashInputs(root: string, inputs: readonly string[]): string {
  const hash = createHash("sha256");
  for (const input of inputs) {
    const files = [...filesUnder(join(root, input))].sort();
    hash.update(`${input}\0${files.length}\0`);
    for (const file of files)
      hash
        .update(`${relative(root, file)}\0`)
        .update(readFileSync(file))
        .update("\0");
  }
  return hash.digest("hex");
}

/** Tests are left out: they are in no bundle. */
export function* filesUnder(path: string): Generator<string> {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isDirectory()) {
    if (!/\.test\.tsx?$/.test(path)) yield path;
    return;
  }
  for (const name of readdirSync(path)) if (!SKIPPED.has(name)) yield* filesUnder(join(path, name));
}
