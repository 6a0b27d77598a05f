/**
 * One per fleet: its tasks, who runs what and what comes next; beside them its shared state and secrets. A thin shell:
 * decisions are in domain/tasks, rows and calls in the parts. Hibernates: what is in fields is rebuilt from the open rows.
 */
import { DurableObject } from "cloudflare:workers";
import type { CleanupResult, Queue, Task, TaskDetail } from "@maestro/shared/contract/tasks";
import type { Secret, StateEntry } from "@maestro/shared/contract/state";
import { maestroError } from "@maestro/shared/errors";
import { isId } from "@maestro/shared/ids";
import { MAX_OPEN_TASKS } from "@maestro/shared/limits";
import type { AttemptReport } from "@maestro/shared/protocol/tasks";
import { err, ok, type Result } from "@maestro/shared/result";
import { openDb } from "../db/client.ts";
import { hostById } from "../db/hosts.ts";
import type { AuditEntry } from "../domain/access/audit-entry.ts";
import { CONTEXT_HEADER, SchedulerContext } from "../domain/access/socket-context.ts";
import { unrecorded } from "../domain/access/unrecorded.ts";
import type { Reach } from "../domain/events/reach.ts";
import type { Actor, AttemptOwner, HostForTasks, NewTask, QueueQuery, SchedulerCalls, TaskQuery } from "../domain/tasks/calls.ts";
import { loggedOf, targetOf } from "../domain/tasks/log-attempt.ts";
import { attemptOf, type Attempt, type HostState, type TaskCore } from "../domain/tasks/model.ts";
import { overall } from "../domain/tasks/status.ts";
import { errorText } from "../log-text.ts";
import { problemResponse } from "../problem.ts";
import { cleanUp } from "./scheduler/cleanup.ts";
import { assemble, type Parts } from "./scheduler/parts.ts";
import { retry, submit } from "./scheduler/submit.ts";
import { keyNotFound } from "./scheduler/state-store.ts";
import { inReach } from "./scheduler/task-finder.ts";

/** [TK4] With something to spare; a host that is away takes longer than anybody waits. */
const STOPPED_WITHIN_MS = 30_000;
/** Of what runs on a host, in a refusal. */
const MAX_NAMED = 10;
/** Longer than a change of how a host is reached takes. */
const HELD_MS = 10_000;

export class Scheduler extends DurableObject<Env> implements SchedulerCalls {
  /** Tests move it; everything here asks it for the time. */
  now: () => number = Date.now;
  /** Tests make it small. */
  maxOpen = MAX_OPEN_TASKS;

  readonly #parts: Parts;
  readonly #engine: Parts["engine"];

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    // As a life before this one has left it: the parts set their own.
    const due = ctx.storage.getAlarm();
    this.#parts = assemble(
      ctx,
      env,
      () => this.now(),
      () => this.maxOpen,
    );
    this.#engine = this.#parts.engine;
    void ctx.blockConcurrencyWhile(async () => this.#engine.woke(await due));
  }

  // ---- tasks --------------------------------------------------------------------------------

  async submit(task: string, record: AuditEntry, images: readonly Uint8Array[] = []): Promise<Result<string>> {
    const { teller, turns } = this.#engine;
    if (teller.stuck && !(await teller.recovers())) return err(unrecorded());
    const made: NewTask = JSON.parse(task);
    await turns.next();
    const taken = submit(made, record, images, this.#parts.submitting);
    if (!taken.ok) return taken;
    const { task: answer, isNew } = taken.value;
    if (!isNew && !(await this.#isRecorded(record))) return err(unrecorded());
    return ok(JSON.stringify(answer));
  }

  /** A request that does nothing is recorded as well. */
  async #isRecorded(record: AuditEntry): Promise<boolean> {
    try {
      await this.env.FEED.getByName(this.#engine.fleet).audit(record);
      return true;
    } catch (cause) {
      console.error(JSON.stringify({ message: "audit unavailable", request: record.requestId, cause: errorText(cause) }));
      return false;
    }
  }

  async task(ref: string, reach: Reach): Promise<Result<TaskDetail>> {
    this.#engine.turns.nudge();
    const found = this.#parts.finder.find(ref, reach);
    return found.ok ? ok(this.#parts.lists.detail(found.value)) : found;
  }

  async tasks(query: TaskQuery): Promise<{ items: Task[]; next?: string | undefined }> {
    this.#engine.turns.nudge();
    return this.#parts.lists.tasks(query);
  }

  async cancel(ref: string, reach: Reach, by: Actor, why: string, graceMs?: number): Promise<Result<Task>> {
    await this.#engine.turns.next();
    const found = this.#parts.finder.find(ref, reach);
    if (!found.ok) return found;
    const core = found.value;
    if (core.finishedMs !== undefined && core.cancel === undefined)
      return err(
        maestroError("task_final", `Task '${core.id}' is ${overall(core.targets)} already.`, { hint: "There is nothing left to cancel." }),
      );
    this.#engine.decide((board, nowMs) => board.cancel(core, by.name, why, nowMs, graceMs));
    return ok(this.#parts.lists.view(core));
  }

  async retry(ref: string, reach: Reach, by: Actor): Promise<Result<Task>> {
    const again = retry(ref, reach, by, this.#parts.submitting);
    if (again.ok) this.#parts.lists.recount();
    return again;
  }

  async cleanup(ref: string, reach: Reach, by: Actor, keepLogs: boolean): Promise<Result<CleanupResult>> {
    const found = this.#parts.finder.find(ref, reach);
    if (!found.ok) return found;
    const core = found.value;
    if (core.finishedMs === undefined) {
      this.#engine.decide((board, nowMs) => board.cancel(core, by.name, "It is cleaned up.", nowMs));
      const ended = this.#parts.waiters.end(core, this.now() + STOPPED_WITHIN_MS);
      this.#parts.rearm();
      await ended;
    }
    return cleanUp(core, keepLogs, {
      env: this.env,
      fleet: this.#engine.fleet,
      waiters: this.#parts.waiters,
      nowMs: () => this.now(),
      rearm: () => this.#parts.rearm(),
    });
  }

  async queueView(query: QueueQuery): Promise<Queue> {
    this.#engine.turns.nudge();
    return this.#parts.lists.queue(query);
  }

  async attemptFor(ref: string, reach: Reach, agent: string | undefined): Promise<Result<AttemptOwner>> {
    const found = this.#parts.finder.find(ref, reach);
    if (!found.ok) return found;
    const core = found.value;
    const target = targetOf(core, agent);
    if (target === undefined)
      return err(
        maestroError("agent_not_found", `Task '${core.id}' was not sent to '${agent}'.`, {
          field: "agent",
          hint: "`maestro task status` names its agents.",
        }),
      );
    const attempt = loggedOf(target);
    if (attempt === undefined)
      return err(maestroError("log_not_found", `Task '${core.id}' has not run yet.`, { hint: `maestro task status ${core.id} says why.` }));
    return ok(ownerOf(core, attempt, target.agent?.id));
  }

  async attempt(id: string, reach: Reach): Promise<Result<AttemptOwner>> {
    const core = this.#engine.taskOfAttempt(id);
    const target = core?.targets.find((one) => attemptOf(one)?.id === id || one.past.some((past) => past.id === id));
    const attempt = target === undefined ? undefined : [attemptOf(target), ...target.past].find((one) => one?.id === id);
    if (core === undefined || attempt === undefined || !inReach(core, reach))
      return err(maestroError("attempt_not_found", `No attempt '${id.slice(0, 64)}'.`, { hint: "`maestro task status` lists them." }));
    return ok(ownerOf(core, attempt, target?.agent?.id));
  }

  async holdsFence(attempt: string, fence: number): Promise<Result<AttemptOwner & { depth: number; agentName?: string | undefined }>> {
    const place = this.#engine.board.holds(attempt, fence);
    if (place?.target.phase.at === "started") {
      const { agent, phase } = place.target;
      return ok({ ...ownerOf(place.task, phase.attempt, agent?.id), depth: place.task.depth, agentName: agent?.name });
    }
    const past = this.#engine
      .taskOfAttempt(attempt)
      ?.targets.flatMap((target) => target.past)
      .find(({ id }) => id === attempt);
    return err(
      past === undefined || past.fence !== fence
        ? maestroError("stale_fence", "This is not the fence of an attempt that runs.", {
            hint: "Its work goes on elsewhere, or never began.",
          })
        : maestroError("attempt_terminal", `The attempt is ${past.outcome}.`, { hint: "What it may do ended with it." }),
    );
  }

  async agentWork(
    agent: string,
  ): Promise<{ running: string[]; last?: { task: string; status: string; reason?: string | undefined } | undefined }> {
    const running = [...this.#engine.board.tasks.values()]
      .filter(({ targets }) => targets.some((target) => target.agent?.id === agent && target.phase.at === "started"))
      .map(({ id }) => id);
    const last = this.#parts.lists.lastOf(agent);
    if (last === undefined) return { running };
    const phase = last.targets.find((target) => target.agent?.id === agent)?.phase;
    const reason = phase?.at === "ended" ? phase.reason?.code : undefined;
    return { running, last: { task: last.id, status: phase?.at === "ended" ? phase.outcome : overall(last.targets), reason } };
  }

  async holdHost(host: string): Promise<{ count: number; first: { task: string; attempt: string }[] }> {
    const given = this.#engine.decide((board, nowMs) => board.hold(host, HELD_MS, nowMs));
    return { count: given.length, first: given.slice(0, MAX_NAMED) };
  }

  // ---- relays -------------------------------------------------------------------------------

  async secretsOf(host: string, attempt: string, fence: number): Promise<{ task: string; sealed: Record<string, string> } | undefined> {
    return this.#engine.secretsOf(host, attempt, fence);
  }

  async imageOf(host: string, attempt: string, fence: number, index: number, from: number): Promise<Uint8Array | undefined> {
    return this.#engine.imageOf(host, attempt, fence, index, from);
  }

  async hostUp(host: HostForTasks): Promise<void> {
    const labels = host.labels ?? (await this.#labelsOf(host.id)) ?? this.#engine.board.hosts.get(host.id)?.labels ?? {};
    await this.#engine.turns.next();
    this.#engine.decide((board, nowMs) => board.hostUp({ ...host, maxConcurrent: Math.max(1, host.maxConcurrent), labels }, nowMs));
  }

  async hostAttempts(
    host: string,
    link: string,
    items: AttemptReport[],
    first: boolean,
    more: boolean,
  ): Promise<{ acked: { attempt: string; fence: number; unknown?: boolean | undefined }[] }> {
    await this.#engine.turns.next();
    return { acked: this.#engine.decide((board, nowMs) => board.hostAttempts(host, link, items, first, more, nowMs)) };
  }

  async attemptStatuses(host: string, reports: AttemptReport[]): Promise<{ ack: boolean; unknown?: boolean | undefined }[]> {
    await this.#engine.turns.next();
    return this.#engine.decide((board, nowMs) => reports.map((report) => board.report(host, report, nowMs)));
  }

  async hostDown(host: string, link: string, seenMs: number, heard?: boolean): Promise<void> {
    await this.#engine.turns.next();
    this.#engine.decide((board, nowMs) => board.hostDown(host, link, seenMs, nowMs, heard));
  }

  async hostChanged(
    host: string,
    change: Partial<Omit<HostForTasks, "id" | "link">> & { labels?: Record<string, string> | undefined },
  ): Promise<void> {
    await this.#engine.turns.next();
    const given: Partial<Omit<HostState, "id" | "link" | "up" | "ready" | "seenMs" | "countsFromMs">> = {};
    if (change.name !== undefined) given.name = change.name;
    if (change.maxConcurrent !== undefined) given.maxConcurrent = Math.max(1, change.maxConcurrent);
    if (change.draining !== undefined) given.draining = change.draining;
    if (change.capabilities !== undefined) given.capabilities = change.capabilities;
    if (change.types !== undefined) given.types = change.types;
    if (change.labels !== undefined) given.labels = change.labels;
    this.#engine.decide((board, nowMs) => board.hostChanged(host, given, nowMs));
  }

  async hostRemoved(host: string): Promise<void> {
    await this.#engine.turns.next();
    this.#engine.decide((board, nowMs) => board.hostRemoved(host, nowMs));
  }

  /** A database that is away changes no labels. */
  async #labelsOf(host: string): Promise<Record<string, string> | undefined> {
    try {
      return isId("host", host) ? (await hostById(openDb(this.env.DB), host))?.labels : undefined;
    } catch (cause) {
      console.warn(JSON.stringify({ message: "the labels of a host cannot be read", host, cause: errorText(cause) }));
      return undefined;
    }
  }

  // ---- state and secrets --------------------------------------------------------------------

  async stateList(
    prefix: string,
    limit: number,
    after: string | undefined,
    reach: Reach,
  ): Promise<{ items: StateEntry[]; next?: string | undefined }> {
    return this.#parts.state.list(prefix, limit, after, this.now(), (key) => this.#parts.finder.seesKey(key, reach));
  }

  async stateGet(key: string, reach: Reach): Promise<Result<StateEntry>> {
    return this.#parts.finder.seesKey(key, reach) ? this.#parts.state.get(key, this.now()) : err(keyNotFound(key));
  }

  async statePut(
    key: string,
    value: string,
    ttlS: number | undefined,
    ifVersion: number | undefined,
    by: Actor,
    reach: Reach,
  ): Promise<Result<StateEntry>> {
    const held = this.#stillHeld(by);
    if (!held.ok) return held;
    if (!this.#parts.finder.seesKey(key, reach))
      return err(
        maestroError("scope_missing", "Keys that begin with task:<id>: are of a task, and this credential does not see that one.", {
          field: "key",
          hint: "Use a credential without a limit on hosts or agents, or another key.",
        }),
      );
    const put = this.#parts.state.put({ key, value, ttlS, ifVersion, by: by.name }, this.now());
    this.#parts.rearm();
    return put;
  }

  async stateDelete(key: string, ifVersion: number | undefined, by: Actor, reach: Reach): Promise<Result<void>> {
    const held = this.#stillHeld(by);
    if (!held.ok) return held;
    return this.#parts.finder.seesKey(key, reach) ? this.#parts.state.delete(key, ifVersion, this.now()) : err(keyNotFound(key));
  }

  /** An agent was let in a moment ago; what it writes counts only while its fence holds. */
  #stillHeld({ parent }: Actor): Result<void> {
    return parent === undefined || this.#engine.board.holds(parent.attempt, parent.fence) !== undefined
      ? ok(undefined)
      : err(maestroError("stale_fence", "The attempt does not run any more.", { hint: "What it may do ended with it." }));
  }

  async stateFlush(_by: Actor): Promise<number> {
    return this.#parts.state.flush(this.now());
  }

  async secrets(): Promise<Secret[]> {
    return this.#parts.secrets.list();
  }

  async secretPut(name: string, ciphertext: string, by: Actor): Promise<Result<Secret>> {
    return this.#parts.secrets.put(name, ciphertext, by.name, this.now());
  }

  async secretDelete(name: string, _by: Actor): Promise<Result<void>> {
    return this.#parts.secrets.delete(name);
  }

  // ---- sockets ------------------------------------------------------------------------------

  override async fetch(request: Request): Promise<Response> {
    const context = SchedulerContext.parse(JSON.parse(request.headers.get(CONTEXT_HEADER) ?? "null"));
    switch (context.kind) {
      case "state":
        return this.#parts.followers.accept(context);
      case "task":
      case "taskLog": {
        const found = this.#parts.finder.exact(context.task);
        if (found === undefined) return problemResponse(maestroError("task_not_found", `No task '${context.task}'.`), "");
        if (this.#parts.waiters.full)
          return problemResponse(
            maestroError("too_many_viewers", "Too many wait for tasks of this fleet.", { hint: "Try again in a minute." }),
            "",
          );
        return context.kind === "task" ? this.#parts.waiters.accept(found) : this.#parts.waiters.acceptLog(found, context.agent);
      }
    }
  }

  override webSocketMessage(): void {
    // They only listen; what a newer one says is ignored [VR2].
  }

  override webSocketClose(socket: WebSocket): void {
    this.#parts.waiters.closed(socket);
  }

  /** [VW5] */
  closeCredential(credential: string): void {
    this.#parts.followers.closeCredential(credential);
  }

  // ---- alarm --------------------------------------------------------------------------------

  /** At least once, at any time: everything is read anew, and the next one is set last. */
  override async alarm(info?: AlarmInvocationInfo): Promise<void> {
    const { alarm, engine, state, waiters, retention, rearm } = this.#parts;
    alarm.fired();
    await engine.turns.next();
    engine.woke(info?.scheduledTime);
    engine.decide((board, nowMs) => board.tick(nowMs));
    engine.flush();
    engine.teller.retry();
    state.expire(this.now());
    waiters.expire(this.now());
    await retention.run();
    rearm();
  }
}

const ownerOf = (core: TaskCore, { id, fence, host }: Attempt, agent: string | undefined): AttemptOwner => ({
  attempt: id,
  task: core.id,
  fence,
  agent,
  host: { id: host.id, name: host.name },
});
