/** [F2] What each state on disk means: every combination of what a crash may leave. */
import { describe, expect, test } from "vitest";
import type { AttemptFiles, Exit } from "./attempt-files.ts";
import { cpuOf, parseStarted } from "./attempt-files.ts";
import { decideEnd, judge, TORN_AFTER_MS, type EndFacts } from "./attempt-state.ts";
import { boundReport } from "./bound-report.ts";
import { specOf } from "./testing/task-host.ts";

const NOW = { bootId: "boot", wallMs: 1_000_000 };
const spec = specOf(["true"], { attempt: "att_1" });
const exit: Exit = { status: 3, signal: 0, why: "exit", oom: 0, cpu: "0m1.50s 0m0.25s", peakMemoryBytes: 5, wallMs: 7, atMs: 9 };

const CHOICES = {
  intent: [undefined, { version: 1, attempt: "att_1", fence: 1, acceptedMs: 1, bootId: "boot" }],
  spec: [undefined, spec],
  launch: [undefined, "boot", "old boot"],
  started: [undefined, "boot", "old boot", "torn", "torn long ago"],
  alive: [false, true],
  exit: [undefined, exit],
  end: [undefined, { outcome: "completed", exitCode: 0, endedMs: 1 }],
} as const;

function* everyState(): Generator<AttemptFiles> {
  for (const intent of CHOICES.intent)
    for (const known of CHOICES.spec)
      for (const launch of CHOICES.launch)
        for (const started of CHOICES.started)
          for (const alive of CHOICES.alive)
            for (const left of CHOICES.exit)
              for (const end of CHOICES.end)
                yield {
                  intent,
                  spec: known,
                  launch: launch === undefined ? undefined : { bootId: launch, workspace: "/w", kind: "default", adapter: "shell" },
                  started:
                    started === undefined
                      ? undefined
                      : started === "torn"
                        ? { type: "torn", atMs: NOW.wallMs - 5 }
                        : started === "torn long ago"
                          ? { type: "torn", atMs: NOW.wallMs - TORN_AFTER_MS }
                          : { type: "named", runner: { pid: 9, started: "1", bootId: started }, atMs: 1 },
                  alive,
                  exit: left,
                  cancel: undefined,
                  end,
                  acked: false,
                  shipped: false,
                };
}

test("[F2] each of the states on disk has one meaning, and none lets a thing run twice", () => {
  let seen = 0;
  for (const files of everyState()) {
    seen += 1;
    const { type } = judge(files, NOW);
    const { intent, launch, started } = files;
    // Nothing promised: as if never offered.
    expect(type === "void").toBe(intent === undefined || files.spec === undefined);
    if (type === "void") continue;
    // What is decided stays decided, and what the runner left is believed before anything else.
    if (files.end !== undefined) expect(type).toBe("ended");
    else if (files.exit !== undefined) expect(type).toBe("exited");
    // Only what certainly never began may begin.
    if (type === "accepted") {
      expect(started).toBeUndefined();
      expect(launch?.bootId ?? NOW.bootId).toBe(NOW.bootId);
    }
    if (type === "running") expect(files.alive && started?.type === "named" && started.runner.bootId === NOW.bootId).toBe(true);
    if (type === "starting") expect(started?.type).toBe("torn");
  }
  expect(seen).toBe(2 * 2 * 3 * 5 * 2 * 2 * 2);
});

test.each([
  ["a clock that went back", { type: "torn", atMs: NOW.wallMs + 60_000 }, { type: "died", why: "runner_died" }],
  ["a moment ago", { type: "torn", atMs: NOW.wallMs }, { type: "starting", sinceMs: NOW.wallMs }],
] as const)("[F23] a torn beginning, %s", (_, started, standing) => {
  const [files] = [...everyState()].filter(
    ({ intent, spec, launch, exit, end }) => intent && spec && launch?.bootId === "boot" && !exit && !end,
  );
  if (files === undefined) throw new Error("no such state");
  expect(judge({ ...files, started }, NOW)).toEqual(standing);
});

test("what the runner says of itself is read whole or not at all", () => {
  expect(parseStarted("12 345 boot-id\n", 7)).toEqual({ type: "named", runner: { pid: 12, started: "345", bootId: "boot-id" }, atMs: 7 });
  expect(parseStarted("12 Sat Nov 28 15:00:00 2026 b\n", 7)).toMatchObject({ runner: { started: "Sat Nov 28 15:00:00 2026" } });
  for (const torn of ["", "12", "12 345 boot-i", "12 b\n", "x 345 b\n"]) expect(parseStarted(torn, 7)).toEqual({ type: "torn", atMs: 7 });
  expect(cpuOf("0m1.50s 0m0.25s")).toBe(1750);
  expect(cpuOf("1m0.000s 0m0.000s")).toBe(60_000);
  expect(cpuOf("nonsense")).toBe(0);
});

describe("the end", () => {
  const facts = (more: Partial<EndFacts> = {}, exited: Partial<Exit> = {}): EndFacts => ({
    last: { type: "exited", exit: { ...exit, ...exited } },
    cancel: undefined,
    outcome: {},
    usage: undefined,
    log: { bytes: 1, sha256: "0".repeat(64) },
    branch: undefined,
    startedMs: 1,
    endedMs: 9,
    limits: { timeoutMs: 2_000, heartbeatTimeoutMs: 3_000, logLimitBytes: 5 },
    ...more,
  });
  const said = { code: "permission_denied", detail: "no" } as const;
  const cancel = (why: "cancelled" | "timeout" | "heartbeat_timeout" | "superseded" | "log_limit") => ({ why, atMs: 1, graceMs: 1 });

  test.each([
    ["success", facts({}, { status: 0 }), "completed", undefined, 0],
    ["a code", facts(), "failed", "exit_nonzero", 3],
    ["a signal", facts({}, { status: 137, signal: 9 }), "failed", "killed_by_signal", null],
    ["memory", facts({}, { status: 137, signal: 9, oom: 1 }), "failed", "oom_killed", null],
    ["memory of a child that did no harm", facts({}, { status: 0, oom: 1 }), "completed", undefined, 0],
    [
      "what the agent says, although it exits with 0",
      facts({ outcome: { reason: said } }, { status: 0 }),
      "failed",
      "permission_denied",
      0,
    ],
    ["what the agent says, before its code", facts({ outcome: { reason: said } }), "failed", "permission_denied", 3],
    ["the runner's timeout", facts({}, { why: "timeout", status: 143, signal: 15 }), "timed_out", "timeout", null],
    ["the runner's lease", facts({}, { why: "fenced" }), "lost", "host_lost", 3],
    ["the runner's log limit", facts({}, { why: "log_limit" }), "failed", "log_limit", 3],
    ["a cancellation, whatever came of it", facts({ cancel: cancel("cancelled") }, { status: 0 }), "cancelled", "cancelled", 0],
    ["another attempt", facts({ cancel: cancel("superseded") }), "cancelled", "cancelled", 3],
    ["a timeout of the control plane", facts({ cancel: cancel("timeout") }), "timed_out", "timeout", 3],
    ["silence", facts({ cancel: cancel("heartbeat_timeout") }), "timed_out", "heartbeat_timeout", 3],
    ["a flood", facts({ cancel: cancel("log_limit") }), "failed", "log_limit", 3],
    ["a flood that was over before anybody looked", facts({ log: { bytes: 6, sha256: "" } }, { status: 0 }), "failed", "log_limit", 0],
    ["a killed runner", facts({ last: { type: "died", why: "runner_died" } }), "failed", "runner_died", null],
    [
      "a cancelled one whose runner died",
      facts({ last: { type: "died", why: "runner_died" }, cancel: cancel("cancelled") }),
      "cancelled",
      "cancelled",
      null,
    ],
    ["a reboot", facts({ last: { type: "died", why: "host_reboot" } }), "lost", "host_reboot", null],
  ] as const)("by %s", (_, given, outcome, reason, exitCode) => {
    const end = decideEnd(given);
    expect([end.outcome, end.reason?.code, end.exitCode]).toEqual([outcome, reason, exitCode]);
  });

  test("what it used comes from the exit and the samples, and from the agent's own account", () => {
    const usage = { uptimeCs: 1, cpuMs: 2_000, memoryBytes: 1, peakMemoryBytes: 9 };
    expect(decideEnd(facts({ usage, outcome: { usage: { inputTokens: 4 } } })).usage).toEqual({
      cpuMs: 2_000,
      peakMemoryBytes: 9,
      wallMs: 7,
      inputTokens: 4,
    });
  });

  test("[VR3] a result of any kind fits a control frame", () => {
    for (const text of ["x".repeat(100_000), "\u0001".repeat(30_000), "é".repeat(40_000)]) {
      const end = boundReport({ outcome: "completed", exitCode: 0, endedMs: 1, result: text });
      expect(Buffer.byteLength(JSON.stringify(end))).toBeLessThan(60_000);
      expect(end.resultTruncated).toBe(true);
      expect(text.startsWith(end.result ?? "?")).toBe(true);
    }
    const short = { outcome: "completed", exitCode: 0, endedMs: 1, result: "ok" } as const;
    expect(boundReport(short)).toBe(short);
  });
});
