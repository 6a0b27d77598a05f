import { describe, expect, it, vi } from "vitest";
import type { AuditEntry } from "../../domain/access/audit-entry.ts";
import type { NewEvent } from "../../domain/events/event.ts";
import { FeedLine, type Heard } from "./feed-line.ts";

const entry = (target: string): AuditEntry => ({
  actor: "member:m",
  credential: "tok",
  ip: "-",
  action: "taskCreate",
  target,
  outcome: "ok",
  requestId: `req-${target}`,
});
const event = (subject: string): NewEvent => ({ type: "task.created", subject, summary: "" });

/** Each call stands until it is let go. */
function calls() {
  const made: { entries: string[]; events: string[]; answer: PromiseWithResolvers<Heard> }[] = [];
  const line = new FeedLine((entries, events) => {
    const answer = Promise.withResolvers<Heard>();
    made.push({ entries: entries.map(({ target }) => target), events: events.map(({ subject }) => subject), answer });
    return answer.promise;
  });
  const answer = async (n: number, heard: Heard | Error = { recorded: true, told: true }): Promise<void> => {
    await vi.waitFor(() => expect(made.length).toBeGreaterThan(n));
    if (heard instanceof Error) made[n]?.answer.reject(heard);
    else made[n]?.answer.resolve(heard);
  };
  return { made, line, answer };
}
const carried = (made: ReturnType<typeof calls>["made"]) => made.map(({ entries, events }) => [entries.join(""), events.join("")]);

describe("what the Feed is to write", () => {
  it("goes at once, and what comes meanwhile goes together, records and events", async () => {
    const { made, line, answer } = calls();
    const done: string[] = [];
    const all = ["a", "b", "c"].map((target) => line.record(entry(target)).then(({ ok }) => void done.push(`${target} ${ok}`)));
    const told = [line.append([event("1"), event("2")]), line.append([event("3")])];
    expect(carried(made)).toEqual([["a", ""]]);
    await answer(0);
    await all[0];
    expect(done).toEqual(["a true"]);
    await answer(1);
    await Promise.all([...all, ...told]);
    expect(done).toEqual(["a true", "b true", "c true"]);
    expect(carried(made)).toEqual([
      ["a", ""],
      ["bc", "123"],
    ]);
  });

  it("is refused, each of one call, when that fails; the next one is tried", async () => {
    const complained = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const { line, answer } = calls();
    const [first, ...rest] = ["a", "b", "c"].map((target) => line.record(entry(target)));
    const told = expect(line.append([event("1")])).rejects.toThrow(/did not take them/);
    await answer(0);
    expect(await first).toMatchObject({ ok: true });
    await answer(1, new Error("away"));
    for (const refused of await Promise.all(rest)) expect(refused).toMatchObject({ ok: false, error: { code: "audit_unavailable" } });
    await told;
    expect(complained.mock.calls.flat().join()).toContain("req-c");
    const later = line.record(entry("d"));
    await answer(2);
    expect(await later).toMatchObject({ ok: true });
    complained.mockRestore();
  });

  it("is one thing and the other: a record that could not be written is no reason to tell again what was told", async () => {
    const complained = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const { line, answer } = calls();
    const before = line.append([event("0")]);
    const [record, told] = [line.record(entry("a")), line.append([event("1")])];
    await answer(0);
    await before;
    await answer(1, { recorded: false, told: true });
    expect(await record).toMatchObject({ ok: false, error: { code: "audit_unavailable" } });
    await told;
    const [written, lost] = [line.record(entry("b")), line.append([event("2")])];
    await answer(2, { recorded: true, told: true });
    await answer(3, { recorded: true, told: false });
    expect(await written).toMatchObject({ ok: true });
    await expect(lost).rejects.toThrow();
    complained.mockRestore();
  });

  it("goes in calls of a hundred records at most", async () => {
    const { made, line, answer } = calls();
    const all = Array.from({ length: 281 }, (_, n) => line.record(entry(String(n))));
    for (let n = 0; n < 4; n++) await answer(n);
    await Promise.all(all);
    expect(made.map(({ entries }) => entries.length)).toEqual([1, 100, 100, 80]);
  });
});
