/**
 * A fleet in virtual time: the very board that runs, hosts that come and go, and a network between them where everything
 * takes its time, comes twice, overtakes other things, or never comes. What the board saved is all that a wake finds.
 */
import { LEASE_MS, LOST_AFTER_MS, OFFER_TIMEOUT_MS, SELF_FENCE_MARGIN_MS } from "@maestro/shared/limits";
import { maestroError } from "@maestro/shared/errors";
import type { AttemptReport, AttemptSpec } from "@maestro/shared/protocol/tasks";
import { Board } from "../board.ts";
import type { Answer, BoardPort, BoardTimes } from "../board-port.ts";
import { Deadlines } from "../deadlines.ts";
import { stored, type Attempt, type HostState, type TaskCore } from "../model.ts";
import { overall } from "../status.ts";
import { FuzzHost, type HostWorld } from "./fuzz-host.ts";
import { timesUnder, type Fault } from "./fuzz-faults.ts";
import { Ledger, type Plan, Violation } from "./fuzz-program.ts";

const TIMES: BoardTimes = {
  offerMs: OFFER_TIMEOUT_MS,
  leaseMs: LEASE_MS,
  lostMs: LOST_AFTER_MS,
  stopAgainMs: 30_000,
  slackMs: 10_000,
  scale: 1,
};
/** A reply that takes longer is a timeout of whoever asked. */
const REPLY_MS = 15_000;
const REDIAL_MS = 60_000;
/** Steps without anything new, after which nothing more will happen. */
const MAX_EVENTS = 50_000;

export class FuzzWorld implements HostWorld {
  nowMs = 1_800_000_000_000;
  readonly ledger = new Ledger();
  readonly hosts: FuzzHost[] = [];
  /** As the rows say. */
  readonly rows = new Map<string, string>();
  readonly cancelled = new Set<string>();
  readonly plans = new Map<string, Plan>();
  readonly spawnsTwice: boolean;
  wakes = 0;
  aways = 0;
  evidence = 0;
  duplicates = 0;
  board: Board;
  readonly #random: () => number;
  readonly #fault: Fault | undefined;
  readonly #agenda = new Deadlines<() => void>();
  #names = 0;
  #change = 0;
  readonly #hostRows = new Map<string, string>();
  readonly #soft = new Set<TaskCore>();
  #dirty = new Set<TaskCore>();
  #after: (() => void)[] = [];
  /** What was asked in an earlier life is answered to nobody. */
  #life = 0;
  /** Nobody is here: nothing is decided, and no link comes about. */
  #away = false;
  /** What relays of an earlier process had to tell is told to nobody. */
  #process = 0;

  constructor(random: () => number, hosts: number, fault: Fault | undefined) {
    this.#random = random;
    this.#fault = fault;
    this.spawnsTwice = fault === "noDedupe";
    this.board = new Board(this.#port(), timesUnder(fault, TIMES));
    for (let i = 0; i < hosts; i++) this.hosts.push(new FuzzHost(`hst_${i}`, this));
  }

  random(): number {
    return this.#random();
  }

  int(below: number): number {
    return Math.floor(this.#random() * below);
  }

  plan(task: string): Plan {
    return this.plans.get(task) ?? { durationMs: 1_000, exitCode: 0 };
  }

  core(key: string): TaskCore {
    return this.board.tasks.get(key) ?? this.#row(key);
  }

  // ---- time ---------------------------------------------------------------------------------

  after(ms: number, act: () => void): void {
    this.#agenda.set(String(++this.#names), this.nowMs + ms, act);
  }

  /** The next thing that happens, the board's own deadlines among them. False: nothing will. */
  step(untilMs = Infinity): boolean {
    const [next, due] = [this.#agenda.nextMs() ?? Infinity, this.#away ? Infinity : (this.board.nextMs ?? Infinity)];
    const atMs = Math.min(next, due);
    if (atMs > untilMs || atMs === Infinity) {
      if (untilMs !== Infinity) this.nowMs = Math.max(this.nowMs, untilMs);
      return false;
    }
    this.nowMs = Math.max(this.nowMs, atMs);
    for (const act of this.#agenda.takeDue(this.nowMs)) act();
    if (due <= this.nowMs) this.decide((board) => board.tick(this.nowMs));
    return true;
  }

  run(ms: number): void {
    const untilMs = this.nowMs + ms;
    while (this.step(untilMs));
  }

  /** Everybody is there and stays; whatever is open must end. */
  settle(): void {
    for (const host of this.hosts) {
      if (host.frozen) this.thaw(host);
      if (host.copied) this.unlock(host);
      if (host.link === undefined) this.dial(host);
    }
    for (let events = 0; this.board.tasks.size > 0; events++) {
      if (events > MAX_EVENTS || !this.step()) {
        const left = [...this.board.tasks.values()].map((task) => `${task.key} ${JSON.stringify(task.targets)}`);
        throw new Violation(`${left.length} tasks never end: ${left.join("; ")}`);
      }
    }
    // What is still said of them changes nothing any more.
    this.run(60 * 60_000);
  }

  // ---- the scheduler's side -----------------------------------------------------------------

  decide<T>(decision: (board: Board) => T): T {
    const value = decision(this.board);
    this.#write();
    const after = this.#after;
    this.#after = [];
    for (const act of after) act();
    return value;
  }

  /** Only what was saved survives; what was asked is answered to nobody. */
  wake(): void {
    this.wakes += 1;
    this.#life += 1;
    this.#soft.clear();
    this.board = new Board(this.#port(), timesUnder(this.#fault, TIMES));
    const open: TaskCore[] = [...this.rows.keys()].map((key) => this.#row(key)).filter((task) => task.finishedMs === undefined);
    for (const task of open)
      for (const dependency of task.dependsOn) {
        const other = this.#row(dependency.key);
        if (other.finishedMs !== undefined) dependency.status = overall(other.targets);
      }
    const hosts = [...this.#hostRows.values()].map((json): HostState => JSON.parse(json));
    this.decide((board) => board.restore(open, hosts, this.nowMs));
  }

  /** The control plane is gone for so long, and all links with it; hosts that were there dial again within a lease. */
  away(ms: number): void {
    this.aways += 1;
    this.#process += 1;
    this.#life += 1;
    const { nextMs } = this.board;
    const linked = this.hosts.filter(({ link }) => link !== undefined);
    for (const host of linked) this.cut(host, false);
    this.#away = true;
    this.run(ms);
    this.#away = false;
    for (const host of this.hosts) host.excused(ms);
    this.wake();
    const lateMs = this.nowMs - (nextMs ?? this.nowMs);
    if (this.#fault !== "deaf" && lateMs > 0) this.decide((board) => board.unheard(lateMs, this.nowMs));
    for (const host of linked)
      this.after(this.int(LEASE_MS), () => {
        if (host.link === undefined) this.dial(host);
      });
  }

  // ---- links --------------------------------------------------------------------------------

  dial(host: FuzzHost): void {
    if (this.#away)
      return this.after(REDIAL_MS, () => {
        if (host.link === undefined) this.dial(host);
      });
    const link = `${host.id} link ${++host.links}`;
    host.link = link;
    host.heardAgain();
    // As things are when it connects; what comes over this link meanwhile is not in it.
    const reports = host.reports();
    this.after(this.int(50), () => {
      if (host.link !== link) return;
      this.decide((board) =>
        board.hostUp(
          { id: host.id, name: host.id, link, maxConcurrent: 2, draining: false, capabilities: [], types: [], labels: {} },
          this.nowMs,
        ),
      );
      const pages = reports.length > 2 && this.random() < 0.5 ? [reports.slice(0, 2), reports.slice(2)] : [reports];
      pages.forEach((items, i) =>
        this.after(1 + i, () => {
          if (host.link !== link) return;
          const acked = this.decide((board) => board.hostAttempts(host.id, link, items, i === 0, i < pages.length - 1, this.nowMs));
          for (const { attempt, fence, unknown } of acked) this.#ack(host, link, attempt, fence, unknown === true);
        }),
      );
    });
  }

  /** The relay sees it at once, or when somebody looks. */
  cut(host: FuzzHost, seen: boolean): void {
    const { link, seenMs } = host;
    if (link === undefined) return;
    host.link = undefined;
    host.frozen = false;
    if (seenMs === this.nowMs) host.goneSilent();
    const process = this.#process;
    if (seen)
      this.after(this.int(1_000), () => {
        if (process === this.#process) this.decide((board) => board.hostDown(host.id, link, seenMs, this.nowMs));
      });
  }

  /** [LK2] The two are told apart and both shut out; the right one is let in when it dials again. */
  unlock(host: FuzzHost): void {
    if (!host.copied) return;
    this.cut(host, true);
    host.copied = false;
  }

  freeze(host: FuzzHost): void {
    if (!host.alive) return;
    host.goneSilent();
    host.frozen = true;
  }

  thaw(host: FuzzHost): void {
    host.frozen = false;
    if (host.link !== undefined) host.heardAgain();
  }

  /** What comes late, twice or in another order changes nothing; what a cut link held is gone. */
  say(host: FuzzHost, report: AttemptReport): void {
    const { link } = host;
    if (link === undefined || host.copied) return;
    const times = this.random() < 0.15 ? 2 : 1;
    if (times === 2) this.duplicates += 1;
    for (let i = 0; i < times; i++) this.#carry(host, link, this.int(this.random() < 0.1 ? 20_000 : 30), () => this.tell(host, report));
  }

  tell(host: FuzzHost, report: AttemptReport): void {
    const { link } = host;
    const told = this.#fault === "noFence" ? this.#asCurrent(report) : report;
    if (this.#fault === "ackEarly" && told.status.state === "ended" && this.random() < 0.3) {
      if (link !== undefined) this.#ack(host, link, report.attempt, report.fence, false);
      return;
    }
    const { ack, unknown } = this.decide((board) => board.report(host.id, told, this.nowMs));
    if (ack && link !== undefined) this.#ack(host, link, report.attempt, report.fence, unknown === true);
  }

  // ---- inside -------------------------------------------------------------------------------

  #ack(host: FuzzHost, link: string, attempt: string, fence: number, unknown: boolean): void {
    this.#carry(host, link, this.int(30), () => host.acked(attempt, fence, unknown));
  }

  /** Something on this link; a frozen host takes it up when it goes on. */
  #carry(host: FuzzHost, link: string, ms: number, act: () => void): void {
    this.after(ms, () => {
      if (host.link !== link) return;
      if (host.frozen) this.#carry(host, link, 5_000, act);
      else act();
    });
  }

  #ask<T>(host: string, question: (host: FuzzHost) => T | undefined, answered: (board: Board, answer: Answer<T>) => void): void {
    const life = this.#life;
    const asked = this.hosts.find(({ id }) => id === host);
    let open = true;
    const answer = (value: Answer<T>): void => {
      if (!open) return;
      open = false;
      if (life === this.#life) this.decide((board) => answered(board, value));
    };
    const link = asked?.link;
    if (asked === undefined || link === undefined) {
      this.after(1, () => answer({ ok: false, error: maestroError("host_unreachable", "away"), neverSent: true }));
      return;
    }
    this.after(REPLY_MS, () => answer({ ok: false, error: maestroError("timeout", "no answer") }));
    const times = this.random() < 0.1 ? 2 : 1;
    for (let i = 0; i < times; i++)
      this.#carry(asked, link, this.int(this.random() < 0.05 ? 20_000 : 30), () => {
        const value = question(asked);
        this.#carry(asked, link, this.int(this.random() < 0.05 ? 20_000 : 30), () =>
          answer(value === undefined ? { ok: false, error: maestroError("attempt_not_found", "no such attempt") } : { ok: true, value }),
        );
      });
  }

  #port(): BoardPort {
    return {
      random: () => this.random(),
      attemptId: ({ key }) => `att_${key}_${++this.#names}`,
      change: () => ++this.#change,
      taskOf: (attempt) => {
        const key = /^att_(.+)_\d+$/.exec(attempt)?.[1];
        return key === undefined || !this.rows.has(key) ? undefined : this.core(key);
      },
      task: (key) => (this.rows.has(key) ? this.core(key) : undefined),
      save: (task) => void this.#dirty.add(task),
      soften: (task) => void this.#soft.add(task),
      saveHost: (host) => void this.#hostRows.set(host.id, JSON.stringify(host)),
      forgetHost: (host) => void this.#hostRows.delete(host),
      evidence: () => void this.evidence++,
      ended: () => undefined,
      offer: (task, target, attempt) =>
        void this.#after.push(() => {
          const spec = specFor(task, attempt);
          this.#ask(
            attempt.host.id,
            (host) => host.offer(spec, target),
            (board, answer) => board.offerAnswered(attempt.id, answer, this.nowMs),
          );
        }),
      start: (_task, _target, attempt, again) =>
        void this.#after.push(() =>
          this.#ask(
            attempt.host.id,
            (host) => host.start(attempt.id),
            (board, answer) => board.startAnswered(attempt.id, answer, again, this.nowMs),
          ),
        ),
      cancel: (attempt) =>
        void this.#after.push(() =>
          this.#ask(
            attempt.host.id,
            (host) => host.cancel(attempt.id),
            (board, answer) => board.cancelAnswered(attempt.id, answer, this.nowMs),
          ),
        ),
      look: (id) =>
        void this.#after.push(() => {
          const life = this.#life;
          this.after(this.int(20), () => {
            const host = this.hosts.find((one) => one.id === id);
            if (host === undefined || life !== this.#life) return;
            this.decide((board) => board.hostSeen(id, host.seenMs, host.link !== undefined, this.nowMs));
          });
        }),
    };
  }

  #write(): void {
    for (const task of this.#dirty) {
      const started = task.targets.some(({ phase }) => phase.at === "started" && !phase.confirmed);
      if (this.#fault === "forgetStart" && started && this.rows.has(task.key)) continue;
      this.rows.set(task.key, JSON.stringify(stored(task)));
      this.#soft.delete(task);
    }
    this.#dirty = new Set();
    if (this.#soft.size > 0 && this.random() < 0.2) {
      for (const task of this.#soft) if (task.finishedMs === undefined) this.rows.set(task.key, JSON.stringify(stored(task)));
      this.#soft.clear();
    }
  }

  #row(key: string): TaskCore {
    const json = this.rows.get(key);
    if (json === undefined) throw new Error(`no row ${key}`);
    return JSON.parse(json);
  }

  #asCurrent(report: AttemptReport): AttemptReport {
    const key = /^att_(.+)_\d+$/.exec(report.attempt)?.[1] ?? "";
    for (const { phase } of this.board.tasks.get(key)?.targets ?? [])
      if (phase.at === "started") return { ...report, attempt: phase.attempt.id, fence: phase.attempt.fence };
    return report;
  }
}

function specFor(task: TaskCore, attempt: Attempt): AttemptSpec {
  return {
    task: task.key,
    attempt: attempt.id,
    fence: attempt.fence,
    n: attempt.n,
    workspace: { mode: "default" },
    env: {},
    hostEnv: [],
    secretNames: [],
    timeoutMs: task.timeoutMs,
    ...(task.idempotent && task.onLost === "retry" ? { stopAfterMs: LOST_AFTER_MS - SELF_FENCE_MARGIN_MS } : {}),
    trace: false,
  };
}
