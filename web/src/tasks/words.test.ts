import { TASK_STATES } from "@maestro/shared/contract/tasks";
import { describe, expect, it } from "vitest";
import { byteCount, countShort, dollars, duration, roundDuration, usageFigures } from "./figures.ts";
import { sampleTask } from "./testing/samples.ts";
import { countOf, showOf, tally } from "./queue-view.ts";
import { hostWords, mayCancel, mayRetry, shortId, targetWords, taskTitle, waitingLine } from "./words.ts";

describe("words for tasks", () => {
  it("a task is called by its description, else the first line of its prompt, its command or its id", () => {
    expect(taskTitle(sampleTask({ description: "Fix it" }))).toBe("Fix it");
    expect(taskTitle(sampleTask({ prompt: "\n  Find out why\nand more" }))).toBe("Find out why");
    expect(taskTitle({ id: "tsk_1", command: ["npm", "test"] })).toBe("npm test");
    expect(taskTitle({ id: "tsk_1", prompt: "\u202e\u200b" })).toBe("tsk_1");
  });

  it("names targets, not all of many", () => {
    const to = (name: string) =>
      ({ agent: { id: name, name, type: "claude" }, host: { id: "h", name: "laptop" }, status: "queued", attempts: 0 }) as const;
    expect(targetWords([to("a")])).toBe("a");
    expect(targetWords([to("a"), to("b"), to("c"), to("d")])).toBe("a, b and 2 more");
    expect(targetWords([{ status: "queued", attempts: 0 }])).toBe("any host");
    expect(hostWords([to("a"), to("b")])).toBe("laptop");
  });

  it("says why it waits once, not twice", () => {
    expect(waitingLine({ code: "dependency_open", detail: "Waits for tsk_1 (success)." })).toEqual({
      word: "Waits for tsk_1 (success)",
      rest: "",
    });
    expect(waitingLine({ code: "host_busy", detail: "Host 'a': 4 of 4 tasks run there." })).toEqual({
      word: "No free slot on its host",
      rest: "Host 'a': 4 of 4 tasks run there.",
    });
    expect(waitingLine({ code: "turn", detail: "" })).toEqual({ word: "Waits for its turn", rest: "" });
  });

  it("offers to cancel what may still run, and to run again what did not succeed", () => {
    expect(TASK_STATES.filter(mayCancel)).toEqual(["blocked", "queued", "offered", "running", "unknown"]);
    expect(TASK_STATES.filter((status) => mayRetry({ status }))).toEqual(["failed", "cancelled", "timed_out", "lost"]);
  });

  it("shortens made ids, never chosen ones", () => {
    expect(shortId("tsk_01k9z3x5v7t1q8r4m2n6p0w5yd")).toBe("tsk_…p0w5yd");
    expect(shortId("t123")).toBe("t123");
  });

  it("says how long, how much, how many and at what price", () => {
    expect([0, 420, 1_940, 12_000, 61_000, 7_620_000, 90_000_000].map(duration)).toEqual([
      "0 ms",
      "420 ms",
      "1.9 s",
      "12 s",
      "1 m 01 s",
      "2 h 07 m",
      "1 d 1 h",
    ]);
    expect([1_000, 1_800_000, 7_200_000, 5_400_000, 86_400_000, 12_000].map(roundDuration)).toEqual([
      "1 s",
      "30 m",
      "2 h",
      "1 h 30 m",
      "1 d",
      "12 s",
    ]);
    expect([0, 1023, 1024, 1_572_864, 640 * 2 ** 20].map(byteCount)).toEqual(["0 B", "1023 B", "1.0 KiB", "1.5 MiB", "640 MiB"]);
    expect([950, 1_000, 12_432, 204_331, 1_204_331].map(countShort)).toEqual(["950", "1k", "12.4k", "204k", "1.2M"]);
    expect([0, 0.0012, 0.8431].map(dollars)).toEqual(["$0.00", "$0.0012", "$0.84"]);
    expect(usageFigures({ costUsd: 0.5, inputTokens: 0 }).map(({ name, value }) => `${name} ${value}`)).toEqual(["Cost $0.50", "Input 0"]);
    expect(usageFigures(undefined)).toEqual([]);
  });

  it("counts the queue by what people look for", () => {
    const none = {
      blocked: 0,
      queued: 0,
      offered: 0,
      running: 0,
      cancelling: 0,
      unknown: 0,
      completed: 0,
      failed: 0,
      cancelled: 0,
      timed_out: 0,
      lost: 0,
    };
    const counts = { ...none, blocked: 1, queued: 2, running: 3, unknown: 1, failed: 2, lost: 1, completed: 9 };
    expect(tally(counts)).toEqual({ waiting: 3, running: 4, completed: 9, failed: 3 });
    expect(countOf(counts, ["lost"])).toBe(1);
    expect([showOf("?show=processing"), showOf("show=x"), showOf("")]).toEqual(["processing", "waiting", "waiting"]);
  });
});
