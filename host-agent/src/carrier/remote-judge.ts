/** What is known here of an attempt that runs elsewhere. Pure. */
import type { AttemptFiles } from "../tasks/attempt-files.ts";
import type { Standing } from "../tasks/attempt-state.ts";

/** Whether its runner lives is asked there; here is only what came of it. */
export function judgeRemote({ intent, spec, end, exit, launch }: AttemptFiles): Standing {
  if (intent === undefined || spec === undefined) return { type: "void" };
  if (end !== undefined) return { type: "ended", end };
  if (exit !== undefined) return { type: "exited", exit };
  return launch?.remote === undefined ? { type: "accepted" } : { type: "running", runner: { pid: 0, started: "", bootId: "elsewhere" } };
}
