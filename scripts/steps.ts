/** Named steps, run side by side where they do not need one another; each is told with its time, a failure with its output. */

export interface Step {
  name: string;
  /** Steps that must have passed before; if one failed, this one is skipped and counts as failed. */
  needs?: readonly string[];
  run(): Promise<StepOutcome>;
}

export type StepOutcome = { state: "passed"; note?: string } | { state: "failed"; output: string } | { state: "skipped"; because: string };

export interface StepRecord {
  name: string;
  outcome: StepOutcome;
  ms: number;
}

export const passed = (note?: string): StepOutcome => (note === undefined ? { state: "passed" } : { state: "passed", note });
export const failed = (output: string): StepOutcome => ({ state: "failed", output });

/** @param width how many steps run at once. @param say where lines of progress go. */
export async function runSteps(steps: readonly Step[], width: number, say: (line: string) => void): Promise<StepRecord[]> {
  const waiting = [...steps];
  const records = new Map<string, StepRecord>();
  const running = new Set<Promise<void>>();
  while (waiting.length > 0 || running.size > 0) {
    const next = running.size < width ? waiting.findIndex((step) => (step.needs ?? []).every((name) => settled(name, steps, records))) : -1;
    const step = next === -1 ? undefined : waiting.splice(next, 1)[0];
    if (step === undefined) {
      if (running.size === 0) throw new Error(`Steps wait for one another: ${waiting.map(({ name }) => name).join(", ")}`);
      await Promise.race(running);
      continue;
    }
    const work: Promise<void> = record(step, records).then((entry) => {
      records.set(step.name, entry);
      running.delete(work);
      for (const line of describe(entry)) say(line);
    });
    running.add(work);
  }
  return steps.flatMap(({ name }) => records.get(name) ?? []);
}

/** A step that is not part of this run holds nobody up. */
const settled = (name: string, steps: readonly Step[], records: Map<string, StepRecord>): boolean =>
  records.has(name) || !steps.some((step) => step.name === name);

async function record(step: Step, records: Map<string, StepRecord>): Promise<StepRecord> {
  const broken = (step.needs ?? []).find((name) => records.get(name)?.outcome.state === "failed");
  if (broken !== undefined) return { name: step.name, outcome: failed(`not run: '${broken}' failed`), ms: 0 };
  const startedMs = performance.now();
  const outcome = await step.run().catch((error: unknown) => failed(error instanceof Error ? error.message : String(error)));
  return { name: step.name, outcome, ms: performance.now() - startedMs };
}

function describe({ name, outcome, ms }: StepRecord): string[] {
  const time = `${(ms / 1000).toFixed(1)} s`;
  switch (outcome.state) {
    case "passed":
      return [`  ok    ${name} (${time})${outcome.note === undefined ? "" : `: ${outcome.note}`}`];
    case "skipped":
      return [`  skip  ${name}: ${outcome.because}`];
    case "failed":
      return [
        `  FAIL  ${name} (${time})`,
        ...outcome.output
          .trimEnd()
          .split("\n")
          .map((line) => `        ${line}`),
      ];
  }
}
