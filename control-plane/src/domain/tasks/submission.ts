/** A new task from what was submitted: what decisions need of it, and what is only read again. */
import { err, ok, type Result } from "@maestro/shared/result";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { MAX_DEPTH, MAX_FAN_OUT, TASK_TIMEOUT_MS } from "@maestro/shared/limits";
import { needsOf } from "@maestro/shared/protocol/task-needs";
import type { DatedEntry } from "../access/audit-entry.ts";
import type { AgentOfTask, NewTarget, NewTask } from "./calls.ts";
import type { DependencyState, Selector, Target, TaskCore } from "./model.ts";

/** The part of a task that never changes; beside it are the prompt and, until the end, what is sealed. */
export interface TaskSpec {
  body: Omit<NewTask["body"], "prompt" | "dependsOn">;
  /** In the order of the targets. */
  agents: (AgentOfTask | null)[];
  /** Of values that came with it: their names outlive them. */
  sealedNames: string[];
  /** Of the submission: what the audit log is told of it, once or again. A version before this one kept none. */
  record?: DatedEntry | undefined;
}

export interface Made {
  key: string;
  changes: number;
  dependsOn: DependencyState[];
  depth: number;
  above: string[];
}

const TITLE_CHARS = 80;

export function newCore({ body, targets, by, reach }: NewTask, { key, changes, dependsOn, depth, above }: Made, nowMs: number): TaskCore {
  return {
    key,
    id: body.id ?? key,
    title: titleOf(body),
    createdMs: nowMs,
    createdBy: by.name,
    credential: by.credential,
    lane: laneOf(body.labels ?? {}),
    priority: body.priority ?? 3,
    dependsOn,
    ifFailed: body.ifFailed ?? "fail",
    retries: body.retries ?? 0,
    retryOn: body.retryOn ?? [],
    idempotent: body.idempotent ?? false,
    onLost: body.onLost ?? "wait",
    timeoutMs: body.timeoutMs ?? TASK_TIMEOUT_MS,
    scheduleTimeoutMs: body.scheduleTimeoutMs,
    group: body.group,
    hosts: reach?.hosts,
    parent: by.parent === undefined ? undefined : { task: by.parent.task, attempt: by.parent.attempt },
    depth,
    ...(body.images === undefined ? {} : { images: body.images.length }),
    ...(above.length === 0 ? {} : { above }),
    ...(body.budget === undefined ? {} : { budget: body.budget }),
    fence: 0,
    targets: targets.map((target) => newTarget(target, body, nowMs)),
    changes: { created: changes },
  };
}

export function specOf(
  { body: { prompt: _prompt, dependsOn: _dependsOn, ...body }, targets, sealed }: NewTask,
  record: DatedEntry,
): TaskSpec {
  const agents = targets.map((target) => (target.kind === "agent" ? target.agent : null));
  return { body, agents, sealedNames: Object.keys(sealed), record };
}

function newTarget(target: NewTarget, body: NewTask["body"], nowMs: number): Target {
  const phase = { at: "pending", sinceMs: nowMs } as const;
  const needed = needsOf(body, target.kind === "agent" ? target.agent : undefined);
  const needs = needed.length === 0 ? {} : { needs: needed };
  switch (target.kind) {
    case "agent": {
      const { id, name, type } = target.agent;
      return { agent: { id, name, type }, host: target.host, ...needs, phase, past: [] };
    }
    case "host":
      return { selector: selectorOf(target.selector, body.labels ?? {}), ...needs, phase, past: [] };
  }
}

/** A label `target` names a host as the selector does. */
function selectorOf(selector: Selector, labels: Record<string, string>): Selector {
  const tagged = labels["target"];
  return selector.host !== undefined || tagged === undefined ? selector : { ...selector, host: tagged };
}

/** The label `target` says where, not whose. */
const laneOf = ({ target: _target, ...labels }: Record<string, string>): string =>
  Object.keys(labels).length === 0 ? "" : JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));

function titleOf({ description, prompt, command }: NewTask["body"]): string {
  const text = description ?? prompt ?? command?.join(" ") ?? "";
  return (text.split("\n").find((line) => line.trim() !== "") ?? "").trim().slice(0, TITLE_CHARS);
}

/** What is sent to an agent's own task may go no further than that task itself. @param children it has submitted already. */
export function childAllowed(
  { depth, id }: Pick<TaskCore, "depth" | "id">,
  host: { id: string; name: string },
  children: number,
  targets: readonly NewTarget[],
): Result<void> {
  if (depth + 1 > MAX_DEPTH)
    return err(
      maestroError("depth_exceeded", `Task '${id}' is nested ${depth} deep already; ${MAX_DEPTH} is the limit.`, {
        hint: "Let the task above it submit this one.",
      }),
    );
  if (children >= MAX_FAN_OUT)
    return err(
      maestroError("fan_out_exceeded", `This attempt has submitted ${children} tasks already; ${MAX_FAN_OUT} is the limit.`, {
        hint: "Put more of the work into each of them.",
      }),
    );
  const beyond = targets.findIndex((target) => !within(target, host));
  return beyond === -1 ? ok(undefined) : err(outside(host.name, beyond));
}

/** [TK5] What an agent's own task was not given, its children are not given either. */
export function namesAllowed(
  id: string,
  own: Pick<NewTask["body"], "secrets" | "hostEnv" | "forwardAgent">,
  asked: Pick<NewTask["body"], "secrets" | "hostEnv" | "forwardAgent">,
): Result<void> {
  if (asked.forwardAgent === true && own.forwardAgent !== true)
    return err(
      maestroError("policy_denied", `Task '${id}' was shown no ssh-agent itself, so it cannot pass one on.`, {
        field: "forwardAgent",
        hint: "Whoever dispatched it must ask for it there: --forward-agent",
      }),
    );
  for (const field of ["secrets", "hostEnv"] as const) {
    const given = own[field] ?? [];
    const at = (asked[field] ?? []).findIndex((name) => !given.includes(name));
    if (at !== -1)
      return err(
        maestroError("policy_denied", `Task '${id}' was not given ${asked[field]?.[at]} itself, so it cannot pass it on.`, {
          field: `${field}[${at}]`,
          hint: given.length === 0 ? "Whoever dispatched it must name it there." : `It was given ${given.join(", ")}.`,
        }),
      );
  }
  return ok(undefined);
}

function within(target: NewTarget, host: { id: string; name: string }): boolean {
  if (target.kind === "agent") return target.host.id === host.id;
  return target.selector.host === host.id || target.selector.host === host.name;
}

const outside = (name: string, index: number): MaestroError =>
  maestroError("policy_denied", `An agent's task may run on the agent's own host '${name}' only.`, {
    field: `to[${index}]`,
    hint: `Send it to an agent of that host, or name the host: --host ${name}`,
  });
