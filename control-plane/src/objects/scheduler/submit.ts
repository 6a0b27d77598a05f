/** Takes a task in, or says why not; and an ended one in again. */
import type { Task } from "@maestro/shared/contract/tasks";
import { isId, makeId } from "@maestro/shared/ids";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";
import type { AuditEntry } from "../../domain/access/audit-entry.ts";
import type { Reach } from "../../domain/events/reach.ts";
import type { Actor, NewTask } from "../../domain/tasks/calls.ts";
import { budgetProblem } from "../../domain/tasks/budget.ts";
import { readiness, resolveDependencies, type KnownTask } from "../../domain/tasks/dependencies.ts";
import type { TaskCore } from "../../domain/tasks/model.ts";
import { overall } from "../../domain/tasks/status.ts";
import { childAllowed, namesAllowed, newCore, specOf } from "../../domain/tasks/submission.ts";
import { SHARED_CHARS, type Engine } from "./engine.ts";
import type { ImageStore } from "./image-store.ts";
import type { TaskFinder } from "./task-finder.ts";
import type { TaskRows, Work } from "./task-rows.ts";

export interface SubmitPort {
  engine: Engine;
  rows: TaskRows;
  finder: TaskFinder;
  images: Pick<ImageStore, "has" | "hasRoom">;
  nowMs(): number;
  /** Of one fleet. */
  maxOpen(): number;
  /** @param work what its row says beside it; read where it is not at hand. */
  view(core: TaskCore, work?: Pick<Work, "spec" | "prompt">): Task;
}

const PREFIX_CHARS = 4;

/** `isNew`: its record goes with it; an earlier request has made the others. */
export interface Submitted {
  task: Task;
  isNew: boolean;
}

/** @param images bytes, in the order of the body's. */
export function submit(task: NewTask, record: AuditEntry, images: readonly Uint8Array[], port: SubmitPort): Result<Submitted> {
  const { engine, rows, finder } = port;
  const fresh = task.isNew === true ? task.body.id : freshId(task.body.id, rows);
  // Nobody chooses an id that was made: it is the same request once more.
  const made = fresh === undefined && task.body.id !== undefined && isId("task", task.body.id) ? finder.exact(task.body.id) : undefined;
  if (made !== undefined) return ok({ task: port.view(made), isNew: false });
  const full = fullProblem(port) ?? imagesProblem(images, port);
  if (full !== undefined) return err(full);
  const place = placeOf(task, engine, rows);
  if (!place.ok) return place;
  const nowMs = port.nowMs();
  const key = fresh ?? keyFor(task.body.id, rows, nowMs);
  const dependsOn = resolveDependencies(
    task.body.id ?? key,
    task.body.dependsOn,
    task.body.ifFailed ?? "fail",
    (ref) => {
      const found = finder.find(ref, task.reach ?? {});
      return found.ok ? ok(knownTask(found.value)) : found;
    },
    (other) => {
      const core = engine.core(other);
      return core === undefined ? undefined : knownTask(core);
    },
  );
  if (!dependsOn.ok) return dependsOn;
  if (fresh === undefined && task.body.id !== undefined && finder.exact(task.body.id) !== undefined)
    return err(
      maestroError("task_exists", `There is a task '${task.body.id}' already.`, { field: "id", hint: "Choose another id, or none." }),
    );
  const work: Work = { spec: specOf(task, { ...record, atMs: nowMs }), prompt: task.body.prompt ?? null, sealed: task.sealed, images };
  const taken = engine.decide((board) => {
    const core = newCore(task, { key, changes: engine.nextChange(), dependsOn: dependsOn.value, ...place.value }, nowMs);
    engine.take(core, work);
    board.add(core, nowMs);
    return core;
  });
  return ok({ task: port.view(taken, work), isNew: true });
}

/** What did not succeed of it runs again. */
export function retry(ref: string, reach: Reach, by: Actor, port: SubmitPort): Result<Task> {
  const { engine, finder } = port;
  const found = finder.find(ref, reach);
  if (!found.ok) return found;
  const core = found.value;
  const refusal = mayRetry(core, port) ?? fullProblem(port);
  if (refusal !== undefined) return err(refusal);
  return ok(
    port.view(
      engine.decide((board, nowMs) => {
        const again: TaskCore = {
          ...core,
          credential: by.credential,
          hosts: reach.hosts ?? core.hosts,
          cancel: undefined,
          // Somebody wants it once more, and with it what is beneath it.
          beneath: undefined,
          finishedMs: undefined,
          // What it waited for is over; what of that did not fit was seen when this was asked.
          scheduleTimeoutMs: undefined,
          changes: { ...core.changes, finished: undefined, again: engine.nextChange() },
          targets: core.targets.map((target) =>
            target.phase.at === "ended" && target.phase.outcome !== "completed"
              ? { ...target, phase: { at: "pending", sinceMs: nowMs } }
              : target,
          ),
        };
        engine.reopen(again);
        board.reopen(again, nowMs);
        return again;
      }),
    ),
  );
}

function fullProblem({ engine, maxOpen }: SubmitPort): MaestroError | undefined {
  const { size } = engine.board.tasks;
  return size < maxOpen()
    ? undefined
    : maestroError("queue_full", `${size} tasks are open already.`, { hint: "Cancel some, or try again when some have ended." });
}

function imagesProblem(images: readonly Uint8Array[], port: SubmitPort): MaestroError | undefined {
  if (images.length === 0 || port.images.hasRoom(images.reduce((sum, { byteLength }) => sum + byteLength, 0))) return undefined;
  return maestroError("queue_full", "The images of tasks that have not ended take all the room there is for images.", {
    field: "images",
    hint: "Cancel some of those tasks, or try again when some have ended.",
  });
}

function mayRetry(core: TaskCore, { rows, images }: SubmitPort) {
  if (core.finishedMs === undefined)
    return maestroError("task_not_final", `Task '${core.id}' has not ended.`, { hint: `Stop it first: maestro task cancel ${core.id}` });
  if (overall(core.targets) === "completed")
    return maestroError("task_final", `Task '${core.id}' is completed; nothing of it is left to be run again.`, {
      hint: "Dispatch a new task.",
    });
  const ready = readiness(core.dependsOn, core.ifFailed);
  if (ready.is === "failed")
    return maestroError("dependency_failed", `Task '${ready.by.task}', which it waits for, is ${ready.by.status}.`, {
      hint: "Dispatch it again, to wait for another one.",
    });
  if (core.images !== undefined && !images.has(core.key))
    return maestroError("image_gone", `The images of task '${core.id}' were removed to make room for others.`, {
      hint: "Dispatch it again with them.",
    });
  // [TK5] They were deleted when it ended.
  const gone = rows.whole(core.key)?.spec.sealedNames ?? [];
  return gone.length === 0
    ? undefined
    : maestroError("secret_not_found", `The values of ${gone.join(", ")} were deleted when it ended.`, {
        hint: "Dispatch it again with them, or keep them as secrets of the fleet: maestro secret set <name>",
      });
}

/** The usual case, by one statement: an id that was made and that nothing here has, or begins as. */
function freshId(id: string | undefined, rows: TaskRows): string | undefined {
  return id !== undefined && isId("task", id) && rows.isFree(id, id.slice(0, PREFIX_CHARS + SHARED_CHARS)) ? id : undefined;
}

/** Its own id where that is one that was made, and leads to it alone. */
function keyFor(id: string | undefined, rows: TaskRows, nowMs: number): string {
  if (id !== undefined && isId("task", id) && rows.keyBeginning(id.slice(0, PREFIX_CHARS + SHARED_CHARS)) === undefined) return id;
  return makeId("task", nowMs, crypto.getRandomValues(new Uint8Array(10)));
}

interface Place {
  depth: number;
  above: string[];
}

function placeOf({ body, by, targets }: NewTask, engine: Engine, rows: TaskRows): Result<Place> {
  if (by.parent === undefined) return ok({ depth: 0, above: [] });
  const place = engine.board.holds(by.parent.attempt, by.parent.fence);
  const phase = place?.target.phase;
  if (place === undefined || phase?.at !== "started")
    return err(
      maestroError("stale_fence", "The attempt that submits this does not run any more.", {
        hint: "Its work goes on elsewhere, or is over.",
      }),
    );
  const { task } = place;
  const { host, children = 0 } = phase.attempt;
  const allowed = childAllowed(task, host, children, targets);
  if (!allowed.ok) return allowed;
  const above = [...(task.above ?? []), task.key];
  // Gone with its time: nothing is known of it.
  const spent = budgetProblem(above.flatMap((key) => engine.core(key) ?? []));
  if (spent !== undefined) return err(spent);
  const named = namesAllowed(task.id, rows.work(task.key)?.spec.body ?? {}, body);
  return named.ok ? ok({ depth: task.depth + 1, above }) : named;
}

const knownTask = ({ key, id, finishedMs, targets, dependsOn }: TaskCore): KnownTask => ({
  key,
  id,
  dependsOn,
  ...(finishedMs === undefined ? {} : { status: overall(targets) }),
});
