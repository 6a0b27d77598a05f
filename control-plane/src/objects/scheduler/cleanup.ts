/** Removes what attempts left on their hosts: the workspaces, and their files once the logs are collected. */
import type { CleanupResult } from "@maestro/shared/contract/tasks";
import { maestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";
import { resultOf } from "../../domain/relay/request-results.ts";
import type { EndedAttempt, TaskCore } from "../../domain/tasks/model.ts";
import { errorText } from "../../log-text.ts";
import { relayOf } from "../relay-call.ts";
import { collectLog, type CollectPort } from "./collect-log.ts";

type Item = CleanupResult["items"][number];

export async function cleanUp(core: TaskCore, keepLogs: boolean, port: CollectPort): Promise<Result<CleanupResult>> {
  if (core.finishedMs === undefined)
    return err(
      maestroError("task_not_final", `Task '${core.id}' has not ended yet.`, {
        hint: `maestro task wait ${core.id}, then clean up again.`,
      }),
    );
  const attempts = core.targets.flatMap(({ past }) => past);
  const items = await Promise.all(attempts.map((attempt) => cleanAttempt(core.id, attempt, keepLogs, port)));
  return ok({ task: core.id, items });
}

async function cleanAttempt(task: string, attempt: EndedAttempt, keepLogs: boolean, port: CollectPort): Promise<Item> {
  const { id, host, workspace } = attempt;
  const about = { attempt: id, host: host.name, ...(workspace === undefined ? {} : { workspace }) };
  try {
    // Files whose log is not whole at the edge stay until it is.
    const collected = await collectLog(attempt, port);
    const kept = keepLogs || !collected;
    const where = workspace === undefined ? {} : { workspace };
    const reply = await relayOf(port.env, port.fleet, host.id).request({ t: "task.cleanup", attempt: id, task, ...where, keepLogs: kept });
    if (!reply.ok) {
      // Who says that another task works there has been reached.
      const outcome = reply.error.code === "workspace_busy" ? "kept" : "unreachable";
      return { ...about, outcome, detail: reply.error.detail, logKept: true };
    }
    const done = resultOf("task.cleanup", reply.json);
    const { outcome } = done;
    const detail = done.detail ?? (collected ? undefined : "Its log is not all here yet, so the host keeps it: clean up again in a while.");
    return { ...about, outcome, ...(detail === undefined ? {} : { detail }), logKept: kept };
  } catch (cause) {
    return { ...about, outcome: "unreachable", detail: errorText(cause), logKept: true };
  }
}
