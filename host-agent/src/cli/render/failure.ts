/** A refusal on stderr: what went wrong, what to do, the request's id. Never a stack. */
import { ERRORS, exitCodeFor, type ExitCode, type MaestroFailure } from "@maestro/shared/errors";
import { escapeUnsafe, safeJson } from "@maestro/shared/sanitize";

/** A refusal of the server, possibly with a code this version does not know. */
export interface ServerProblem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  field?: string | undefined;
  hint?: string | undefined;
  requestId?: string | undefined;
  [extra: string]: unknown;
}

export class ServerRefusal extends Error {
  override readonly name = "ServerRefusal";
  readonly problem: ServerProblem;

  constructor(problem: ServerProblem) {
    super(`${problem.code}: ${problem.detail}`);
    this.problem = problem;
  }
}

export function asProblem(failure: MaestroFailure | ServerRefusal): ServerProblem {
  if (failure instanceof ServerRefusal) return failure.problem;
  const { code, detail, field, hint, extra } = failure.error;
  const { title, status } = ERRORS[code];
  return {
    type: `/problems/${code}`,
    title,
    status,
    detail,
    code,
    ...(field === undefined ? {} : { field }),
    ...(hint === undefined ? {} : { hint }),
    ...extra,
  };
}

export const exitFor = (problem: ServerProblem): ExitCode => exitCodeFor(problem.code, problem.status);

export function renderProblem(problem: ServerProblem, json: boolean): string {
  if (json) return safeJson({ error: problem });
  const lines = [`maestro: ${problem.detail} (${problem.code})`];
  if (problem.hint !== undefined) lines.push(`  ${problem.hint}`);
  if (problem.requestId !== undefined && problem.requestId !== "") lines.push(`  request ${problem.requestId}`);
  return lines.map(escapeUnsafe).join("\n");
}
