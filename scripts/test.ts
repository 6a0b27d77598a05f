/**
 * `pnpm test [--only check|unit|workerd|e2e|faults|chaos] [--full]`: everything CI runs, in CI's order. The last
 * line is `N passed, N failed, N skipped`; each check counts as a test.
 */
import { checkSteps, checkWidth } from "./check.ts";
import { runSteps, type Step, type StepRecord } from "./steps.ts";
import { systemPackagesStep } from "./system-packages.ts";
import { add, NONE, runVitest, type Counts } from "./vitest-run.ts";

const STAGES = ["check", "unit", "workerd", "e2e", "faults", "chaos"] as const;
type Stage = (typeof STAGES)[number];

/** The stages of a run without `--only`; `e2e` contains the faults. */
const EVERYTHING: readonly Stage[] = ["check", "unit", "workerd", "e2e"];

interface Plan {
  stages: readonly Stage[];
  /** Faults and chaos at full length instead of scaled down to CI's patience. */
  full: boolean;
}

const MINUTE_MS = 60_000;
/** Half as long again as a whole run may take, for machines are noisy: a hang still gets its counts printed. */
const BUDGET_MS = 29 * MINUTE_MS;
const startedMs = performance.now();

async function main(argv: readonly string[]): Promise<number> {
  const plan = parse(argv);
  if (typeof plan === "string") {
    process.stderr.write(`${plan}\nUsage: pnpm test [--only ${STAGES.join("|")}] [--full]\n`);
    return 2;
  }
  let counts = NONE;
  for (const stage of plan.stages) {
    const stageMs = performance.now();
    say(`\n== ${stage}`);
    const result = await runStage(stage, plan.full);
    counts = add(counts, result);
    say(`== ${stage}: ${line(result)} (${seconds(stageMs)} s)`);
  }
  say(`\nall of it took ${seconds(startedMs)} s`);
  say(line(counts));
  return counts.failed === 0 ? 0 : 1;
}

function parse(argv: readonly string[]): Plan | string {
  const stages: Stage[] = [];
  let full = false;
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? "";
    if (word === "--full") full = true;
    else if (word === "--only" || word.startsWith("--only=")) {
      const value = word === "--only" ? argv[++i] : word.slice("--only=".length);
      const stage = STAGES.find((name) => name === value);
      if (stage === undefined) return `--only: '${value ?? ""}' is none of ${STAGES.join(", ")}.`;
      stages.push(stage);
    } else if (word !== "--") return `Unknown argument '${word}'.`;
  }
  return { stages: stages.length === 0 ? EVERYTHING : stages, full };
}

async function runStage(stage: Stage, full: boolean): Promise<Counts> {
  const env: Record<string, string> = full ? { MAESTRO_FULL: "1" } : {};
  const left = (): number => (full ? 180 * MINUTE_MS : Math.max(MINUTE_MS, BUDGET_MS - (performance.now() - startedMs)));
  switch (stage) {
    case "check":
      return steps([systemPackagesStep, ...checkSteps(false)]);
    case "unit":
      return add(await prepare([]), await runVitest({ project: "unit", env, timeoutMs: Math.min(12 * MINUTE_MS, left()) }));
    case "workerd":
      return runVitest({ project: "workerd", env, timeoutMs: Math.min(12 * MINUTE_MS, left()) });
    case "e2e":
      return add(
        await prepare(["build"]),
        add(await runVitest({ project: "e2e", env, timeoutMs: left() }), await runVitest({ project: "faults", env, timeoutMs: left() })),
      );
    case "faults":
      return add(
        await prepare(["build"]),
        add(
          await runVitest({ project: "faults", env, timeoutMs: left() }),
          await runVitest({
            project: "e2e",
            filters: ["test/chaos", "test/e2e/faults", "test/e2e/remote-faults", "test/e2e/bytes"],
            env,
            timeoutMs: left(),
          }),
        ),
      );
    case "chaos":
      return add(await prepare(["build"]), await runVitest({ project: "e2e", filters: ["test/chaos"], env, timeoutMs: left() }));
  }
}

const prepared = new Set<string>();

/** What a stage stands on, once per run: in a whole run `check` has already provided all of it. */
async function prepare(names: readonly string[]): Promise<Counts> {
  const wanted = [systemPackagesStep, ...checkSteps(false).filter(({ name }) => names.includes(name))];
  return steps(wanted.filter(({ name }) => !prepared.has(name)));
}

async function steps(list: readonly Step[]): Promise<Counts> {
  for (const { name } of list) prepared.add(name);
  const records = await runSteps(list, checkWidth(), say);
  return records.map(({ outcome }: StepRecord) => ({ ...NONE, [outcome.state]: 1 })).reduce<Counts>((sum, one) => add(sum, one), NONE);
}

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const line = ({ passed, failed, skipped }: Counts): string => `${passed} passed, ${failed} failed, ${skipped} skipped`;
const seconds = (sinceMs: number): string => ((performance.now() - sinceMs) / 1000).toFixed(0);

process.exitCode = await main(process.argv.slice(2));
