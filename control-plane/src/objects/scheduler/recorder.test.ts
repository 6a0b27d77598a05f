import { describe, expect, it, vi } from "vitest";
import type { AuditEntry } from "../../domain/access/audit-entry.ts";
import { Recorder } from "./recorder.ts";

const entry = (target: string): AuditEntry => ({
  actor: "member:m",
  credential: "tok",
  ip: "-",
  action: "taskCreate",
  target,
  outcome: "ok",
  requestId: `req-${target}`,
});

/** Each call stands until it is let go. */
function calls() {
  const made: { targets: string[]; answer: PromiseWithResolvers<void> }[] = [];
  const recorder = new Recorder((entries) => {
    const answer = Promise.withResolvers<void>();
    made.push({ targets: entries.map(({ target }) => target), answer });
    return answer.promise;
  });
  return { made, recorder };
}

describe("what is recorded before it is done", () => {
  it("waits for its own call, and those that come meanwhile go together", async () => {
    const { made, recorder } = calls();
    const done: string[] = [];
    const all = ["a", "b", "c"].map((target) => recorder.record(entry(target)).then(({ ok }) => void done.push(`${target} ${ok}`)));
    expect(made.map(({ targets }) => targets)).toEqual([["a"]]);
    made[0]?.answer.resolve();
    await all[0];
    expect(done).toEqual(["a true"]);
    expect(made.map(({ targets }) => targets)).toEqual([["a"], ["b", "c"]]);
    made[1]?.answer.resolve();
    await Promise.all(all);
    expect(done).toEqual(["a true", "b true", "c true"]);
  });

  it("is refused, each of one call, when that fails; the next one is tried", async () => {
    const told = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const { made, recorder } = calls();
    const [first, ...rest] = ["a", "b", "c"].map((target) => recorder.record(entry(target)));
    made[0]?.answer.resolve();
    expect(await first).toMatchObject({ ok: true });
    made[1]?.answer.reject(new Error("away"));
    for (const refused of await Promise.all(rest)) expect(refused).toMatchObject({ ok: false, error: { code: "audit_unavailable" } });
    expect(told.mock.calls.flat().join()).toContain("req-c");
    const later = recorder.record(entry("d"));
    made[2]?.answer.resolve();
    expect(await later).toMatchObject({ ok: true });
    told.mockRestore();
  });

  it("goes in calls of at most a hundred", async () => {
    const { made, recorder } = calls();
    const all = Array.from({ length: 251 }, (_, n) => recorder.record(entry(String(n))));
    for (let n = 0; n < 4; n++) {
      await vi.waitFor(() => expect(made).toHaveLength(n + 1));
      made[n]?.answer.resolve();
    }
    await Promise.all(all);
    expect(made.map(({ targets }) => targets.length)).toEqual([1, 100, 100, 50]);
  });
});
