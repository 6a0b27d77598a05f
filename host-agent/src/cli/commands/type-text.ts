/** What a person is told about an agent type that cannot be used as it is. */
import type { AgentTypeReport } from "@maestro/shared/contract/agent-types";

/** `file:line: what`, as compilers say it, so that editors find the place. Undefined: nothing is wrong with it. */
export function typeProblem({ file, detected }: AgentTypeReport): string | undefined {
  if (detected.state !== "invalid") return undefined;
  return placed(file, detected.line, detected.problem);
}

export function placed(file: string | undefined, line: number | undefined, problem: string): string {
  if (file === undefined) return problem;
  return `${file}${line === undefined ? "" : `:${line}`}: ${problem}`;
}

/** One line for a list: mistakes come first, then how to install what is nowhere. */
export function typeNote(reports: readonly AgentTypeReport[]): string {
  const problems = reports.flatMap((report) => typeProblem(report) ?? []);
  if (problems.length > 0) return problems.join("; ");
  if (reports.some(({ detected }) => detected.state === "found")) return "";
  return reports.flatMap(({ detected }) => (detected.state === "missing" ? [`install: ${detected.install}`] : []))[0] ?? "";
}
