/** One vitest project as part of a test run: output as it comes, the counts from vitest's own JSON. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCommand } from "./command.ts";

export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

export const NONE: Counts = { passed: 0, failed: 0, skipped: 0 };
export const add = (a: Counts, b: Counts): Counts => ({
  passed: a.passed + b.passed,
  failed: a.failed + b.failed,
  skipped: a.skipped + b.skipped,
});

export interface VitestRun {
  project: string;
  /** Only test files whose path contains one of these. */
  filters?: readonly string[];
  env?: Record<string, string>;
  timeoutMs: number;
}

export async function runVitest({ project, filters = [], env = {}, timeoutMs }: VitestRun): Promise<Counts> {
  const folder = await mkdtemp(join(tmpdir(), "maestro-vitest-"));
  const report = join(folder, "report.json");
  try {
    const argv = [
      "vitest",
      "run",
      "--project",
      project,
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${report}`,
      ...filters,
    ] as const;
    const { code, output } = await runCommand(argv, { live: true, timeoutMs, env: { NO_COLOR: "1", ...env } });
    const counts = countReport(await readFile(report, "utf8").catch(() => ""), code);
    if (code !== 0 && counts.failed > 0 && output.trim() === "") process.stdout.write(`vitest ended with ${code} and said nothing\n`);
    return counts;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * What the report says, and one failure more where vitest failed without a failing test: a file that does not
 * load, an unhandled rejection, no report at all.
 */
export function countReport(report: string, exitCode: number): Counts {
  const read = readReport(report);
  if (exitCode === 0) return read ?? { ...NONE, failed: 1 };
  const counts = read ?? NONE;
  return counts.failed > 0 ? counts : { ...counts, failed: 1 };
}

function readReport(report: string): Counts | undefined {
  let json: unknown;
  try {
    json = JSON.parse(report);
  } catch {
    return undefined;
  }
  if (typeof json !== "object" || json === null) return undefined;
  const figure = (name: string): number => {
    const value: unknown = Reflect.get(json, name);
    return typeof value === "number" ? value : 0;
  };
  const brokenFiles = figure("numFailedTests") === 0 ? figure("numFailedTestSuites") : 0;
  return {
    passed: figure("numPassedTests"),
    failed: figure("numFailedTests") + brokenFiles,
    skipped: figure("numPendingTests") + figure("numTodoTests"),
  };
}
