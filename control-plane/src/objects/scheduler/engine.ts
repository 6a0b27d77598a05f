/**
 * The board on its storage: each decision is one transaction, and what it asks of hosts, followers and the Feed is done
 * once that stands. Whatever is here is rebuilt from the open rows.
 */
import { makeId } from "@maestro/shared/ids";
import { LEASE_MS, LOST_AFTER_MS, OFFER_TIMEOUT_MS, STATE_TTL_S, STOP_GRACE_MS } from "@maestro/shared/limits";
import type { DatedEntry } from "../../domain/access/audit-entry.ts";
import { resultKey } from "../../domain/state/keys.ts";
import { Board } from "../../domain/tasks/board.ts";
import type { BoardPort, BoardTimes } from "../../domain/tasks/board-port.ts";
import type { TaskCore } from "../../domain/tasks/model.ts";
import { INLINE_RESULT_CHARS } from "../../domain/tasks/outcome.ts";
import { overall } from "../../domain/tasks/status.ts";
import { lastChange } from "../../domain/tasks/telling.ts";
import type { Scene } from "../../domain/tasks/waiting.ts";
import { errorText } from "../../log-text.ts";
import { inAMoment } from "../moment.ts";
import type { ImageStore } from "./image-store.ts";
import { Orders } from "./orders.ts";
import type { SecretStore } from "./secret-store.ts";
import type { StateStore } from "./state-store.ts";
import type { TaskRows, Work } from "./task-rows.ts";
import type { TaskWaiters } from "./task-waiters.ts";
import { Turns } from "./turns.ts";
import { Teller, type FoundRecord } from "./teller.ts";

/** What may be written late is written so late. */
const FLUSH_MS = 5_000;
/** Of several changes together the Feed is told by one call and one commit: of a submission and its start as of many submissions. */
const TELL_AFTER_MS = 50;
/** Of a lease. */
const LATE = 1 / 4;
const TOLD = "told";
/** An attempt's id begins as the key of its task does, so that one leads to the other. */
export const SHARED_CHARS = 20;
const PREFIX_CHARS = 4;

export interface EnginePort {
  ctx: DurableObjectState;
  env: Env;
  scale: number;
  rows: TaskRows;
  state: Pick<StateStore, "put">;
  secrets: Pick<SecretStore, "ciphertext">;
  images: Pick<ImageStore, "put" | "delete" | "read">;
  waiters: TaskWaiters;
  nowMs(): number;
  rearm(): void;
  /** Its row says so. */
  ended(task: TaskCore): void;
  /** Nothing more is to be done about these. */
  closed(tasks: readonly TaskCore[]): void;
}

export class Engine {
  readonly board: Board;
  readonly teller: Teller;
  readonly turns = new Turns({ nowMs: Date.now, soon: (act) => inAMoment(act, 0) });
  readonly #port: EnginePort;
  readonly #times: BoardTimes;
  readonly #orders: Orders;
  readonly #new = new Map<TaskCore, Work>();
  /** Of tasks whose rows are just written: what follows need not read them. */
  readonly #fresh = new Map<string, Work>();
  /** Of submissions, until they are told. */
  readonly #records = new Map<string, DatedEntry>();
  readonly #dirty = new Set<TaskCore>();
  readonly #soft = new Set<TaskCore>();
  readonly #over: TaskCore[] = [];
  /** Other rows that the decision changes. */
  readonly #writes: (() => void)[] = [];
  #after: (() => void)[] = [];
  #change: number;
  #writtenTold: number;
  #flushMs: number | undefined;
  /** Up to here it is reckoned with that nobody was here. */
  #wokeMs = 0;

  constructor(port: EnginePort) {
    this.#port = port;
    const { rows, scale } = port;
    this.#times = {
      offerMs: OFFER_TIMEOUT_MS * scale,
      leaseMs: LEASE_MS * scale,
      lostMs: LOST_AFTER_MS * scale,
      stopAgainMs: 3 * STOP_GRACE_MS * scale,
      slackMs: STOP_GRACE_MS * scale,
      scale,
    };
    this.#writtenTold = rows.fact(TOLD);
    this.#change = this.#writtenTold;
    this.teller = new Teller(
      {
        hear: (records, events, again) => port.env.FEED.getByName(this.fleet).hear(records, events, again),
        recordOf: (task) => this.#recordOf(task),
        soon: (act) => inAMoment(act, TELL_AFTER_MS),
        close: (tasks) => this.#orAnew("tasks that were told could not be closed", () => this.#close(tasks)),
        nowMs: port.nowMs,
        rearm: port.rearm,
      },
      this.#writtenTold,
    );
    this.#orders = new Orders({
      env: port.env,
      fleet: () => this.fleet,
      scale,
      work: (key) => this.#fresh.get(key) ?? rows.work(key),
      secrets: port.secrets,
      decide: async (decision) => {
        await this.turns.next(true);
        this.decide(decision);
      },
    });
    this.board = new Board(this.#boardPort(), this.#times);
  }

  get fleet(): string {
    return this.#port.ctx.id.name ?? "";
  }

  get scene(): Scene {
    const { leaseMs, lostMs } = this.#times;
    return { hosts: this.board.hosts, lineup: this.board.lineup, nowMs: this.#port.nowMs(), leaseMs, lostMs };
  }

  /** [TK5] What its start brought, as far as it is known still; of an attempt that runs there. */
  secretsOf(host: string, attempt: string, fence: number): { task: string; sealed: Record<string, string> } | undefined {
    const place = this.board.holds(attempt, fence);
    if (place?.target.phase.at !== "started" || place.target.phase.attempt.host.id !== host) return undefined;
    const sealed = this.#orders.sealedFor(place.task, place.target.phase.committedMs);
    return sealed === undefined ? undefined : { task: place.task.id, sealed };
  }

  /** [TK6] Of an attempt that runs there. */
  imageOf(host: string, attempt: string, fence: number, index: number, from: number): Uint8Array | undefined {
    const place = this.board.holds(attempt, fence);
    if (place?.target.phase.at !== "started" || place.target.phase.attempt.host.id !== host) return undefined;
    return this.#port.images.read(place.task.key, index, from);
  }

  /** What it changes is one transaction. Where that fails memory is ahead of the rows, so the object begins anew from these. */
  decide<T>(decision: (board: Board, nowMs: number) => T): T {
    const { ctx } = this.#port;
    let value: T;
    try {
      value = decision(this.board, this.#port.nowMs());
      this.#write();
    } catch (cause) {
      ctx.abort(`a decision about tasks could not be kept: ${errorText(cause)}`);
      throw cause;
    }
    const after = this.#after;
    this.#after = [];
    this.#orAnew("what follows a decision could not be done", () => {
      this.#orders.send();
      for (const act of after) act();
      this.#fresh.clear();
      this.teller.tell();
      this.#port.rearm();
    });
    return value;
  }

  /** The rows are right: where memory may not be, the object begins anew from these. */
  #orAnew(what: string, act: () => void): void {
    try {
      act();
    } catch (cause) {
      this.#port.ctx.abort(`${what}: ${errorText(cause)}`);
      throw cause;
    }
  }

  /** Within a decision: a task that has no row yet. */
  take(task: TaskCore, work: Work): void {
    this.#new.set(task, work);
    if (work.spec.record !== undefined) this.#records.set(task.key, work.spec.record);
  }

  /** The task of this key, as it is. */
  core(key: string): TaskCore | undefined {
    const open = this.board.tasks.get(key);
    if (open !== undefined) return open;
    for (const task of this.#dirty) if (task.key === key) return task;
    const closed = this.#port.rows.core(key);
    // It may be one that was told by a life which could not write down how far it came.
    if (closed !== undefined) this.#change = Math.max(this.#change, lastChange(closed.changes));
    return closed;
  }

  taskOfAttempt(attempt: string): TaskCore | undefined {
    const key = this.#port.rows.keyBeginning(`tsk_${attempt.slice(PREFIX_CHARS, PREFIX_CHARS + SHARED_CHARS)}`);
    return key === undefined ? undefined : this.core(key);
  }

  nextChange(): number {
    this.#change = Math.max(this.#change, this.teller.queued) + 1;
    return this.#change;
  }

  /** What was put off is written now. */
  flush(): void {
    if (this.#flushMs === undefined || this.#flushMs > this.#port.nowMs()) return;
    this.#flushMs = undefined;
    this.#port.ctx.storage.transactionSync(() => {
      for (const task of this.#soft) if (task.finishedMs === undefined) this.#port.rows.save(task);
      this.#soft.clear();
      this.#writeTold();
    });
  }

  get dueMs(): Readonly<Record<string, number | undefined>> {
    return { board: this.board.nextMs, teller: this.teller.dueMs, flush: this.#flushMs };
  }

  /**
   * [TK2] While something runs there is always an alarm no further away than a lease. One that is late by much was nobody's
   * to take: the process was away. @param dueMs when an alarm was to go off.
   */
  woke(dueMs: number | null | undefined): void {
    const nowMs = this.#port.nowMs();
    const awayMs = nowMs - Math.max(dueMs ?? nowMs, this.#wokeMs);
    if (awayMs < this.#times.leaseMs * LATE) return;
    this.#wokeMs = nowMs;
    this.decide((board) => board.unheard(awayMs, nowMs));
  }

  /** After a wake, once everything else is there. */
  restore(): void {
    const { rows, nowMs } = this.#port;
    const open: TaskCore[] = [];
    const ended: TaskCore[] = [];
    for (const task of rows.open()) {
      this.#change = Math.max(this.#change, lastChange(task.changes));
      (task.finishedMs === undefined ? open : ended).push(task);
    }
    if (open.length === 0 && ended.length === 0 && rows.hosts().length === 0) return;
    this.teller.add([...ended, ...open]);
    for (const task of open)
      for (const dependency of task.dependsOn) {
        if (dependency.status !== undefined) continue;
        const other = rows.core(dependency.key);
        // Gone with its time: it had ended, and all of its dependants were told so or are this old.
        if (other === undefined) dependency.status = "completed";
        else if (other.finishedMs !== undefined) dependency.status = overall(other.targets);
      }
    this.#close(ended.filter(({ changes }) => (changes.finished ?? 0) <= this.teller.told));
    this.decide((board) => board.restore(open, rows.hosts(), nowMs()));
  }

  #recordOf({ key }: TaskCore): FoundRecord | undefined {
    const made = this.#records.get(key);
    this.#records.delete(key);
    const entry = made ?? this.#port.rows.work(key)?.spec.record;
    return entry === undefined ? undefined : { entry, again: made === undefined };
  }

  /** Within a decision: one that had ended is open again. */
  reopen(task: TaskCore): void {
    this.#writes.push(() => this.#port.rows.reopen(task));
  }

  /** Much of what is told changes no row. */
  #write(): void {
    const changed = [...this.#dirty];
    const over = this.#over.splice(0);
    const writes = this.#writes.splice(0);
    this.#dirty.clear();
    const write = (): void => {
      for (const one of writes) one();
      this.#writeTasks(changed, over);
    };
    if (changed.length + over.length + writes.length > 1 || !changed.every(isOneRow)) this.#port.ctx.storage.transactionSync(write);
    else write();
    if (changed.length > 0) this.#after.push(() => this.#port.waiters.changed(changed));
    this.teller.add([...changed, ...this.#soft]);
    if (this.#soft.size > 0 || (this.teller.told > this.#writtenTold && this.board.tasks.size > 0))
      this.#flushMs ??= this.#port.nowMs() + FLUSH_MS;
  }

  #writeTasks(changed: readonly TaskCore[], over: readonly TaskCore[]): void {
    const { rows, state, images, nowMs } = this.#port;
    for (const task of changed) {
      this.#soft.delete(task);
      this.#keepResults(task);
      const work = this.#new.get(task);
      if (work === undefined) rows.save(task);
      else {
        const { images: brought, ...kept } = work;
        rows.insert(task, work);
        if (brought !== undefined && brought.length > 0) images.put(task.key, brought);
        this.#fresh.set(task.key, kept);
      }
    }
    this.#new.clear();
    for (const task of over) {
      const [only, ...others] = task.targets;
      const result = others.length === 0 && overall(task.targets) === "completed" ? only?.past.at(-1)?.result : undefined;
      // Of any other end it may be asked for once more.
      if (task.images !== undefined && overall(task.targets) === "completed") images.delete(task.key);
      // A state that is full is the users' own; the result is with the task as well.
      if (result !== undefined) state.put({ key: resultKey(task.id), value: result, ttlS: STATE_TTL_S, by: "task" }, nowMs());
      this.#after.push(() => {
        this.#port.ended(task);
        this.#port.waiters.ended(task);
      });
    }
  }

  /** Those of many targets would not fit in one row together. */
  #keepResults({ targets }: TaskCore): void {
    if (targets.length === 1) return;
    for (const attempt of targets.flatMap(({ past }) => past)) {
      if (attempt.result === undefined || attempt.result.length <= INLINE_RESULT_CHARS) continue;
      this.#port.rows.keepResult(attempt.id, attempt.result);
      attempt.result = undefined;
    }
  }

  #close(tasks: readonly TaskCore[]): void {
    // One that runs again stays open.
    const over = tasks.filter(({ key }) => !this.board.tasks.has(key));
    if (over.length > 0) {
      this.#port.closed(over);
      this.#port.ctx.storage.transactionSync(() => {
        for (const { key } of over) this.#port.rows.close(key);
      });
    }
    if (this.teller.told > this.#writtenTold && this.board.tasks.size > 0) this.#flushMs ??= this.#port.nowMs() + FLUSH_MS;
  }

  #writeTold(): void {
    if (this.teller.told === this.#writtenTold) return;
    this.#writtenTold = this.teller.told;
    this.#port.rows.setFact(TOLD, this.#writtenTold);
  }

  #boardPort(): BoardPort {
    const { rows, nowMs } = this.#port;
    const orders = this.#orders;
    return {
      random: Math.random,
      attemptId: ({ key }) => {
        const made = makeId("attempt", nowMs(), crypto.getRandomValues(new Uint8Array(10)));
        return `att_${key.slice(PREFIX_CHARS, PREFIX_CHARS + SHARED_CHARS)}${made.slice(PREFIX_CHARS + SHARED_CHARS)}`;
      },
      change: () => this.nextChange(),
      taskOf: (attempt) => this.taskOfAttempt(attempt),
      task: (key) => this.core(key),
      save: (task) => void this.#dirty.add(task),
      soften: (task) => void this.#soft.add(task),
      saveHost: (host) => void this.#writes.push(() => rows.saveHost(host)),
      forgetHost: (host) => void this.#writes.push(() => rows.forgetHost(host)),
      evidence: (host, report) => void this.#writes.push(() => rows.keepEvidence(report.attempt, host, nowMs(), JSON.stringify(report))),
      ended: (task) => void this.#over.push(task),
      offer: (task, target, attempt) => orders.offer({ task, target, attempt }),
      start: (task, _target, attempt, again) => orders.start({ task, attempt, again }),
      cancel: (attempt, why) =>
        void this.#after.push(() => void orders.cancel(attempt, why, this.taskOfAttempt(attempt.id)?.cancel?.graceMs)),
      look: (host) => void this.#after.push(() => void orders.look(host)),
    };
  }
}

/** Written by a single statement, it needs no transaction around that. */
const isOneRow = ({ id, key, images, targets }: TaskCore): boolean =>
  id === key && images === undefined && targets.every(({ past }, _i, { length }) => length === 1 || past.length === 0);
