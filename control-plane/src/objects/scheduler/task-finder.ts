/** Tasks by what a person typed: an id, or a beginning that only one has. What is out of reach is not there. */
import { isId } from "@maestro/shared/ids";
import { maestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";
import { taskInReach, type Reach } from "../../domain/events/reach.ts";
import { taskOfKey } from "../../domain/state/keys.ts";
import type { TaskCore } from "../../domain/tasks/model.ts";
import { hostOf } from "../../domain/tasks/telling.ts";
import type { Engine } from "./engine.ts";
import type { TaskRows } from "./task-rows.ts";

const MAX_MATCHES = 10;

export class TaskFinder {
  readonly #engine: Engine;
  readonly #rows: TaskRows;

  constructor(engine: Engine, rows: TaskRows) {
    this.#engine = engine;
    this.#rows = rows;
  }

  find(ref: string, reach: Reach): Result<TaskCore> {
    const exact = this.exact(ref);
    if (exact !== undefined && inReach(exact, reach)) return ok(exact);
    const keys = new Set([
      ...(ref.startsWith("tsk_") ? this.#rows.keysFrom(ref, MAX_MATCHES) : []),
      ...(ref === "" ? [] : this.#rows.aliasesFrom(ref, MAX_MATCHES).map(({ key }) => key)),
    ]);
    // Where an id was chosen, the key behind it is nobody's name for it.
    const found = [...keys]
      .flatMap((key) => this.#engine.core(key) ?? [])
      .filter((core) => core.id.startsWith(ref) && inReach(core, reach));
    const [only, ...others] = found;
    if (only === undefined)
      return err(maestroError("task_not_found", `No task '${ref.slice(0, 64)}'.`, { hint: "`maestro task list` shows what there is." }));
    if (others.length === 0) return ok(only);
    const names = found.map(({ id }) => id);
    return err(
      maestroError("ambiguous", `'${ref}' fits ${names.join(", ")}.`, { hint: "Type more of the id.", extra: { matches: names } }),
    );
  }

  /** A key of the shared state that is a task's, its result above all, is seen by whoever sees the task. */
  seesKey(key: string, { hosts, agents }: Reach): boolean {
    const id = hosts === undefined && agents === undefined ? undefined : taskOfKey(key);
    if (id === undefined) return true;
    const core = this.exact(id);
    return core !== undefined && inReach(core, { hosts, agents });
  }

  exact(id: string): TaskCore | undefined {
    const key = this.#rows.alias(id) ?? (isId("task", id) ? id : undefined);
    const core = key === undefined ? undefined : this.#engine.core(key);
    return core?.id === id ? core : undefined;
  }
}

export function inReach({ id, parent, hosts, targets }: TaskCore, reach: Reach): boolean {
  return taskInReach(reach, {
    id,
    parent: parent?.task,
    hosts,
    targets: targets.map((target) => ({ host: hostOf(target), agent: target.agent })),
  });
}
