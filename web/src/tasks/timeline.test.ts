import type { Attempt, TaskDetail } from "@maestro/shared/contract/tasks";
import { describe, expect, it } from "vitest";
import { sampleTask } from "./testing/samples.ts";
import { ticksOf, timelineOf } from "./timeline.ts";

const BEGIN_MS = Date.parse("2026-11-20T10:00:00Z");
const at = (seconds: number): string => new Date(BEGIN_MS + seconds * 1000).toISOString();
const attempt = (n: number, over: Partial<Attempt>): Attempt => ({
  id: `att_${n}`,
  task: "t",
  target: 0,
  n,
  fence: n,
  host: { id: "hst_a", name: "a" },
  status: "completed",
  createdAt: at(0),
  ...over,
});
const bars = (task: TaskDetail, nowS: number, lane = 0) =>
  timelineOf(task, BEGIN_MS + nowS * 1000).lanes[lane]?.bars.map(({ kind, state, from, to, open }) => [
    kind,
    state,
    Math.round(from * 100),
    Math.round(to * 100),
    open,
  ]);

describe("a task over time", () => {
  it("waits, starts, fails, waits again, runs and ends", () => {
    const task = sampleTask({
      status: "completed",
      finishedAt: at(100),
      attempts: [
        attempt(2, { createdAt: at(60), startedAt: at(62), finishedAt: at(100) }),
        attempt(1, { createdAt: at(10), startedAt: at(20), finishedAt: at(40), status: "failed" }),
      ],
    });
    expect(bars(task, 9_999)).toEqual([
      ["waiting", "queued", 0, 10, false],
      ["starting", "offered", 10, 20, false],
      ["work", "failed", 20, 40, false],
      ["waiting", "queued", 40, 60, false],
      ["starting", "offered", 60, 62, false],
      ["work", "completed", 62, 100, false],
    ]);
  });

  it("goes on until now while it waits, starts or runs", () => {
    expect(bars(sampleTask({ status: "queued" }), 50)).toEqual([["waiting", "queued", 0, 100, true]]);
    const offered = sampleTask({ status: "offered", attempts: [attempt(1, { status: "offered", createdAt: at(40) })] });
    expect(bars(offered, 50)).toEqual([
      ["waiting", "queued", 0, 80, false],
      ["starting", "offered", 80, 100, true],
    ]);
    const running = sampleTask({ status: "running", attempts: [attempt(1, { status: "running", startedAt: at(25) })] });
    expect(bars(running, 50)?.at(-1)).toEqual(["work", "running", 50, 100, true]);
  });

  it("waits on after a failed attempt that is tried again", () => {
    const task = sampleTask({ status: "queued", attempts: [attempt(1, { status: "failed", startedAt: at(0), finishedAt: at(50) })] });
    expect(bars(task, 100)?.at(-1)).toEqual(["waiting", "queued", 50, 100, true]);
  });

  it("has a lane for each target, with its own attempts only", () => {
    const base = sampleTask({}).targets[0];
    const task = sampleTask({
      status: "running",
      targets: [base ?? { status: "running", attempts: 0 }, { host: { id: "hst_b", name: "b" }, status: "running", attempts: 1 }],
      attempts: [attempt(1, { target: 1, status: "running", startedAt: at(10) })],
    });
    const { lanes } = timelineOf(task, BEGIN_MS + 20_000);
    expect(lanes.map(({ label, place }) => [label, place])).toEqual([
      ["reviewer", "laptop"],
      ["b", ""],
    ]);
    expect(lanes[1]?.bars.at(-1)?.attempt?.id).toBe("att_1");
    expect(lanes[0]?.bars.every((bar) => bar.attempt === undefined)).toBe(true);
  });

  it("never ran: a cancelled task only waited, and a task that took no time has a width", () => {
    const cancelled = sampleTask({ status: "cancelled", finishedAt: at(30), targets: [{ status: "cancelled", attempts: 0 }] });
    expect(bars(cancelled, 500)).toEqual([["waiting", "cancelled", 0, 100, false]]);
    const instant = sampleTask({ status: "completed", finishedAt: at(0), attempts: [attempt(1, { startedAt: at(0), finishedAt: at(0) })] });
    const line = timelineOf(instant, BEGIN_MS + 5_000);
    expect(line.toMs - line.fromMs).toBe(1_000);
    expect(line.lanes[0]?.bars.at(-1)).toMatchObject({ kind: "work", from: 0, to: 0 });
  });

  it("every bar is within the line and none ends before it begins, also with clocks that differ", () => {
    const odd = sampleTask({
      status: "running",
      attempts: [
        attempt(1, { createdAt: at(-20), startedAt: at(-30), finishedAt: at(-40), status: "failed" }),
        attempt(2, { createdAt: at(500), startedAt: at(700), status: "running" }),
      ],
    });
    for (const bar of timelineOf(odd, BEGIN_MS + 100_000).lanes[0]?.bars ?? []) {
      expect(bar.from).toBeGreaterThanOrEqual(0);
      expect(bar.to).toBeLessThanOrEqual(1);
      expect(bar.to).toBeGreaterThanOrEqual(bar.from);
      expect(bar.ms).toBeGreaterThanOrEqual(0);
    }
  });

  it("has round ticks, few of them, from zero on", () => {
    for (const spanMs of [1_000, 7_300, 61_000, 3_600_000, 11 * 3_600_000, 40 * 86_400_000]) {
      const ticks = ticksOf(spanMs);
      expect(ticks[0]).toEqual({ at: 0, ms: 0 });
      expect(ticks.length).toBeLessThanOrEqual(7);
      expect(ticks.length).toBeGreaterThanOrEqual(2);
      expect(ticks.at(-1)?.at).toBeLessThanOrEqual(1);
    }
    expect(ticksOf(300_000).map(({ ms }) => ms / 60_000)).toEqual([0, 1, 2, 3, 4, 5]);
  });
});
