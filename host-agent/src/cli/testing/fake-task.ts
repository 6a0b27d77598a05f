/** Tasks as a control plane tells them. */
import { LOG_HEADERS, type TaskTarget } from "@maestro/shared/contract/tasks";
import type { Answer } from "./fake-server.ts";

const NOW = "2026-01-01T00:00:00.000Z";
export const TASK = `tsk_01j9${"5".repeat(22)}`;
export const ATTEMPT = `att_01j9${"6".repeat(22)}`;
const AGENT = `agt_01j9${"3".repeat(22)}`;
const HOST = { id: `hst_01j9${"1".repeat(22)}`, name: "gpu-1" };

export const fakeTarget = (name: string, more: Partial<TaskTarget> = {}): TaskTarget => ({
  agent: { id: AGENT, name, type: "shell" },
  host: HOST,
  status: "completed",
  attempts: 1,
  attempt: ATTEMPT,
  ...more,
});

export const fakeAttempt = { id: ATTEMPT, task: TASK, target: 0, n: 1, fence: 1, host: HOST, status: "completed", createdAt: NOW };

/** Of one target unless told otherwise, and in the target's state. */
export const fakeTask = (more: object = {}, ...targets: TaskTarget[]) => {
  const all = targets.length === 0 ? [fakeTarget("reviewer")] : targets;
  return {
    id: TASK,
    status: all[0]?.status,
    prompt: "Review the change",
    priority: 3,
    labels: {},
    createdAt: NOW,
    createdBy: "ci",
    timeoutMs: 1_800_000,
    retries: 0,
    idempotent: false,
    onLost: "wait",
    dependsOn: [],
    env: [],
    secrets: [],
    trace: false,
    targets: all,
    attempts: [],
    ...more,
  };
};

export const fakeLog = (
  body: string | Uint8Array,
  more: { start?: number; bytes?: number; complete?: boolean; sha256?: string; cut?: true } = {},
): Answer => {
  const start = more.start ?? 0;
  return {
    status: 200,
    body,
    type: "application/octet-stream",
    headers: {
      [LOG_HEADERS.start]: String(start),
      [LOG_HEADERS.bytes]: String(more.bytes ?? start + Buffer.byteLength(body)),
      [LOG_HEADERS.complete]: String(more.complete ?? true),
      ...(more.sha256 === undefined ? {} : { [LOG_HEADERS.sha256]: more.sha256 }),
    },
    ...(more.cut === undefined ? {} : { cut: more.cut }),
  };
};
