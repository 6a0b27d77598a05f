import { describe, expect, it, vi } from "vitest";
import type { DatedEntry } from "../../domain/access/audit-entry.ts";
import type { TaskCore } from "../../domain/tasks/model.ts";
import { FEED_RETRY_MS, MAX_UNTOLD, Teller, type Heard } from "./teller.ts";

const entry = (target: string): DatedEntry => ({
  actor: "member:m",
  credential: "tok",
  ip: "-",
  action: "taskCreate",
  target,
  outcome: "ok",
  requestId: `req-${target}`,
  atMs: 1,
});

/** As far as telling looks at it. */
const task = (id: string, created: number, more: Partial<TaskCore["changes"]> = {}): TaskCore =>
  ({
    id,
    key: id,
    title: "",
    createdBy: "ada",
    targets: [],
    changes: { created, ...more },
  }) as unknown as TaskCore;

/** Each call stands until it is let go. */
function world(found: "fresh" | "again" = "fresh") {
  const calls: { records: string; events: string; again: boolean; answer: PromiseWithResolvers<Heard> }[] = [];
  const closed: string[] = [];
  const waiting: (() => void)[] = [];
  let nowMs = 0;
  const teller = new Teller(
    {
      hear: (records, events, again) => {
        const answer = Promise.withResolvers<Heard>();
        calls.push({ records: records.map(({ target }) => target).join(""), events: events.map((e) => e.subject).join(""), again, answer });
        return answer.promise;
      },
      recordOf: ({ id }) => ({ entry: entry(id), again: found === "again" }),
      close: (tasks) => closed.push(...tasks.map(({ id }) => id)),
      nowMs: () => nowMs,
      soon: (act) => void waiting.push(act),
      rearm: () => undefined,
    },
    0,
  );
  return {
    teller,
    calls,
    closed,
    passed: (ms: number) => void (nowMs += ms),
    moment: () => waiting.splice(0).forEach((act) => act()),
    submit(...ids: string[]) {
      teller.add(ids.map((id) => task(id, id.charCodeAt(0))));
      teller.tell();
    },
    async answer(n: number, heard: Heard | Error = { recorded: true, told: true }): Promise<void> {
      await vi.waitFor(() => expect(calls.length).toBeGreaterThan(n));
      if (heard instanceof Error) calls[n]?.answer.reject(heard);
      else calls[n]?.answer.resolve(heard);
    },
    settled: (): Promise<void> => new Promise((resolve) => setImmediate(resolve)),
    said: () => calls.map(({ records, events, again }) => `${records}/${events}${again ? " again" : ""}`),
  };
}

function quietly() {
  const complained = vi.spyOn(console, "error").mockImplementation(() => undefined);
  return { said: () => complained.mock.calls.flat().join(), [Symbol.dispose]: () => complained.mockRestore() };
}

describe("what the Feed is told of tasks", () => {
  it("goes together, records and events, after a moment", async () => {
    const w = world();
    w.submit("a");
    w.submit("b", "c");
    expect(w.said()).toEqual([]);
    w.moment();
    w.submit("d");
    await w.answer(0);
    await vi.waitFor(() => expect(w.teller.told).toBe("c".charCodeAt(0)));
    await w.answer(1);
    await vi.waitFor(() => expect(w.teller.told).toBe("d".charCodeAt(0)));
    expect(w.said()).toEqual(["abc/abc", "d/d"]);
  });

  it("what came while the last call ended is told as well", async () => {
    const w = world();
    w.submit("a");
    w.moment();
    await w.answer(0);
    await vi.waitFor(() => expect(w.teller.told).toBe("a".charCodeAt(0)));
    w.submit("b");
    await vi.waitFor(() => (w.moment(), expect(w.said()).toEqual(["a/a", "b/b"])));
  });

  it("a task is closed when its end was told, and not before", async () => {
    using _ = quietly();
    const w = world();
    w.teller.add([task("a", 1, { finished: 2 })]);
    w.teller.tell();
    w.moment();
    await w.answer(0, { recorded: true, told: false });
    await w.settled();
    expect(w.closed).toEqual([]);
    w.passed(FEED_RETRY_MS);
    w.teller.retry();
    w.moment();
    await w.answer(1);
    await vi.waitFor(() => expect(w.closed).toEqual(["a"]));
    expect(w.said()).toEqual(["a/aa", "/aa"]);
  });

  it("is one thing and the other: what was written is not told again", async () => {
    using complaints = quietly();
    const w = world();
    w.submit("a");
    w.moment();
    await w.answer(0, { recorded: false, told: true });
    await vi.waitFor(() => expect(w.teller.stuck).toBe(true));
    expect(complaints.said()).toContain("req-a");
    w.submit("b");
    w.moment();
    expect(w.said()).toEqual(["a/a"]);
    const recovers = w.teller.recovers();
    await w.answer(1);
    expect(await recovers).toBe(true);
    expect(w.said()).toEqual(["a/a", "ab/b"]);
  });

  it("a call that failed may have done it all: its records are told as such", async () => {
    using _ = quietly();
    const w = world();
    w.submit("a");
    w.moment();
    await w.answer(0, new Error("cut"));
    await vi.waitFor(() => expect(w.teller.stuck).toBe(true));
    const [one, other] = [w.teller.recovers(), w.teller.recovers()];
    await w.answer(1, new Error("away"));
    expect(await Promise.all([one, other])).toEqual([false, false]);
    expect(w.said()).toEqual(["a/a", "a/a again"]);
    w.passed(FEED_RETRY_MS);
    w.teller.retry();
    w.moment();
    await w.answer(2);
    await vi.waitFor(() => expect(w.teller.stuck).toBe(false));
  });

  it("so are those that are found after a wake", async () => {
    const w = world("again");
    w.submit("a");
    w.moment();
    await w.answer(0);
    expect(w.said()).toEqual(["a/a again"]);
  });

  it("events alone that are not taken refuse nobody", async () => {
    using _ = quietly();
    const w = world();
    w.submit("a");
    w.moment();
    await w.answer(0, { recorded: true, told: false });
    await w.settled();
    expect(w.teller.stuck).toBe(false);
  });

  it("and keep back no record: those go on", async () => {
    using _ = quietly();
    const w = world();
    w.teller.add(Array.from({ length: 250 }, (_one, n) => task("x", 1 + n)));
    w.teller.tell();
    w.moment();
    await w.answer(0, { recorded: true, told: false });
    await w.answer(1, { recorded: true, told: true });
    await w.settled();
    expect(w.calls.map(({ records, events }) => [records.length, events.length])).toEqual([
      [200, 200],
      [50, 0],
    ]);
    expect(w.teller.told).toBe(0);
    w.passed(FEED_RETRY_MS);
    w.teller.retry();
    w.moment();
    await w.answer(2);
    await w.answer(3);
    await vi.waitFor(() => expect(w.teller.told).toBe(250));
  });

  it("an alarm stands for what is not told: the process may go first", async () => {
    const w = world();
    expect(w.teller.dueMs).toBeUndefined();
    w.submit("a");
    expect(w.teller.dueMs).toBe(FEED_RETRY_MS);
    w.moment();
    // A call that hangs is not made again, nor looked at all the time.
    w.passed(FEED_RETRY_MS);
    w.teller.retry();
    w.moment();
    expect(w.calls).toHaveLength(1);
    expect(w.teller.dueMs).toBe(2 * FEED_RETRY_MS);
    await w.answer(0);
    await vi.waitFor(() => expect(w.teller.dueMs).toBeUndefined());
  });

  it("a Feed that does not answer is waited for by so many, and no more", async () => {
    const w = world();
    w.submit("a");
    w.moment();
    w.teller.add(Array.from({ length: MAX_UNTOLD - 1 }, (_, n) => task("x", 1_000 + n)));
    expect(w.teller.stuck).toBe(true);
    expect(await w.teller.recovers()).toBe(false);
    expect(w.calls).toHaveLength(1);
  });
});
