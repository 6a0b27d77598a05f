/** A task's targets and attempts over time, as lanes of bars between 0 and 1. Pure; time is a parameter. */
import { isFinal, type Attempt, type TaskDetail, type TaskState } from "@maestro/shared/contract/tasks";

export interface Bar {
  key: string;
  /** `waiting`: nobody works on it; `starting`: offered to a host; `work`: the program runs, or ran. */
  kind: "waiting" | "starting" | "work";
  /** Of the attempt it belongs to; of `waiting`, that of the target. */
  state: TaskState;
  from: number;
  to: number;
  ms: number;
  /** It goes on now. */
  open: boolean;
  /** Undefined for what lies between attempts. */
  attempt: Attempt | undefined;
}

export interface Lane {
  key: string;
  label: string;
  place: string;
  state: TaskState;
  bars: Bar[];
}

export interface Tick {
  at: number;
  /** Since submission, ms. */
  ms: number;
}

export interface Timeline {
  fromMs: number;
  toMs: number;
  lanes: Lane[];
  ticks: Tick[];
}

/** A task that ended at once still has a width. */
const MIN_SPAN_MS = 1_000;

export function timelineOf(task: TaskDetail, nowMs: number): Timeline {
  const fromMs = Date.parse(task.createdAt);
  const ended = isFinal(task.status) ? (latest(task) ?? fromMs) : nowMs;
  const toMs = Math.max(fromMs + MIN_SPAN_MS, ended);
  const at = (ms: number): number => clamp((ms - fromMs) / (toMs - fromMs));
  const lanes = task.targets.map((target, index): Lane => {
    const own = task.attempts.filter((attempt) => attempt.target === index).toSorted((a, b) => a.n - b.n || a.fence - b.fence);
    const last = own.at(-1);
    return {
      key: String(index),
      label: target.agent?.name ?? target.host?.name ?? last?.host.name ?? "any host",
      place: target.agent === undefined ? "" : (target.host?.name ?? last?.host.name ?? ""),
      state: target.status,
      bars: barsOf(own, target.status, { fromMs, toMs, endMs: isFinal(target.status) ? endOf(task, last) : toMs }, at),
    };
  });
  return { fromMs, toMs, lanes, ticks: ticksOf(toMs - fromMs) };
}

interface Bounds {
  fromMs: number;
  toMs: number;
  /** When this target had ended, or now. */
  endMs: number;
}

function barsOf(attempts: readonly Attempt[], state: TaskState, { fromMs, toMs, endMs }: Bounds, at: (ms: number) => number): Bar[] {
  const bars: Bar[] = [];
  const add = (bar: Pick<Bar, "key" | "kind" | "state" | "open" | "attempt">, beginMs: number, stopMs: number): void => {
    if (stopMs > beginMs || bar.kind === "work")
      bars.push({ ...bar, from: at(beginMs), to: at(Math.max(beginMs, stopMs)), ms: Math.max(0, stopMs - beginMs) });
  };
  let freeMs = fromMs;
  for (const attempt of attempts) {
    const createdMs = Date.parse(attempt.createdAt);
    const startedMs = attempt.startedAt === undefined ? undefined : Date.parse(attempt.startedAt);
    const final = isFinal(attempt.status);
    const stopMs = attempt.finishedAt === undefined ? (final ? (startedMs ?? createdMs) : toMs) : Date.parse(attempt.finishedAt);
    add({ key: `${attempt.id} before`, kind: "waiting", state: "queued", open: false, attempt: undefined }, freeMs, createdMs);
    add(
      {
        key: `${attempt.id} offer`,
        kind: "starting",
        state: startedMs === undefined ? attempt.status : "offered",
        open: !final && startedMs === undefined,
        attempt,
      },
      createdMs,
      startedMs ?? stopMs,
    );
    if (startedMs !== undefined) add({ key: attempt.id, kind: "work", state: attempt.status, open: !final, attempt }, startedMs, stopMs);
    freeMs = Math.max(freeMs, stopMs);
  }
  const waits = !isFinal(state) && !attempts.some((attempt) => !isFinal(attempt.status));
  add(
    { key: "after", kind: "waiting", state, open: waits, attempt: undefined },
    freeMs,
    waits ? toMs : attempts.length === 0 ? endMs : freeMs,
  );
  return bars;
}

const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400];

/** At most so many round steps, the first at zero. */
export function ticksOf(spanMs: number, most = 6): Tick[] {
  const days = (seconds: number): number => Math.ceil(seconds / most / 86_400) * 86_400;
  const stepMs = (STEPS_S.find((step) => spanMs / (step * 1000) <= most) ?? days(spanMs / 1000)) * 1000;
  return Array.from({ length: Math.floor(spanMs / stepMs) + 1 }, (_, i) => ({ at: (i * stepMs) / spanMs, ms: i * stepMs }));
}

const endOf = (task: TaskDetail, last: Attempt | undefined): number => Date.parse(last?.finishedAt ?? task.finishedAt ?? task.createdAt);

/** The last moment that anything is known of. */
function latest(task: TaskDetail): number | undefined {
  const times = [task.finishedAt, ...task.attempts.flatMap(({ startedAt, finishedAt }) => [startedAt, finishedAt])];
  const known = times.flatMap((time) => (time === undefined ? [] : [Date.parse(time)]));
  return known.length === 0 ? undefined : Math.max(...known);
}

const clamp = (x: number): number => Math.min(1, Math.max(0, x));
