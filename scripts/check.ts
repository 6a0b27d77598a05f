/** `pnpm check [--fix] [step…]`: everything that can be said of the tree without running the product. */
import { availableParallelism } from "node:os";
import { pathToFileURL } from "node:url";
import { failed, passed, runSteps, type Step, type StepRecord } from "./steps.ts";
import { runCommand } from "./command.ts";
import { lockfileStep } from "./checks/lockfile.ts";
import { migrationSteps } from "./checks/migrations.ts";
import { toolSteps } from "./checks/tools.ts";
import { workerSteps } from "./checks/worker.ts";

const buildStep: Step = {
  name: "build",
  run: async () => {
    const { code, output } = await runCommand([process.execPath, "scripts/build.ts"], { timeoutMs: 300_000 });
    return code === 0 ? passed() : failed(output);
  },
};

export const checkSteps = (fix: boolean): Step[] => [buildStep, ...toolSteps(fix), lockfileStep, ...migrationSteps, ...workerSteps];

/** Two at a time: the compiler and the linter use more than one core by themselves. */
export const checkWidth = (): number => Math.max(1, Math.min(2, availableParallelism()));

async function main(argv: readonly string[]): Promise<number> {
  const fix = argv.includes("--fix");
  const names = argv.filter((word) => !word.startsWith("--"));
  const steps = checkSteps(fix).filter(({ name }) => names.length === 0 || names.includes(name));
  if (steps.length === 0) {
    process.stderr.write(
      `No such check. There are: ${checkSteps(false)
        .map(({ name }) => `'${name}'`)
        .join(", ")}.\n`,
    );
    return 2;
  }
  // Formatting rewrites what the others read.
  const records: StepRecord[] = await runSteps(steps, fix ? 1 : checkWidth(), (line) => process.stdout.write(`${line}\n`));
  const broken = records.filter(({ outcome }) => outcome.state === "failed");
  process.stdout.write(
    broken.length === 0 ? "check: all well\n" : `check: ${broken.length} failed: ${broken.map(({ name }) => name).join(", ")}\n`,
  );
  return broken.length === 0 ? 0 : 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) process.exitCode = await main(process.argv.slice(2));
