import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fakeAgent, fakeHost, FakeServer, fakeSession, json, list, TOKEN } from "../testing/fake-server.ts";
import { fakeTask } from "../testing/fake-task.ts";
import { problemOf, runCli } from "../testing/run-cli.ts";

const session = fakeSession("build", 4);
const ended = fakeSession("build", 5, { status: "ended", end: { reason: "exited", code: 0, atMs: 0 } });
const agentSession = fakeSession("claude", 6, { agent: { id: fakeAgent("claude", 3).id, name: "claude" } });
const running = fakeAgent("claude", 3, { status: "working", session: agentSession.id });
const resting = fakeAgent("codex", 8);
/** Its session was forgotten. */
const forgotten = fakeAgent("amp", 9, { session: fakeSession("gone", 1).id });
const host = fakeHost("gpu-1", 1);
const task = fakeTask();
const named = fakeTask({ id: "t123" });

describe("what is typed for any thing", { timeout: 30_000 }, () => {
  let server: FakeServer;
  beforeAll(async () => {
    server = await FakeServer.open(({ path, body }) => {
      if (path === "/api/v1/hosts") return list(host, fakeHost("laptop", 2));
      if (path === "/api/v1/agents") return list(running, resting, forgotten);
      if (path === "/api/v1/sessions") return list(ended, session, agentSession);
      if (path === "/api/v1/tasks/tsk_01j9") return json(task);
      if (path === "/api/v1/tasks/t123") return json(named);
      if (path !== "/api/v1/login-links") return undefined;
      const place = (JSON.parse(body) as { path?: string }).path ?? "/";
      return json({ url: `http://x${place}#mst_login_1`, expiresAt: "2026-01-01T00:00:00.000Z" }, 201);
    });
  });
  afterAll(async () => server[Symbol.asyncDispose]());
  const cli = (...argv: string[]) => runCli(argv, { env: { MAESTRO_URL: server.url, MAESTRO_TOKEN: TOKEN } });

  test.each([
    ["a session by name", "build", `/sessions/${session.id}`],
    ["a session by id", session.id, `/sessions/${session.id}`],
    ["an ended session by the beginning of its id", ended.id.slice(0, 9), `/sessions/${ended.id}`],
    ["an agent by name, at its session", "claude", `/sessions/${agentSession.id}`],
    ["an agent by the beginning of its id", running.id.slice(0, 9), `/sessions/${agentSession.id}`],
    ["an agent that does not run, at the agents", "codex", "/agents"],
    ["an agent whose session was forgotten, at the agents", "amp", "/agents"],
    ["a host by name", "gpu-1", "/hosts"],
    ["a host by id", host.id, "/hosts"],
    ["a task by the beginning of its id", "tsk_01j9", `/tasks/${task.id}`],
    ["a task by an id of its own", "t123", "/tasks/t123"],
  ])("open finds %s", async (_what, typed, place) => {
    const run = await cli("open", typed, "--print");
    expect(run).toMatchObject({ code: 0, stdout: `http://x${place}#mst_login_1\n` });
  });

  test("open of nothing is the console itself", async () => {
    expect(await cli("open", "--print")).toMatchObject({ code: 0, stdout: "http://x/#mst_login_1\n" });
  });

  test.each(["open", "status"])("%s refuses what is not there, and names the lists that exist", async (command) => {
    const run = await cli(command, "xyzzy-nothing", "--json");
    expect(run).toMatchObject({ code: 9, stdout: "" });
    expect(problemOf(run)).toMatchObject({
      detail: "There is no host, agent, session or task 'xyzzy-nothing'.",
      hint: "See: maestro host list, maestro agent list, maestro session list, maestro task list",
    });
  });

  test("open refuses what could be several, and lists them", async () => {
    const run = await cli("open", "ses_01j9", "--json");
    expect(run.code).toBe(10);
    expect(problemOf(run)).toMatchObject({ code: "ambiguous", matches: [ended.id, session.id, agentSession.id] });
  });

  test("status shows the same thing that open opens", async () => {
    expect(JSON.parse((await cli("status", "claude", "--json")).stdout)).toMatchObject({ kind: "agent", id: running.id });
    expect(JSON.parse((await cli("status", "build", "--json")).stdout)).toMatchObject({ kind: "session", id: session.id });
  });
});
