import { describe, expect, test } from "vitest";
import { targetStatus, taskStatus } from "./status.ts";
import { anywhere, BoardRig, ofAgent, TIMES } from "./testing/board-rig.ts";
import { waitingOf } from "./waiting.ts";

const sceneOf = (rig: BoardRig) => ({
  hosts: rig.board.hosts,
  lineup: rig.board.lineup,
  nowMs: rig.nowMs,
  leaseMs: TIMES.leaseMs,
  lostMs: TIMES.lostMs,
});

describe("whose turn it is", () => {
  test("goes by priority, then by age", () => {
    const rig = new BoardRig();
    rig.task("late", { priority: 4 });
    rig.task("first");
    rig.task("second");
    rig.task("urgent", { priority: 1 });
    rig.host("a", { maxConcurrent: 3 });
    expect(rig.offered()).toEqual(["urgent", "first", "second"]);
  });

  test("goes round among credentials, and among labels within one", () => {
    const rig = new BoardRig();
    for (const n of [1, 2, 3]) rig.task(`ada${n}`);
    rig.task("bob1", { credential: "bob", lane: "x" });
    rig.task("bob2", { credential: "bob", lane: "x" });
    rig.task("bob3", { credential: "bob", lane: "y" });
    rig.host("a", { maxConcurrent: 6 });
    expect(rig.offered()).toEqual(["ada1", "bob1", "ada2", "bob3", "ada3", "bob2"]);
  });

  test("comes for everybody: now and then it is that of who waited longest", () => {
    const rig = new BoardRig();
    rig.host("a");
    const busy = rig.task("busy", { priority: 1 });
    rig.run(busy);
    rig.task("patient", { priority: 5 });
    rig.later(61_000);
    let running = busy;
    for (let n = 0; n < 20 && !rig.offered().includes("patient"); n++) {
      const next = rig.task(`urgent${n}`, { priority: 1 });
      rig.end(running);
      if (rig.offered().includes("patient")) break;
      rig.run(next);
      running = next;
    }
    expect(rig.offered()).toContain("patient");
    expect(rig.offered().length).toBeLessThan(12);
  });

  test("is not that of who just became ready when others wait", () => {
    const rig = new BoardRig();
    rig.host("a");
    const first = rig.task("first");
    rig.run(first);
    rig.task("then", { priority: 5, dependsOn: [{ task: "first", key: "first", on: "success" }] });
    rig.task("urgent", { priority: 1 });
    rig.end(first);
    expect(rig.offered()).toEqual(["first", "urgent"]);
  });
});

describe("how many run", () => {
  test("is bounded per host, per agent and per group, and why one waits is said", () => {
    const rig = new BoardRig();
    rig.host("a", { maxConcurrent: 2 });
    rig.host("b", { maxConcurrent: 2 });
    const first = rig.task("first", { targets: [ofAgent("agt", "a")], group: { name: "g", limit: 2 } });
    const second = rig.task("second", { targets: [ofAgent("agt", "a")] });
    const why = (task: typeof first) => waitingOf(task, task.targets[0] ?? anywhere(), sceneOf(rig))?.code;
    expect([why(first), why(second)]).toEqual(["offered", "agent_busy"]);
    rig.run(first);
    expect(why(first)).toBeUndefined();
    rig.run(rig.task("third", { group: { name: "g", limit: 2 } }));
    const fourth = rig.task("fourth", { group: { name: "g", limit: 2 } });
    expect(why(fourth)).toBe("group_busy");
    for (const key of ["x", "y"]) rig.run(rig.task(key));
    const fifth = rig.task("fifth");
    expect(why(fifth)).toBe("host_busy");
    rig.end(first);
    // The agent's next one is older than what waits for any place.
    expect(rig.offered().at(-1)).toBe("second");
    expect(why(fourth)).toBe("host_busy");
  });

  test("spreads over hosts that suit, and waits for one that does", () => {
    const rig = new BoardRig();
    rig.host("a", { maxConcurrent: 2 });
    rig.host("b", { maxConcurrent: 2, labels: { zone: "eu" }, capabilities: ["gpu"], types: ["claude"] });
    for (const key of ["one", "two"]) rig.task(key);
    expect(rig.offers.map(({ attempt }) => attempt.host.id).sort()).toEqual(["a", "b"]);
    rig.task("eu", { targets: [anywhere({ labels: { zone: "eu" }, capabilities: ["gpu", "claude"] })] });
    expect(rig.offers.at(-1)?.attempt.host.id).toBe("b");
    const nowhere = rig.task("nowhere", { targets: [anywhere({ labels: { zone: "us" } })] });
    expect(waitingOf(nowhere, nowhere.targets[0] ?? anywhere(), sceneOf(rig))).toMatchObject({
      code: "no_capable_host",
      detail: "No host is labelled zone=us.",
    });
    rig.host("c", { labels: { zone: "us" } });
    expect(rig.offers.at(-1)).toMatchObject({ task: "nowhere", attempt: { host: { id: "c" } } });
  });

  test("[VR2] what a host would leave out is not given to it: another one gets it, or it waits and says what is to be upgraded", () => {
    const rig = new BoardRig();
    rig.host("old", { maxConcurrent: 9, capabilities: ["task:images"] });
    const any = rig.task("any", { targets: [{ ...anywhere(), needs: ["images", "container", "program"] }] });
    const agents = rig.task("agents", { targets: [{ ...ofAgent("rev", "old"), needs: ["program"] }] });
    expect(rig.offers).toEqual([]);
    for (const [task, what] of [
      [any, "'container', 'program'"],
      [agents, "'program'"],
    ] as const)
      expect(waitingOf(task, task.targets[0] ?? anywhere(), sceneOf(rig))).toMatchObject({
        code: "no_capable_host",
        detail: `Host 'old': the host-agent there is of a version that does not know ${what}; upgrade it.`,
      });
    rig.host("new", { capabilities: ["task:images", "task:container", "task:program"] });
    expect(rig.offers).toMatchObject([{ task: "any", attempt: { host: { id: "new" } } }]);
    rig.host("old", { link: "old-2", capabilities: ["task:program"] });
    expect(rig.offers.at(-1)).toMatchObject({ task: "agents", attempt: { host: { id: "old" } } });
  });

  test("[VR2] of a remote host, what is to be upgraded is the host-agent that reaches it", () => {
    const rig = new BoardRig();
    rig.host("gpu", { capabilities: ["remote"] });
    const task = rig.task("any", { targets: [{ ...anywhere(), needs: ["images"] }] });
    const why = () => waitingOf(task, task.targets[0] ?? anywhere(), sceneOf(rig))?.detail;
    expect(why()).toBe("Host 'gpu': the host-agent that reaches it is of a version that does not know 'images'; upgrade that one.");
    rig.host("tpu", { capabilities: ["remote"] });
    expect(why()).toBe(
      "Hosts 'gpu', 'tpu': the host-agent that reaches them is of a version that does not know 'images'; upgrade that one.",
    );
    rig.host("old");
    expect(why()).toBe(
      "Hosts 'gpu', 'tpu', 'old': the host-agent there, or the one that reaches it, is of a version that does not know 'images'; upgrade it.",
    );
  });

  test("[VR2] of several hosts, all that any of them does not know is named", () => {
    const rig = new BoardRig();
    rig.host("a", { capabilities: ["task:images", "task:program"] });
    rig.host("b", { capabilities: ["task:container", "task:program"] });
    const task = rig.task("any", { targets: [{ ...anywhere(), needs: ["images", "container", "program"] }] });
    expect(waitingOf(task, task.targets[0] ?? anywhere(), sceneOf(rig))?.detail).toBe(
      "Hosts 'a', 'b': the host-agent there is of a version that does not know 'images', 'container'; upgrade it.",
    );
  });

  test("a host that drains takes nothing; one that has not named what it has neither", () => {
    const rig = new BoardRig();
    rig.host("a", { draining: true });
    const task = rig.task("task");
    const why = () => waitingOf(task, task.targets[0] ?? anywhere(), sceneOf(rig))?.code;
    expect(why()).toBe("host_draining");
    rig.board.hostChanged("a", { draining: false }, rig.nowMs);
    expect(rig.offered()).toEqual(["task"]);
    const other = new BoardRig();
    other.board.hostUp(
      { id: "a", name: "a", link: "l", maxConcurrent: 1, draining: false, capabilities: [], types: [], labels: {} },
      other.nowMs,
    );
    other.task("task");
    expect(other.offered()).toEqual([]);
  });
});

describe("[TK1] two phases", () => {
  test("nothing is written before a start; a start that was never sent goes back to the queue", () => {
    const rig = new BoardRig();
    rig.host("a");
    const task = rig.task("task");
    const saved = rig.saves;
    const [offer] = rig.offers;
    const id = offer?.attempt.id ?? "";
    expect(rig.saves).toBe(saved);
    rig.board.offerAnswered(id, { ok: true, value: { answer: "accepted" } }, rig.nowMs);
    expect(rig.saves).toBe(saved + 1);
    expect(rig.starts).toMatchObject([{ again: false }]);
    const gone = { ok: false, error: { code: "host_unreachable", detail: "" }, neverSent: true } as const;
    rig.board.startAnswered(id, gone, false, rig.nowMs);
    expect(taskStatus(task, sceneOf(rig))).toBe("queued");
    rig.later(10_000);
    expect(rig.offers.at(-1)?.attempt).toMatchObject({ n: 1, fence: 2 });
  });

  test("a host without a link is not asked by everybody in turn, and again once it has named what it has on a new one", () => {
    const rig = new BoardRig();
    rig.host("a", { maxConcurrent: 2 });
    for (let n = 0; n < 50; n++) rig.task(`task-${n}`);
    expect(rig.offers).toHaveLength(2);
    const gone = { ok: false, error: { code: "host_unreachable", detail: "" }, neverSent: true } as const;
    let answered = 0;
    const answer = () => {
      for (; answered < rig.offers.length; answered++) rig.board.offerAnswered(rig.offers[answered]?.attempt.id ?? "", gone, rig.nowMs);
    };
    answer();
    expect(rig.offers).toHaveLength(2);
    for (let n = 0; n < 10; n++) {
      rig.later(1_000);
      answer();
    }
    expect(rig.offers.length).toBeGreaterThan(2);
    expect(rig.offers.length).toBeLessThanOrEqual(2 + 2 * 10);
    rig.board.hostDown("a", "a-1", rig.nowMs, rig.nowMs);
    const before = rig.offers.length;
    rig.host("a", { maxConcurrent: 2, link: "a-2" });
    expect(rig.offers).toHaveLength(before + 2);
  });

  test("a start without an answer is unknown and asked again, at the same host only", () => {
    const rig = new BoardRig();
    rig.host("a");
    rig.host("b");
    const task = rig.task("task");
    const id = rig.offers[0]?.attempt.id ?? "";
    rig.board.offerAnswered(id, { ok: true, value: { answer: "accepted" } }, rig.nowMs);
    rig.board.startAnswered(id, { ok: false, error: { code: "timeout", detail: "" } }, false, rig.nowMs);
    for (let n = 0; n < 4; n++) rig.later(TIMES.offerMs);
    expect(rig.starts.map(({ attempt, again }) => [attempt.id, again])).toEqual([
      [id, false],
      ...Array.from({ length: 4 }, () => [id, true]),
    ]);
    expect(taskStatus(task, sceneOf(rig))).toBe("unknown");
    expect(rig.offered()).toEqual(["task"]);
  });

  test("what is cancelled before its start has arrived is never started", () => {
    const rig = new BoardRig();
    rig.host("a");
    const task = rig.task("task");
    const { attempt } = rig.offers.at(-1) ?? {};
    if (attempt === undefined) throw new Error("nothing was offered");
    rig.board.offerAnswered(attempt.id, { ok: true, value: { answer: "accepted" } }, rig.nowMs);
    rig.board.hostDown("a", "a-1", rig.nowMs, rig.nowMs);
    rig.board.cancel(task, "ada", "", rig.nowMs);
    const asked = rig.starts.length;
    const accepted = { attempt: attempt.id, fence: attempt.fence, status: { state: "accepted" } } as const;
    rig.board.hostUp(
      { id: "a", name: "a", link: "a-2", maxConcurrent: 1, draining: false, capabilities: [], types: [], labels: {} },
      rig.nowMs,
    );
    rig.board.hostAttempts("a", "a-2", [accepted], true, false, rig.nowMs);
    rig.board.report("a", accepted, rig.nowMs);
    expect(rig.starts).toHaveLength(asked);
    expect(rig.cancels.at(-1)).toEqual({ attempt: attempt.id, why: "cancelled" });
  });

  test("a host that refuses an offer is named in the reason: no attempt tells which one it was", () => {
    const rig = new BoardRig();
    rig.host("a");
    const task = rig.task("task");
    const refused = { answer: "refused", reason: { code: "policy_denied", detail: "Not here." } } as const;
    rig.board.offerAnswered(rig.offers[0]?.attempt.id ?? "", { ok: true, value: refused }, rig.nowMs);
    expect(task.targets[0]?.phase).toMatchObject({
      at: "ended",
      outcome: "failed",
      reason: { code: "policy_denied", detail: "Host 'a' refused it: Not here." },
    });
  });

  test("what the host refuses to start is the reason it failed with", () => {
    const rig = new BoardRig();
    rig.host("a");
    const task = rig.task("task");
    const id = rig.offers[0]?.attempt.id ?? "";
    rig.board.offerAnswered(id, { ok: true, value: { answer: "accepted" } }, rig.nowMs);
    rig.board.startAnswered(id, { ok: false, error: { code: "path_outside_roots", detail: "no" } }, false, rig.nowMs);
    expect(task.targets[0]?.phase).toMatchObject({ at: "ended", outcome: "failed", reason: { code: "policy_denied", detail: "no" } });
  });
});

describe("a task for several agents", () => {
  test("is completed when all are; otherwise the first in order that is not speaks for it", () => {
    const rig = new BoardRig();
    rig.host("a", { maxConcurrent: 3 });
    const task = rig.task("task", { targets: [ofAgent("x", "a"), ofAgent("y", "a"), ofAgent("z", "a")] });
    expect(rig.offers.map(({ target, attempt }) => [target, attempt.fence])).toEqual([
      [0, 1],
      [1, 2],
      [2, 3],
    ]);
    for (const { attempt, target } of [...rig.offers]) {
      rig.board.offerAnswered(attempt.id, { ok: true, value: { answer: "accepted" } }, rig.nowMs);
      const exitCode = target === 1 ? 4 : 0;
      const end = { outcome: exitCode === 0 ? "completed" : "failed", exitCode, endedMs: 1 } as const;
      expect(taskStatus(task, sceneOf(rig))).not.toBe("completed");
      rig.board.report("a", { attempt: attempt.id, fence: attempt.fence, status: { state: "ended", end } }, rig.nowMs);
    }
    expect(task.targets.map((target) => targetStatus(task, target, sceneOf(rig)))).toEqual(["completed", "failed", "completed"]);
    expect(taskStatus(task, sceneOf(rig))).toBe("failed");
    expect(rig.ended).toEqual([task]);
  });
});

describe("trying again", () => {
  test("happens for transient reasons and those that were named, as often as was said, under a new fence", () => {
    const rig = new BoardRig();
    rig.host("a");
    const task = rig.task("task", { retries: 2, retryOn: ["exit_nonzero"] });
    for (const [code, fence] of [
      ["runner_died", 1],
      ["exit_nonzero", 2],
    ] as const) {
      expect(rig.run(task).fence).toBe(fence);
      rig.end(task, 1, code);
      expect(waitingOf(task, task.targets[0] ?? anywhere(), sceneOf(rig))?.code).toBe("backoff");
      rig.later(20_000);
    }
    rig.run(task);
    rig.end(task, 1);
    expect(rig.ended).toEqual([task]);
    expect(task.targets[0]?.past.map(({ n }) => n)).toEqual([1, 2, 3]);
    const other = rig.task("other", { retries: 2 });
    rig.run(other);
    rig.end(other, 1);
    expect(rig.ended).toContain(other);
  });

  test("[TK2] a lost one is not tried again unless it may run twice", () => {
    const rig = new BoardRig();
    rig.host("a", { maxConcurrent: 2 });
    const once = rig.task("once", { retries: 5 });
    const twice = rig.task("twice", { idempotent: true, onLost: "retry" });
    rig.run(once);
    rig.run(twice);
    const seenMs = rig.nowMs;
    rig.board.hostDown("a", "a-1", seenMs, rig.nowMs);
    rig.later(TIMES.lostMs - 1);
    rig.board.hostSeen("a", seenMs, false, rig.nowMs);
    expect(rig.ended).toEqual([]);
    rig.later(1);
    expect(rig.looks.length).toBeGreaterThan(0);
    rig.board.hostSeen("a", seenMs, false, rig.nowMs);
    expect(rig.ended).toEqual([once]);
    expect(taskStatus(twice, sceneOf(rig))).toBe("queued");
  });
});

test("[SKILL38] an enrolled host that has not connected yet is offline; one that does not suit is not", () => {
  const rig = new BoardRig();
  rig.host("a");
  const waiting = (selector: { host: string; labels?: Record<string, string> }) => {
    const task = rig.task(JSON.stringify(selector), { targets: [anywhere(selector)] });
    return waitingOf(task, task.targets[0] ?? anywhere(), sceneOf(rig));
  };
  expect(waiting({ host: "never" })).toMatchObject({ code: "host_offline", detail: expect.stringContaining("'never'") });
  expect(waiting({ host: "a", labels: { zone: "us" } })?.code).toBe("no_capable_host");
});

describe("[TK3] [LK2] a host that says it does not have what runs there", () => {
  const NONE = { ok: false, error: { code: "attempt_not_found", detail: "no such attempt" } } as const;
  /** A link on which nothing is named, as a copy of the host brings it. */
  const denied = () => {
    const rig = new BoardRig();
    rig.host("a");
    const task = rig.task("task", { timeoutMs: 3_600_000 });
    const { id, fence } = rig.run(task);
    rig.host("a", { link: "a-2" });
    expect(rig.starts.at(-1)).toMatchObject({ attempt: { id }, again: true });
    rig.board.startAnswered(id, NONE, true, rig.nowMs);
    return { rig, task, id, fence };
  };

  test("may be a copy of it: nothing is lost before the other had a lease to show itself, and it goes on there", () => {
    const { rig, task, id, fence } = denied();
    expect(taskStatus(task, sceneOf(rig))).toBe("unknown");
    expect(waitingOf(task, task.targets[0] ?? anywhere(), sceneOf(rig))).toMatchObject({ code: "host_unreachable" });
    // Both are shut out, and the right one is let in again.
    rig.board.hostDown("a", "a-2", rig.nowMs, rig.nowMs);
    rig.later(TIMES.lostMs - 1);
    rig.board.hostUp(
      { id: "a", name: "a", link: "a-3", maxConcurrent: 1, draining: false, capabilities: [], types: [], labels: {} },
      rig.nowMs,
    );
    const status = { state: "running", startedMs: 1, pid: 1, workspace: "/w", logBytes: 0 } as const;
    rig.board.hostAttempts("a", "a-3", [{ attempt: id, fence, status }], true, false, rig.nowMs);
    expect(taskStatus(task, sceneOf(rig))).toBe("running");
    // Another time is another lease.
    rig.host("a", { link: "a-4" });
    rig.board.startAnswered(id, NONE, true, rig.nowMs);
    expect(rig.ended).toEqual([]);
    rig.board.hostAttempts("a", "a-4", [{ attempt: id, fence, status }], true, false, rig.nowMs);
    rig.end(task);
    expect(taskStatus(task, sceneOf(rig))).toBe("completed");
  });

  test("is asked again until a lease is over, and then it is lost", () => {
    const { rig, task, id } = denied();
    const asked = rig.starts.length;
    for (let ms = 0; ms < TIMES.leaseMs; ms += TIMES.offerMs) {
      expect(rig.ended).toEqual([]);
      rig.later(TIMES.offerMs);
      rig.board.startAnswered(id, NONE, true, rig.nowMs);
    }
    expect(rig.starts.length - asked).toBe(TIMES.leaseMs / TIMES.offerMs);
    expect(task.targets[0]?.phase).toMatchObject({
      at: "ended",
      outcome: "lost",
      reason: { code: "host_lost", detail: "Host 'a' does not have it." },
    });
  });

  test("and redials before a lease is over, again and again, is believed once it could be taken for lost", () => {
    const { rig, task, id } = denied();
    for (let link = 3; rig.ended.length === 0 && link < 100; link++) {
      expect(taskStatus(task, sceneOf(rig))).toBe("unknown");
      rig.later(TIMES.leaseMs - 1);
      rig.host("a", { link: `a-${link}` });
      rig.board.startAnswered(id, NONE, true, rig.nowMs);
    }
    expect(task.targets[0]?.phase).toMatchObject({ at: "ended", outcome: "lost", reason: { code: "host_lost" } });
  });

  test("is asked to end it again as well, on another link for as long again", () => {
    const { rig, task, id } = denied();
    rig.board.hostDown("a", "a-2", rig.nowMs, rig.nowMs);
    rig.later(TIMES.leaseMs);
    rig.board.cancel(task, "ada", "", rig.nowMs);
    rig.host("a", { link: "a-3" });
    rig.board.cancelAnswered(id, NONE, rig.nowMs);
    expect(taskStatus(task, sceneOf(rig))).toBe("cancelling");
    rig.later(TIMES.leaseMs);
    expect(rig.cancels.length).toBeGreaterThan(1);
    rig.board.cancelAnswered(id, NONE, rig.nowMs);
    expect(task.targets[0]?.phase).toMatchObject({ outcome: "lost", reason: { code: "host_lost" } });
  });
});

describe("a host whose link is about to lead elsewhere", () => {
  test("is given nothing for a moment where nothing runs there, so that nothing is lost with it", () => {
    const rig = new BoardRig();
    rig.host("a");
    expect(rig.board.hold("a", 10_000, rig.nowMs)).toEqual([]);
    rig.task("x");
    expect(rig.offered()).toEqual([]);
    rig.later(9_000);
    expect(rig.offered()).toEqual([]);
    rig.later(1_000);
    expect(rig.offered()).toEqual(["x"]);
  });

  test("a new link ends that", () => {
    const rig = new BoardRig();
    rig.host("a");
    rig.board.hold("a", 10_000, rig.nowMs);
    rig.task("x");
    rig.host("a", { link: "a-2" });
    expect(rig.offered()).toEqual(["x"]);
  });

  test("what was offered or runs there is named, and nothing is held", () => {
    const rig = new BoardRig();
    rig.host("a", { maxConcurrent: 3 });
    rig.host("b");
    rig.run(rig.task("runs", { targets: [ofAgent("one", "a")] }));
    rig.task("offered", { targets: [ofAgent("two", "a")] });
    rig.run(rig.task("elsewhere", { targets: [ofAgent("three", "b")] }));
    expect(rig.board.hold("a", 10_000, rig.nowMs)).toMatchObject([{ task: "runs" }, { task: "offered" }]);
    rig.task("next", { targets: [ofAgent("four", "a")] });
    expect(rig.offered()).toContain("next");
  });
});

describe("[TK2] a control plane that was away", () => {
  const HOUR = 3_600_000;
  const running = (onLost: "wait" | "fail") => {
    const rig = new BoardRig();
    rig.host("a");
    const task = rig.task("task", { onLost, timeoutMs: 24 * HOUR });
    rig.run(task);
    return { rig, task, seenMs: rig.nowMs };
  };
  const look = (rig: BoardRig, seenMs: number, ms: number): void => {
    rig.later(ms);
    rig.board.hostSeen("a", seenMs, false, rig.nowMs);
  };

  test.each(["wait", "fail"] as const)("gives hosts a lease to come back, and then their silence counts (onLost: %s)", (onLost) => {
    const { rig, task, seenMs } = running(onLost);
    rig.nowMs += HOUR;
    rig.board.unheard(HOUR - TIMES.leaseMs, rig.nowMs);
    look(rig, seenMs, 0);
    expect(taskStatus(task, sceneOf(rig))).toBe("running");
    look(rig, seenMs, TIMES.leaseMs - 1);
    expect(taskStatus(task, sceneOf(rig))).toBe("running");
    look(rig, seenMs, 1);
    expect(taskStatus(task, sceneOf(rig))).toBe(onLost === "fail" ? "lost" : "unknown");
    look(rig, seenMs, TIMES.lostMs - TIMES.leaseMs);
    expect(rig.ended).toEqual([task]);
  });

  test("counts on what a host was silent before", () => {
    const { rig, task, seenMs } = running("wait");
    rig.board.hostDown("a", "a-1", seenMs, rig.nowMs);
    rig.later(TIMES.lostMs - 1_000);
    rig.board.unheard(0, rig.nowMs);
    look(rig, seenMs, TIMES.leaseMs);
    expect(rig.ended).toEqual([]);
    look(rig, seenMs, 1_000);
    expect(rig.ended).toEqual([task]);
  });

  test("for less than an alarm: a link that went with the process, and that nobody told of, is silent from when it is found", () => {
    const { rig, task, seenMs } = running("fail");
    look(rig, seenMs, TIMES.leaseMs);
    expect(taskStatus(task, sceneOf(rig))).toBe("running");
    for (let n = 0; n < 4; n++) look(rig, seenMs, TIMES.leaseMs / 4);
    expect(taskStatus(task, sceneOf(rig))).toBe("lost");
    const told = running("fail");
    const heard = running("fail");
    told.rig.later(TIMES.leaseMs);
    told.rig.board.hostDown("a", "a-1", told.seenMs, told.rig.nowMs);
    look(told.rig, told.seenMs, 0);
    expect(taskStatus(told.task, sceneOf(told.rig))).toBe("running");
    // One that was listened to all the while is another matter: its silence is its own.
    heard.rig.later(TIMES.leaseMs);
    heard.rig.board.hostDown("a", "a-1", heard.seenMs, heard.rig.nowMs, true);
    look(heard.rig, heard.seenMs, 0);
    expect(taskStatus(heard.task, sceneOf(heard.rig))).toBe("lost");
  });
});

test("what is not started in time is timed out, and says so", () => {
  const rig = new BoardRig();
  const task = rig.task("task", { scheduleTimeoutMs: 5_000 });
  rig.later(4_000);
  expect(rig.ended).toEqual([]);
  rig.later(1_001);
  expect(task.targets[0]?.phase).toMatchObject({ outcome: "timed_out", reason: { code: "schedule_timeout" } });
});

test("a host that is removed takes with it what runs there and what only it could do", () => {
  const rig = new BoardRig();
  rig.host("a");
  const runs = rig.task("runs", { targets: [ofAgent("x", "a")] });
  const waits = rig.task("waits", { targets: [ofAgent("x", "a")] });
  const free = rig.task("free");
  rig.run(runs);
  rig.board.hostRemoved("a", rig.nowMs);
  expect(runs.targets[0]?.phase).toMatchObject({ outcome: "lost", reason: { code: "host_lost" } });
  expect(waits.targets[0]?.phase).toMatchObject({ outcome: "failed", reason: { code: "no_capable_host" } });
  expect(taskStatus(free, sceneOf(rig))).toBe("queued");
});
