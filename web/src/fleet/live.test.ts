import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { FleetEvent } from "@maestro/shared/contract/resources";
import type { Result } from "@maestro/shared/result";
import type { ApiError } from "../api/client.ts";
import { Live } from "./live.ts";

const event = (type: string, subject = "x"): FleetEvent => ({
  id: "evt_1",
  seq: 1,
  at: "2026-11-20T10:00:00Z",
  type,
  subject,
  summary: "",
});
const away: ApiError = { code: "server_unreachable", detail: "away" };

function setUp({ everyMs }: { everyMs?: number } = {}) {
  const world = { answer: { ok: true, value: 1 } as Result<number, ApiError>, fetched: 0, visible: true };
  const hearers = new Set<(event: FleetEvent | undefined) => void>();
  const live = new Live<number>(
    {
      fetch: () => {
        world.fetched++;
        return Promise.resolve(world.answer);
      },
      concerns: ({ type }) => type === "task.started",
      everyMs: () => everyMs,
    },
    {
      onNews: (hearer) => {
        hearers.add(hearer);
        return () => hearers.delete(hearer);
      },
      visible: () => world.visible,
      onVisible: () => () => undefined,
    },
  );
  const tell = (told: FleetEvent | undefined): void => hearers.forEach((hearer) => hearer(told));
  return { world, live, tell, hearers };
}
const pass = (ms = 0): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("a live answer", () => {
  it("is fetched again for the events that concern it, many of them at most once a second", async () => {
    const { world, live, tell } = setUp();
    await pass();
    expect(live.view()).toMatchObject({ value: 1, load: { type: "ready" } });
    tell(event("host.online"));
    await pass(5_000);
    expect(world.fetched).toBe(1);
    world.answer = { ok: true, value: 2 };
    for (let i = 0; i < 100; i++) {
      tell(event("task.started"));
      await pass(30);
    }
    expect(live.view().value).toBe(2);
    expect(world.fetched).toBeLessThanOrEqual(5);
    live.dispose();
  });

  it("is fetched again when events may have been missed", async () => {
    const { world, live, tell } = setUp();
    await pass(2_000);
    tell(undefined);
    await pass(200);
    expect(world.fetched).toBe(2);
    live.dispose();
  });

  it("keeps what it has when it cannot be fetched again, says so, and tries on by itself", async () => {
    const { world, live, tell } = setUp();
    await pass(2_000);
    world.answer = { ok: false, error: away };
    tell(event("task.started"));
    await pass(200);
    expect(live.view()).toMatchObject({ value: 1, load: { type: "stale", error: away } });
    world.answer = { ok: true, value: 3 };
    await pass(7_000);
    expect(live.view()).toMatchObject({ value: 3, load: { type: "ready" } });
    live.dispose();
  });

  it("has failed when it never came", async () => {
    const failing = new Live<number>(
      { fetch: () => Promise.resolve({ ok: false, error: away }), concerns: () => false, everyMs: () => undefined },
      { onNews: () => () => undefined, visible: () => true, onVisible: () => () => undefined },
    );
    await pass(10);
    expect(failing.view()).toMatchObject({ value: undefined, load: { type: "failed", error: away } });
    failing.dispose();
  });

  it("is polled only while somebody looks", async () => {
    const { world, live } = setUp({ everyMs: 3_000 });
    await pass(7_000);
    expect(world.fetched).toBe(3);
    world.visible = false;
    await pass(60_000);
    expect(world.fetched).toBe(3);
    live.dispose();
  });

  it("shows at once what a write answered", async () => {
    const { live } = setUp();
    await pass();
    live.put(9);
    expect(live.view().value).toBe(9);
    live.dispose();
  });

  it("stops hearing and fetching once it is let go", async () => {
    const { world, live, hearers } = setUp({ everyMs: 1_000 });
    await pass();
    live.dispose();
    await pass(60_000);
    expect([world.fetched, hearers.size]).toEqual([1, 0]);
  });
});
