/** A board with nothing around it: what it asks is written down, and answered by the test. */
import { Board } from "../board.ts";
import type { BoardPort, BoardTimes } from "../board-port.ts";
import type { Attempt, HostState, StopWhy, Target, TaskCore } from "../model.ts";

export const TIMES: BoardTimes = { offerMs: 30_000, leaseMs: 90_000, lostMs: 600_000, stopAgainMs: 30_000, slackMs: 10_000, scale: 1 };

interface Order {
  task: string;
  target: number;
  attempt: Attempt;
}

export class BoardRig {
  nowMs = 1_000_000;
  readonly board: Board;
  readonly offers: Order[] = [];
  readonly starts: (Order & { again: boolean })[] = [];
  readonly cancels: { attempt: string; why: StopWhy }[] = [];
  readonly looks: string[] = [];
  readonly ended: TaskCore[] = [];
  saves = 0;
  #made = 0;

  constructor() {
    this.board = new Board(this.#port(), TIMES);
  }

  /** Up, and done with naming what it has. */
  host(id: string, more: Partial<HostState> = {}): void {
    const host = { id, name: id, link: `${id}-1`, maxConcurrent: 1, draining: false, capabilities: [], types: [], labels: {}, ...more };
    this.board.hostUp(host, this.nowMs);
    this.board.hostAttempts(id, host.link, [], true, false, this.nowMs);
  }

  task(key: string, more: Partial<TaskCore> = {}): TaskCore {
    this.nowMs += 1;
    const task: TaskCore = {
      key,
      id: key,
      title: key,
      createdMs: this.nowMs,
      createdBy: "ada",
      credential: "ada",
      lane: "",
      priority: 3,
      dependsOn: [],
      ifFailed: "fail",
      retries: 0,
      retryOn: [],
      idempotent: false,
      onLost: "wait",
      timeoutMs: 60_000,
      depth: 0,
      fence: 0,
      targets: [anywhere()],
      changes: { created: 1 },
      ...more,
    };
    this.board.add(task, this.nowMs);
    return task;
  }

  /** Takes the last offer of a task and starts it. */
  run(task: TaskCore): Attempt {
    const { attempt } = this.#last(task);
    this.board.offerAnswered(attempt.id, { ok: true, value: { answer: "accepted" } }, this.nowMs);
    this.board.startAnswered(
      attempt.id,
      { ok: true, value: { state: "running", startedMs: this.nowMs, pid: 1, workspace: "/w", logBytes: 0 } },
      false,
      this.nowMs,
    );
    return attempt;
  }

  end(task: TaskCore, exitCode = 0, code: "exit_nonzero" | "runner_died" = "exit_nonzero"): void {
    const { attempt } = this.#last(task);
    const outcome = exitCode === 0 ? "completed" : "failed";
    const end = { outcome, exitCode, endedMs: this.nowMs, ...(exitCode === 0 ? {} : { reason: { code, detail: "" } }) } as const;
    this.board.report(attempt.host.id, { attempt: attempt.id, fence: attempt.fence, status: { state: "ended", end } }, this.nowMs);
  }

  later(ms: number): void {
    this.nowMs += ms;
    this.board.tick(this.nowMs);
  }

  offered(): string[] {
    return this.offers.map(({ task }) => task);
  }

  #last(task: TaskCore): Order {
    const order = this.offers.findLast((one) => one.task === task.key);
    if (order === undefined) throw new Error(`${task.key} was not offered`);
    return order;
  }

  #port(): BoardPort {
    return {
      random: () => 0.5,
      attemptId: (task) => `att_${task.key}_${++this.#made}`,
      change: () => 1,
      taskOf: (attempt) => [...this.board.tasks.values(), ...this.ended].find(({ key }) => attempt.startsWith(`att_${key}_`)),
      task: (key) => [...this.board.tasks.values(), ...this.ended].find((task) => task.key === key),
      save: () => void this.saves++,
      soften: () => undefined,
      saveHost: () => undefined,
      forgetHost: () => undefined,
      evidence: () => undefined,
      ended: (task) => void this.ended.push(task),
      offer: (task, target, attempt) => void this.offers.push({ task: task.key, target, attempt }),
      start: (task, target, attempt, again) => void this.starts.push({ task: task.key, target, attempt, again }),
      cancel: (attempt, why) => void this.cancels.push({ attempt: attempt.id, why }),
      look: (host) => void this.looks.push(host),
    };
  }
}

export const anywhere = (selector: Target["selector"] = {}): Target => ({ selector, phase: { at: "pending", sinceMs: 0 }, past: [] });

export const ofAgent = (agent: string, host: string): Target => ({
  agent: { id: agent, name: agent, type: "shell" },
  host: { id: host, name: host },
  phase: { at: "pending", sinceMs: 0 },
  past: [],
});
