/** Row 58 of the list of bad inputs: wherever a name is told, nothing in it acts on the terminal. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isSafeText } from "@maestro/shared/sanitize";
import { fakeAgent, fakeHost, FakeServer, fakeSession, fakeToken, json, list, refused, TOKEN } from "./testing/fake-server.ts";
import { fakeTarget, fakeTask } from "./testing/fake-task.ts";
import { runCli, type Run, type RunOptions } from "./testing/run-cli.ts";

/** ESC, C1 as CSI and OSC, an override of direction, an invisible tag, and a line of its own. */
const EVIL = "evil\u001b]0;owned\u0007\u009b31m\u202egnp.exe\u{e0041}\nmaestro: all is well";
const SHOWN = "evil\\u{1b}]0;owned\\u{7}\\u{9b}31m\\u{202e}gnp.exe\\u{e0041}\\u{a}maestro: all is well";

const host = fakeHost(EVIL, 1);
const agent = fakeAgent(EVIL, 3, { host: { id: host.id, name: EVIL }, workspace: `/tmp/${EVIL}` });
const session = fakeSession(EVIL, 4, { host: { id: host.id, name: EVIL, status: "online" }, title: EVIL, cwd: EVIL });
const waiting = { code: "host_busy" as const, detail: EVIL };
const task = fakeTask({ description: EVIL, createdBy: EVIL }, fakeTarget(EVIL, { status: "queued", waiting }));
const event = { id: "evt_1", seq: 1, at: "2026-01-01T00:00:00.000Z", type: "alert", subject: EVIL, summary: EVIL };

describe("[58] a name with ESC, C1, bidi and a line feed", { timeout: 30_000 }, () => {
  let server: FakeServer;
  beforeAll(async () => {
    server = await FakeServer.open(({ method, path }) => {
      const [, , , kind = "", , verb] = path.split("/");
      if (method === "DELETE") return { status: 204, body: "", type: "text/plain" };
      if (kind === "hosts") return verb === undefined ? list(host) : json(host);
      if (kind === "agents")
        return verb === "start" ? json(session, 201) : verb === "stop" ? json(agent) : method === "POST" ? json(agent, 201) : list(agent);
      if (kind === "sessions") return method === "POST" ? json(session, 201) : list(session);
      if (kind === "tasks") return path.endsWith("/tasks") && method === "GET" ? list(task) : json(task, method === "POST" ? 201 : 200);
      if (kind === "tokens") return list(fakeToken(EVIL));
      if (kind === "events") return { status: 200, body: `event: alert\ndata: ${JSON.stringify(event)}\n\n`, type: "text/event-stream" };
      if (kind === "audit") return refused(409, "host_exists", { detail: `Host '${EVIL}' exists.`, hint: EVIL });
      return undefined;
    });
  });
  afterAll(async () => server[Symbol.asyncDispose]());
  const cli = (argv: readonly string[], options: RunOptions = {}): Promise<Run> =>
    runCli(argv, { ...options, env: { MAESTRO_URL: server.url, MAESTRO_TOKEN: TOKEN } });
  const lines = (text: string): string[] =>
    text
      .replaceAll("\t", " ")
      .split("\n")
      .filter((line) => line !== "");

  const told: [string, string[]][] = [
    ["a list of hosts", ["host", "list"]],
    ["a list of agents", ["agent", "list"]],
    ["a list of sessions", ["session", "list", "--verbose"]],
    ["a host", ["host", "show", host.id]],
    ["an agent", ["agent", "show", agent.id]],
    ["a thing", ["status", session.id]],
    ["a host that drains", ["host", "drain", host.id]],
    ["a host that is resumed", ["host", "resume", host.id]],
    ["a host that is unlocked", ["host", "unlock", host.id]],
    ["a host that is removed", ["host", "remove", host.id, "--yes"]],
    ["an agent that is assigned", ["agent", "assign", "shell", "--to-workspace", "/tmp"]],
    ["an agent that is started", ["agent", "start", agent.id]],
    ["an agent that is stopped", ["agent", "stop", agent.id]],
    ["an agent that is removed", ["agent", "remove", agent.id, "--yes"]],
    ["a new session", ["session", "new"]],
    ["a session that is killed", ["session", "kill", session.id, "--yes"]],
    ["a list of tasks", ["task", "list", "--verbose"]],
    ["a token that is revoked", ["token", "revoke", fakeToken("").id, "--yes"]],
    ["an event", ["events"]],
  ];

  test.each(told)("in %s is escaped, and makes no line of its own", async (_what, argv) => {
    const run = await cli(argv);
    expect(run).toMatchObject({ code: 0, stderr: "" });
    expect(run.stdout).toContain(SHOWN);
    expect(lines(run.stdout).every(isSafeText)).toBe(true);
    expect(lines(run.stdout).some((line) => line.startsWith("maestro: all"))).toBe(false);
  });

  test.each(told)("in %s with --json is escaped as JSON does, and equal when read", async (_what, argv) => {
    const run = await cli([...argv, "--json"]);
    expect(run).toMatchObject({ code: 0, stderr: "" });
    expect(run.stdout.endsWith("\n") && lines(run.stdout).every(isSafeText)).toBe(true);
    expect(JSON.stringify(JSON.parse(run.stdout))).toContain(JSON.stringify(EVIL).slice(1, -1));
  });

  test("in a task at a terminal is escaped", async () => {
    const run = await cli(["task", "status", task.id], { person: () => undefined });
    expect(run).toMatchObject({ code: 0, stderr: "" });
    expect(run.stdout).toContain(SHOWN);
    expect(lines(run.stdout).every(isSafeText)).toBe(true);
  });

  test("in a question is escaped", async () => {
    const run = await cli(["session", "kill", session.id], { person: ({ onPrompt, type }) => onPrompt(() => type("y\n")) });
    expect(run).toMatchObject({ code: 0, stderr: `End session '${SHOWN}'? [y/N] ` });
  });

  test("in a refusal is escaped, in words and as JSON", async () => {
    const run = await cli(["audit"]);
    expect(run.stderr).toContain(`Host '${SHOWN}' exists.`);
    expect(lines(run.stderr).every(isSafeText)).toBe(true);
    const asJson = await cli(["audit", "--json"]);
    expect(lines(asJson.stderr).every(isSafeText)).toBe(true);
    expect(JSON.parse(asJson.stderr)).toMatchObject({ error: { detail: `Host '${EVIL}' exists.`, hint: EVIL } });
  });

  test("typed at the CLI itself is escaped in its refusal", async () => {
    const run = await cli(["host", "show", EVIL]);
    expect(run).toMatchObject({ code: 0 });
    const unknown = await cli([EVIL, "--json"]);
    expect(lines(unknown.stderr).every(isSafeText)).toBe(true);
  });

  test("the columns of an event are kept apart by tabs", async () => {
    expect((await cli(["events", "--verbose"])).stdout).toBe(`2026-01-01T00:00:00.000Z\talert\t${SHOWN}\t${SHOWN}\n`);
  });

  test("in the answer of `api` stands as it came when it is piped, and is escaped at a terminal", async () => {
    const piped = await cli(["api", "GET", "/api/v1/hosts"]);
    expect(piped.stdout).toBe(`${JSON.stringify({ items: [host] })}\n`);
    const seen = await cli(["api", "GET", "/api/v1/hosts"], { person: () => undefined });
    expect(lines(seen.stdout).every(isSafeText)).toBe(true);
    expect(JSON.parse(seen.stdout)).toEqual({ items: [host] });
  });
});
