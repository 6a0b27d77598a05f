/** The small decisions of a relay: pen, size, presence, epochs, budgets, requests, alarms. */
import { describe, expect, test } from "vitest";
import { maestroError } from "@maestro/shared/errors";
import type { Result } from "@maestro/shared/result";
import { compareEpochs, decideLink, REMEMBERED_INSTANCES, type LastLink } from "./link-epoch.ts";
import { Memory } from "./memory.ts";
import { nextAlarm } from "./next-alarm.ts";
import { FREE, penAfterHello, penAfterLeave, penAfterLoss, penAfterTake, writerOf } from "./pen.ts";
import { nextChangeMs, presenceAt, presenceSince } from "./presence.ts";
import { CONTROL_RATE, fullBucket, INPUT_RATE, take } from "./rate.ts";
import { Requests } from "./requests.ts";
import { sessionChange } from "./session-change.ts";
import { parseSize } from "./size.ts";
import { acknowledged, afterGap, follow, offer, owed, replayDue, type Following } from "./stream.ts";

describe("pen", () => {
  const ada = { id: "a", resume: "ra", mayWrite: true };
  const bob = { id: "b", resume: "rb", mayWrite: true };

  test("[VW2] the first who may write gets it, nobody else until it is taken", () => {
    expect(penAfterHello(FREE, { ...ada, mayWrite: false }, 0)).toBe(FREE);
    const held = penAfterHello(FREE, ada, 0);
    expect(writerOf(held)).toBe("a");
    expect(penAfterHello(held, bob, 0)).toBe(held);
    expect(writerOf(penAfterTake(bob))).toBe("b");
  });

  test("[VW2] it is kept 60 s for one who vanished, and is free after a goodbye", () => {
    const held = penAfterHello(FREE, ada, 0);
    expect(penAfterLeave(held, "b", true, 0)).toBe(held);
    expect(penAfterLeave(held, "a", true, 0)).toBe(FREE);
    const reserved = penAfterLeave(held, "a", false, 1_000);
    expect(writerOf(penAfterHello(reserved, bob, 60_999))).toBeUndefined();
    expect(writerOf(penAfterHello(reserved, { ...ada, id: "a2" }, 60_999))).toBe("a2");
    expect(writerOf(penAfterHello(reserved, bob, 61_000))).toBe("b");
    expect(penAfterLeave(reserved, "a", true, 2_000)).toBe(FREE);
  });

  test("[VW6] a pen whose holder died with the process waits for it", () => {
    const held = penAfterHello(FREE, ada, 0);
    expect(penAfterLoss(held, () => true, 5)).toBe(held);
    expect(penAfterLoss(held, () => false, 5)).toEqual({ type: "reserved", viewer: "a", resume: "ra", untilMs: 60_005 });
  });
});

test.each([
  [1, 1000, true],
  [0, 24, false],
  [80, 1001, false],
  [Number.NaN, 24, false],
  ["80", 24, false],
  [undefined, 24, false],
])("[VW3] a size of %s×%s is taken: %s", (cols, rows, taken) => {
  expect(parseSize(cols, rows).ok).toBe(taken);
});

test.each([
  [undefined, 0, "never", undefined],
  [0, 44_999, "online", 45_000],
  [0, 45_000, "stale", 600_000],
  [0, 599_999, "stale", 600_000],
  [0, 600_000, "lost", undefined],
] as const)("[LK4] last seen at %s, at %s it is %s", (seen, now, presence, next) => {
  expect(presenceAt(seen, now)).toBe(presence);
  expect(nextChangeMs(seen, now)).toBe(next);
});

test.each([
  ["its end was seen", 100_000, undefined, 130_000, "online"],
  ["it was found gone, though it was seen a moment before", 100_000, 100_001, 100_002, "stale"],
  ["it was found gone, by one who looked at the clock before", 100_000, 100_005, 100_001, "stale"],
  ["it was found gone, and was seen long before", 0, 5_000_000, 5_000_000, "stale"],
  ["it was found gone, and its time is nearly over", 0, 5_000_000, 5_554_999, "stale"],
  ["it was found gone, and its time is over", 0, 5_000_000, 5_555_000, "lost"],
] as const)("[LK4] of a link that went: %s", (_what, seen, gone, now, presence) => {
  expect(presenceSince(seen, gone, now)).toBe(presence);
});

describe("[LK2] epochs", () => {
  const last: LastLink = { epoch: { start: 5, connect: 3 }, instance: "b", replaced: ["a"] };
  const at = (start: number, connect: number, instance: string) => decideLink(last, { epoch: { start, connect }, instance }).type;

  test("[LK2] the same process goes on with a newer epoch only", () => {
    expect(at(5, 4, "b")).toBe("accept");
    expect(at(5, 3, "b")).toBe("stale");
    expect(at(5, 2, "b")).toBe("stale");
  });

  test("[LK2] another process with a newer epoch takes over, at or below it locks", () => {
    expect(at(6, 1, "c")).toBe("accept");
    expect(at(5, 3, "c")).toBe("lock");
    expect(at(4, 9, "c")).toBe("lock");
  });

  test("[LK2] a process that was replaced and comes back locks, however new its epoch", () => {
    expect(at(9, 9, "a")).toBe("lock");
  });

  test("[LK2] replaced processes are remembered, a bounded number of them", () => {
    let known: LastLink | undefined;
    for (let i = 0; i < 50; i++) {
      const decision = decideLink(known, { epoch: { start: i, connect: 1 }, instance: `p${i}` });
      if (decision.type === "accept") known = decision.next;
    }
    expect(known?.replaced).toHaveLength(REMEMBERED_INSTANCES);
    expect(known?.replaced.at(-1)).toBe("p48");
    expect(compareEpochs({ start: 1, connect: 9 }, { start: 2, connect: 0 })).toBeLessThan(0);
  });
});

describe("budgets", () => {
  test("[VW4] a bucket holds its burst, refills with time and never by a clock that steps back", () => {
    let bucket = fullBucket(CONTROL_RATE, 1_000);
    for (let i = 0; i < 200; i++) bucket = take(bucket, CONTROL_RATE, 1, 1_000) ?? expect.fail("the burst was refused");
    expect(take(bucket, CONTROL_RATE, 1, 1_000)).toBeUndefined();
    expect(take(bucket, CONTROL_RATE, 1, 0)).toBeUndefined();
    expect(take(bucket, CONTROL_RATE, 1, 1_010)?.tokens).toBe(0);
    expect(take(bucket, CONTROL_RATE, 200, 9_000)?.tokens).toBe(0);
    expect(take(fullBucket(INPUT_RATE, 0), INPUT_RATE, 128 * 1024 + 1, 0)).toBeUndefined();
  });

  test("[VW4] memory tells once that there is room again", () => {
    const memory = new Memory(1000);
    memory.move(0, 900);
    expect(memory.room).toBe(100);
    memory.refused();
    expect(memory.takeRetry()).toBe(false);
    memory.move(900, 500);
    expect(memory.takeRetry()).toBe(true);
    expect(memory.takeRetry()).toBe(false);
  });
});

describe("requests", () => {
  test("[VR5] each is settled exactly once: by its answer, its refusal, its deadline or the link's end", () => {
    const settled: Result<unknown>[] = [];
    const requests = new Requests(7);
    const open = (deadlineMs: number): number => {
      const id = requests.open("detect", deadlineMs, (result) => settled.push(result));
      return id.ok ? id.value : -1;
    };
    const [first, second, third, fourth] = [open(10), open(20), open(30), open(40)];
    expect([first, second, third, fourth]).toEqual([7, 8, 9, 10]);
    expect(requests.nextDeadlineMs()).toBe(10);
    expect(requests.answer(7, "yes")).toBe(true);
    expect(requests.answer(7, "again")).toBe(false);
    expect(requests.refuse(8, { code: "from_the_future", detail: "No." })).toBe(true);
    requests.expire(30);
    requests.failAll(maestroError("host_unreachable", "Gone."));
    requests.expire(99);
    expect(settled.map((result) => (result.ok ? result.value : result.error.code))).toEqual([
      "yes",
      "internal",
      "timeout",
      "host_unreachable",
    ]);
    expect(requests.nextDeadlineMs()).toBeUndefined();
  });
});

test("the physical alarm is set to the earliest deadline, and never moved back", () => {
  expect(nextAlarm({}, undefined)).toBeUndefined();
  expect(nextAlarm({ a: 50, b: 30, c: undefined }, undefined)).toBe(30);
  expect(nextAlarm({ a: 50 }, 60)).toBe(50);
  expect(nextAlarm({ a: 50 }, 50)).toBeUndefined();
  expect(nextAlarm({ a: 50 }, 10)).toBeUndefined();
});

describe("streams", () => {
  const KiB = 1024;
  const span = (offset: number, length: number) => ({ epoch: 1, offset, length });

  test("[VW4] live output beyond the credit starves, replay beyond it is dropped and asked for again", () => {
    const full: Following = { ...follow(1, 0), sent: 512 * KiB };
    expect(offer(full, span(512 * KiB, 1), false, 1e9)).toMatchObject({ type: "refuse", next: { type: "starved" }, memory: false });
    expect(offer({ ...full, asked: 600 * KiB }, span(512 * KiB, 1), true, 1e9)).toMatchObject({
      type: "refuse",
      next: { type: "following", asked: 0 },
    });
    expect(offer(follow(1, 0), span(0, 100), false, 50)).toMatchObject({ type: "refuse", memory: true });
  });

  test("[CH1] what was sent already is cut off, what is not next is not sent", () => {
    const stream = follow(1, 100);
    expect(offer(stream, span(50, 100), false, 1e9)).toMatchObject({ type: "send", skip: 50, next: { sent: 150 } });
    expect(offer(stream, span(0, 100), false, 1e9)).toEqual({ type: "skip" });
    expect(offer(stream, span(101, 5), false, 1e9)).toEqual({ type: "skip" });
    expect(offer(stream, { ...span(100, 5), epoch: 2 }, false, 1e9)).toEqual({ type: "skip" });
  });

  test("[VW4] a starved viewer that confirmed all waits for a screen behind what it has", () => {
    const starved = { type: "starved", epoch: 1, sent: 900, acked: 100, screen: undefined } as const;
    expect(acknowledged(starved, 1, 500)).toMatchObject({ type: "starved", acked: 500 });
    expect(acknowledged(starved, 1, 10_000)).toEqual({ type: "awaiting", missing: { epoch: 1, offset: 900 } });
    expect(acknowledged(starved, 2, 900)).toBe(starved);
    expect(owed(starved)).toBe(800);
  });

  test("[VW4] a viewer that starves goes on owing a screen it has not confirmed", () => {
    const shown: Following = { ...follow(1, 100), screen: { bytes: 5000, at: 100 } };
    const refused = offer(shown, span(100, 50), false, 10);
    expect(refused).toMatchObject({ type: "refuse", next: { type: "starved" }, memory: true });
    const starved = refused.type === "refuse" ? refused.next : shown;
    expect(owed(starved)).toBe(5000);
    expect(acknowledged(starved, 1, 99)).toMatchObject({ type: "starved" });
    expect(acknowledged(starved, 1, 100)).toEqual({ type: "awaiting", missing: { epoch: 1, offset: 100 } });
  });

  test("[VW4] after a wake the viewer's own word is where it goes on", () => {
    expect(acknowledged({ type: "resuming", epoch: 1 }, 1, 77)).toMatchObject({ type: "following", sent: 77, acked: 77 });
    expect(acknowledged({ type: "resuming", epoch: 1 }, 2, 77)).toEqual({ type: "awaiting", missing: undefined });
  });

  test("[CH4] a viewer behind the live stream asks for one stretch at a time, within its credit", () => {
    const behind = follow(1, 0);
    const due = replayDue(behind, 1_000_000, 1e9);
    expect(due).toMatchObject({ from: 0, to: 256 * KiB });
    expect(typeof due === "object" && replayDue(due.next, 1_000_000, 1e9)).toBeUndefined();
    expect(replayDue({ ...behind, sent: 500 * KiB }, 1_000_000, 1e9)).toBeUndefined();
    expect(replayDue(follow(1, 1_000_000), 1_000_000, 1e9)).toBeUndefined();
    expect(replayDue(behind, 1_000_000, 10)).toBe("no-room");
  });

  test("[CH5] a gap takes the screen from those only who still wanted what is gone", () => {
    const gap = { epoch: 1, from: 100, to: 200 };
    expect(afterGap(follow(1, 150), gap)).toEqual({ type: "awaiting", missing: { epoch: 1, offset: 150 } });
    expect(afterGap(follow(1, 200), gap)).toMatchObject({ type: "following" });
    expect(afterGap(follow(2, 150), gap)).toMatchObject({ type: "following" });
  });
});

test("[EV2] which news of a session are worth an event", () => {
  const session = {
    id: "ses_1",
    name: "n",
    backend: "pty",
    title: "",
    cwd: "/",
    command: "sh",
    cols: 80,
    rows: 24,
    createdMs: 0,
    lastActivityMs: 0,
    epoch: 1,
  } as const;
  expect(sessionChange(undefined, session)).toBe("created");
  expect(sessionChange(session, { ...session, lastActivityMs: 9 })).toBe("activity");
  expect(sessionChange(session, { ...session, title: "t" })).toBe("updated");
  expect(sessionChange(session, { ...session, end: { reason: "exited", code: 0, atMs: 1 } })).toBe("ended");
});
