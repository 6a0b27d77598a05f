/** [LG3] `maestro logs`, against a server whose connections break. */
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { LOG_HEADERS } from "@maestro/shared/contract/tasks";
import { formatGap, omittedMarker } from "@maestro/shared/log-marker";
import { FakeServer, json, refused, TOKEN, type Answer, type Asked } from "../testing/fake-server.ts";
import { ATTEMPT, fakeAttempt, fakeLog, fakeTarget, fakeTask, TASK } from "../testing/fake-task.ts";
import { problemOf, runCli, type RunOptions } from "../testing/run-cli.ts";
import { outputFile } from "./logs.ts";

let server: FakeServer;
let answer: (asked: Asked) => Answer | undefined;
let dir: string;
beforeEach(async () => {
  dir = mkdtempSync(path.join(tmpdir(), "mlogs-"));
  server = await FakeServer.open((asked) => answer(asked));
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});
const cli = (argv: readonly string[], { env = {}, ...options }: RunOptions = {}) =>
  runCli(["logs", ...argv], {
    ...options,
    env: { MAESTRO_URL: server.url, MAESTRO_TOKEN: TOKEN, MAESTRO_TIME_SCALE: "0.001", ...env },
  });
/** What was asked of logs, in order. */
const asked = () =>
  server.asked.filter(({ path: at }) => at.endsWith("/log")).map(({ path: at, query }) => `${at.split("/")[4] ?? ""}?${query.toString()}`);

const HOSTILE = "one\n\u001b]0;title\u0007two \u001b[31mred\u001b[0m\u202e\n";

describe("maestro logs", { timeout: 30_000 }, () => {
  test("prints lines without what a terminal would obey; colours at a terminal, unless NO_COLOR", async () => {
    answer = ({ path: at }) => (at.endsWith("/log") ? fakeLog(HOSTILE) : json(fakeTask()));
    expect(await cli([TASK])).toEqual({ code: 0, stdout: "one\ntwo red\n", stderr: "" });
    expect(await cli([TASK], { person: () => undefined })).toMatchObject({ stdout: "one\ntwo \u001b[31mred\u001b[0m\n\u001b[0m" });
    expect(await cli([TASK], { person: () => undefined, env: { NO_COLOR: "1" } })).toMatchObject({ stdout: "one\ntwo red\n" });
  });

  test("--raw prints the very bytes, --json a record per line with its offset", async () => {
    answer = ({ path: at }) => (at.endsWith("/log") ? fakeLog(HOSTILE, { start: 7 }) : json(fakeTask()));
    expect((await cli([TASK, "--raw"])).stdout).toBe(HOSTILE);
    const records = (await cli([TASK, "--json"])).stdout.trimEnd().split("\n");
    expect(records.map((line) => JSON.parse(line) as unknown)).toEqual([
      { offset: 7, line: "one" },
      { offset: 11, line: HOSTILE.split("\n")[1] },
    ]);
  });

  test("asks for what it was told: lines, offset, agent; an attempt by its own route", async () => {
    answer = ({ path: at }) => (at.endsWith("/log") ? fakeLog("x\n") : json(fakeTask()));
    await cli([TASK, "--tail", "3", "--agent", "reviewer"]);
    await cli([TASK, "--offset", "12"]);
    await cli([ATTEMPT]);
    expect(asked()).toEqual([`${TASK}?tailLines=3&agent=reviewer`, `${TASK}?offset=12`, `${ATTEMPT}?`]);
    expect(server.asked.at(-1)?.path).toBe(`/api/v1/attempts/${ATTEMPT}/log`);
  });

  describe("[LG2] of a task that has ended and whose log is still on its way", () => {
    /** Whole after so many looks. */
    const coming = (looks: number, log: object = { log: { bytes: 8, complete: true } }) => {
      let seen = 0;
      answer = ({ path: at }) => {
        if (!at.endsWith("/log")) return json(fakeTask({ attempts: [{ ...fakeAttempt, ...log }] }));
        return seen++ < looks ? fakeLog("one\n", { complete: false }) : fakeLog("one\ntwo\n");
      };
    };

    test("waits for it, so that a part is not taken for the whole", async () => {
      coming(2);
      expect(await cli([TASK])).toEqual({ code: 0, stdout: "one\ntwo\n", stderr: "" });
      coming(2);
      const file = path.join(dir, "x.log");
      expect(await cli([TASK, "--output", file])).toEqual({ code: 0, stdout: `${file}\n`, stderr: "" });
      expect(readFileSync(file, "utf8")).toBe("one\ntwo\n");
    });

    test("says so of one that does not come; where there is none to come, or it still runs, nothing is waited for", async () => {
      coming(Infinity);
      expect(await cli([TASK])).toMatchObject({ code: 0, stdout: "one\n", stderr: expect.stringContaining("not all of its log has come") });
      coming(Infinity, {});
      server.asked.length = 0;
      expect(await cli([TASK])).toEqual({ code: 0, stdout: "one\n", stderr: "" });
      answer = ({ path: at }) =>
        at.endsWith("/log") ? fakeLog("one\n", { complete: false }) : json(fakeTask({}, fakeTarget("reviewer", { status: "running" })));
      expect(await cli([TASK])).toEqual({ code: 0, stdout: "one\n", stderr: "" });
      expect(asked()).toEqual([`${TASK}?`, `${TASK}?`]);
    });
  });

  /** Three bytes per connection, which then breaks: what was read of them decides what is asked next. */
  const breaking = (all: string, { query }: Asked): Answer => {
    const start = Number(query.get("offset") ?? "0");
    const last = start + 3 >= all.length;
    return fakeLog(all.slice(start, start + 3), { start, bytes: all.length, complete: last, ...(last ? {} : { cut: true }) });
  };

  test("[LG3] a connection that breaks is taken up where it broke", async () => {
    answer = (one) => (one.path.endsWith("/log") ? breaking("abcdefghi", one) : json(fakeTask()));
    expect(await cli([ATTEMPT, "--raw"])).toMatchObject({ code: 0, stdout: "abcdefghi" });
    expect(asked().at(-1)).toBe(`${ATTEMPT}?offset=6`);
  });

  test("[LG2] what was left out of a long log is told, and a cut behind it goes on at the right byte", async () => {
    const gap = { from: 3, to: 1003 };
    const marked = `abc${omittedMarker(gap)}de`;
    answer = ({ query }) => {
      if (query.get("offset") === "1005") return fakeLog("fg", { start: 1005 });
      const first = fakeLog(marked, { bytes: 1007, cut: true });
      return { ...first, headers: { ...first.headers, [LOG_HEADERS.omitted]: formatGap(gap) } };
    };
    expect(await cli([ATTEMPT, "--raw"])).toMatchObject({ code: 0, stdout: `${marked}fg` });
  });

  test("[LG3] --follow goes on where a bounded answer ended, or broke, until the log is told to be whole", async () => {
    const told = ["abc", "", "de\n"];
    let away = 1;
    answer = (one) => {
      if (!one.path.endsWith("/log"))
        return json(fakeTask({}, fakeTarget("reviewer", { status: told.length > 0 ? "running" : "completed" })));
      if (told.length === 2 && away-- > 0) return refused(503, "internal");
      const start = Number(one.query.get("offset") ?? "0");
      return told.length > 0 ? fakeLog(told.shift() ?? "", { start, complete: false }) : breaking("abcde\nfghi\n", one);
    };
    const run = await cli([TASK, "--follow"]);
    expect(run).toMatchObject({ code: 0, stdout: "abcde\nfghi\n" });
    expect(asked().slice(0, 5)).toEqual([
      `${ATTEMPT}?follow=true`,
      `${ATTEMPT}?offset=3&follow=true`,
      `${ATTEMPT}?offset=3&follow=true`,
      `${ATTEMPT}?offset=3&follow=true`,
      `${ATTEMPT}?offset=6&follow=true`,
    ]);
  });

  test("of an attempt that ended without a log --follow ends as well", async () => {
    let looks = 0;
    answer = ({ path: at }) =>
      at.endsWith("/log")
        ? fakeLog("", { complete: false })
        : json(fakeTask({}, fakeTarget("reviewer", { status: looks++ === 0 ? "running" : "failed" })));
    expect(await cli([TASK, "--follow"])).toMatchObject({ code: 0, stdout: "" });
  });

  test("[LG3] --follow goes on where a bounded answer ended, until the log is told to be whole", async () => {
    const parts = [
      fakeLog("abc", { complete: false }),
      refused(503, "internal"),
      fakeLog("", { start: 3, complete: false }),
      fakeLog("de", { start: 3, complete: false, cut: true }),
      fakeLog("f\n", { start: 5 }),
    ];
    answer = ({ path: at }) =>
      at.endsWith("/log")
        ? parts.shift()
        : json(fakeTask({}, fakeTarget("reviewer", { status: parts.length > 0 ? "running" : "completed" })));
    const run = await cli([TASK, "--follow"]);
    expect(run).toMatchObject({ code: 0, stdout: "abcdef\n" });
    expect(asked()).toEqual([
      `${ATTEMPT}?follow=true`,
      `${ATTEMPT}?offset=3&follow=true`,
      `${ATTEMPT}?offset=3&follow=true`,
      `${ATTEMPT}?offset=3&follow=true`,
      `${ATTEMPT}?offset=5&follow=true`,
    ]);
  });

  test("--follow waits for the first attempt, says why there is none yet, and goes on with the next one", async () => {
    const second = ATTEMPT.replaceAll("6", "7");
    const queued = fakeTarget("reviewer", { status: "queued", attempts: 0, waiting: { code: "agent_busy", detail: "reviewer is busy" } });
    delete queued.attempt;
    const states = [
      fakeTask({}, queued),
      fakeTask({}, fakeTarget("reviewer", { status: "running" })),
      fakeTask({}, fakeTarget("reviewer", { status: "queued" })),
      fakeTask({}, fakeTarget("reviewer", { status: "running", attempt: second, attempts: 2 })),
      fakeTask({}, fakeTarget("reviewer", { attempt: second, attempts: 2 })),
    ];
    answer = ({ path: at }) => {
      if (at.endsWith("/wait")) return json(states[0]);
      if (at.includes(ATTEMPT)) return fakeLog("first\n");
      if (at.includes(second)) return fakeLog("second\n");
      return json(states.length > 1 ? states.shift() : states[0]);
    };
    const run = await cli([TASK, "--follow"]);
    expect(run).toMatchObject({ code: 0, stdout: "first\nsecond\n" });
    expect(run.stderr).toBe("reviewer: queued, waits: reviewer is busy\nIt is tried again: attempt 2.\n");
  });

  test("--follow of one that ended without having run is told how, as without", async () => {
    const queued = fakeTarget("reviewer", { status: "queued", attempts: 0, waiting: { code: "agent_busy", detail: "reviewer is busy" } });
    delete queued.attempt;
    const states = [fakeTask({}, queued), fakeTask({}, { ...queued, status: "cancelled" })];
    answer = ({ path: at }) => {
      if (at.endsWith("/log")) return refused(404, "log_not_found", { hint: "It ended as cancelled." });
      return json(states.length > 1 && !at.endsWith("/wait") ? states.shift() : states[0]);
    };
    const run = await cli([TASK, "--follow"]);
    expect(run).toMatchObject({ code: 9, stdout: "", stderr: expect.stringContaining("It ended as cancelled.") });
    expect(asked()).toEqual([`${TASK}?`]);
  });

  test("of an agent that the task was not sent to is refused, with those that it was", async () => {
    answer = () => json(fakeTask({}, fakeTarget("a"), fakeTarget("b")));
    const run = await cli([TASK, "--follow", "--agent", "c", "--json"]);
    expect(run).toMatchObject({ code: 9, stdout: "" });
    expect(problemOf(run)).toMatchObject({ code: "agent_not_found", field: "agent", hint: "It was sent to a, b." });
  });

  test("that is not there is the server's to refuse", async () => {
    answer = ({ path: at }) => (at.endsWith("/log") ? refused(404, "log_not_found", { hint: "It has not begun." }) : json(fakeTask()));
    const run = await cli([TASK, "--json"]);
    expect(run).toMatchObject({ code: 9, stdout: "" });
    expect(problemOf(run)).toMatchObject({ code: "log_not_found", hint: "It has not begun." });
  });

  test.each([
    [["--tail", "-1"], "flag_invalid", "tail"],
    [["--tail", "x"], "flag_invalid", "tail"],
    [["--tail", "1", "--offset", "2"], "conflicting_flags", "tail"],
    [["--follow", "--output", "f"], "conflicting_flags", "follow"],
  ])("%j is refused as %s", async (argv, code, field) => {
    const run = await cli([TASK, ...argv, "--json"]);
    expect(run).toMatchObject({ code: 2, stdout: "" });
    expect(problemOf(run)).toMatchObject({ code, field });
  });

  describe("--output", () => {
    const digest = createHash("sha256").update(HOSTILE).digest("hex");
    const whole = fakeLog(HOSTILE, { sha256: digest });

    test("writes the file whole and prints its path; with --raw the very bytes", async () => {
      answer = () => whole;
      const file = path.join(dir, "x.log");
      expect(await cli([ATTEMPT, "--output", file])).toMatchObject({ code: 0, stdout: `${file}\n`, stderr: "" });
      expect(readFileSync(file, "utf8")).toBe("one\ntwo red\n");
      const run = await cli([ATTEMPT, "--raw", "--output", file, "--json"]);
      expect(JSON.parse(run.stdout)).toEqual({ path: file, bytes: Buffer.byteLength(HOSTILE), sha256: digest, complete: true });
      expect(readFileSync(file, "utf8")).toBe(HOSTILE);
      expect(statSync(file).mode & 0o777).toBe(0o600);
      expect(readdirSync(dir)).toEqual(["x.log"]);
    });

    test("leaves no file where what came is not what was written", async () => {
      answer = () => fakeLog(HOSTILE, { sha256: digest.replace(/^./, (c) => (c === "0" ? "1" : "0")) });
      const run = await cli([ATTEMPT, "--output", path.join(dir, "x.log"), "--json"]);
      expect(run).toMatchObject({ code: 1, stdout: "" });
      expect(problemOf(run)).toMatchObject({ code: "server_error", detail: expect.stringContaining(digest) });
      expect(readdirSync(dir)).toEqual([]);
    });

    test("without a name goes into REMOTE_DISPATCH_LOG_DIR; what has not ended is said to be a part", async () => {
      answer = () => fakeLog("part", { complete: false });
      const run = await cli([ATTEMPT, "--output"], { env: { REMOTE_DISPATCH_LOG_DIR: dir } });
      const [name = ""] = readdirSync(dir);
      expect(name).toMatch(new RegExp(`^${ATTEMPT}-\\d{8}T\\d{6}Z\\.log$`));
      expect(run).toMatchObject({ code: 0, stdout: `${path.join(dir, name)}\n`, stderr: expect.stringContaining("has not ended") });
    });

    test("into a directory gets a name of its own", () => {
      const io = { env: {}, cwd: "/w", nowMs: () => Date.parse("2026-01-02T03:04:05.678Z") };
      expect(outputFile("", "t1", io)).toBe("/w/t1-20260102T030405Z.log");
      expect(outputFile("logs/", "t1", io)).toBe("/w/logs/t1-20260102T030405Z.log");
      expect(outputFile(dir, "t1", io)).toBe(path.join(dir, "t1-20260102T030405Z.log"));
      expect(outputFile("a.log", "t1", io)).toBe("/w/a.log");
    });

    test("where nothing can be written is refused, with the reason", async () => {
      answer = () => whole;
      const run = await cli([ATTEMPT, "--output", path.join(dir, "no", "x.log"), "--json"]);
      expect(run).toMatchObject({ code: 2, stdout: "" });
      expect(problemOf(run)).toMatchObject({ code: "field_invalid", field: "output", detail: expect.stringContaining("ENOENT") });
    });
  });
});
