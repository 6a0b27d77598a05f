/** A groom as the API shows it, from its task and what of its log has come. Pure. */
import { GROOM_PREFIX, type Groom } from "@maestro/shared/contract/grooms";
import { isFinal, type TaskDetail, type TaskState } from "@maestro/shared/contract/tasks";
import { anyTalk } from "@maestro/shared/talk/talk";

/** @param log what of its last attempt's log has come, or its beginning. @param bytes how much there is. */
export function toGroom(task: TaskDetail, log: { text: string; bytes: number }, nowMs: number): Groom | undefined {
  const [target, second] = task.targets;
  if (!task.id.startsWith(GROOM_PREFIX) || target?.agent === undefined || second !== undefined) return undefined;
  const { id, name } = target.agent;
  const { startedAt, finishedAt } = task;
  const answer = target.result ?? task.result;
  const said = answer ?? (task.status === "timed_out" ? saidIn(log.text) : "");
  const { status, partial } = standing(task.status, said);
  const endMs = finishedAt === undefined ? nowMs : Date.parse(finishedAt);
  const session = task.attempts.at(-1)?.session;
  const reason = target.reason ?? task.reason;
  return {
    id: task.id,
    agent: { id, name },
    status,
    ...(isFinal(task.status) || target.waiting === undefined ? {} : { waiting: target.waiting }),
    ...(reason === undefined ? {} : { reason }),
    progress: {
      chunkCount: log.text.split("\n").length - 1,
      bytesReceived: log.bytes,
      elapsedMs: startedAt === undefined ? 0 : Math.max(0, endMs - Date.parse(startedAt)),
    },
    ...(status === "done" ? { text: said } : {}),
    ...(partial ? { partial: true as const } : {}),
    ...(session === undefined ? {} : { session }),
    createdAt: task.createdAt,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(finishedAt === undefined ? {} : { finishedAt }),
  };
}

function standing(state: TaskState, said: string): { status: Groom["status"]; partial: boolean } {
  switch (state) {
    case "blocked":
    case "queued":
    case "offered":
      return { status: "waiting", partial: false };
    case "running":
    case "cancelling":
    case "unknown":
      return { status: "running", partial: false };
    case "completed":
      return { status: "done", partial: false };
    case "cancelled":
      return { status: "cancelled", partial: false };
    case "timed_out":
      return said.trim() === "" ? { status: "failed", partial: false } : { status: "done", partial: true };
    case "failed":
    case "lost":
      return { status: "failed", partial: false };
  }
}

/** What it had said when its time was over: of a CLI that writes events, as a person reads them. */
export function saidIn(log: string): string {
  const talk = anyTalk();
  const lines = log.split("\n").flatMap((line) => {
    const event = eventIn(line);
    return (event === undefined ? undefined : talk.lines(event)) ?? (event === undefined ? [line] : []);
  });
  return [...lines, ...talk.rest()].join("\n").trim();
}

function eventIn(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
