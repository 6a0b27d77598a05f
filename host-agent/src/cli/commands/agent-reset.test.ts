/** [SKILL9] `maestro agent reset` */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fakeAgent, FakeServer, json, list, refused, TOKEN, type Answer, type Asked } from "../testing/fake-server.ts";
import { fakeTarget, fakeTask, TASK } from "../testing/fake-task.ts";
import { problemOf, runCli } from "../testing/run-cli.ts";

const agent = fakeAgent("reviewer");
const running = fakeTask({}, fakeTarget("reviewer", { status: "running" }));
let server: FakeServer;
let tasks: unknown[];
let reset: Answer;
beforeEach(async () => {
  tasks = [];
  reset = json({ agent, removed: 2, template: "/srv/t" });
  server = await FakeServer.open(({ path: at }: Asked) => {
    if (at === "/api/v1/agents") return list(agent);
    if (at === "/api/v1/tasks") return list(...tasks);
    if (at.endsWith("/wait") || at.endsWith("/cancel")) return json(fakeTask({ status: "cancelled" }));
    return at.endsWith("/reset") ? reset : undefined;
  });
});
afterEach(async () => server[Symbol.asyncDispose]());

const cli = (argv: string) =>
  runCli(argv.split(" "), { env: { MAESTRO_URL: server.url, MAESTRO_TOKEN: TOKEN, MAESTRO_TIME_SCALE: "0.001" } });
const wrote = () =>
  server.asked.filter(({ method }) => method === "POST").map(({ path: at, body }) => `${at.replace("/api/v1/", "")} ${body}`);

describe("agent reset", { timeout: 30_000 }, () => {
  test("asks first, and says what is deleted", async () => {
    const run = await cli("agent reset reviewer --json");
    expect(run).toMatchObject({ code: 2, stdout: "" });
    expect(problemOf(run)).toMatchObject({ code: "confirmation_required", detail: expect.stringContaining("everything in /tmp on gpu-1") });
    expect(wrote()).toEqual([]);
  });

  test("stops it and empties its workspace", async () => {
    expect(await cli("agent reset reviewer --yes --force")).toEqual({
      code: 0,
      stdout: "reviewer is reset: 2 entries removed from /tmp; filled from /srv/t.\n",
      stderr: "",
    });
    expect(wrote()).toEqual([`agents/${agent.id}/reset {"force":true}`]);
    reset = json({ agent, removed: 1 });
    expect((await cli("agent reset reviewer --yes")).stdout).toBe(
      "reviewer is reset: 1 entry removed from /tmp; its type 'shell' has no template.\n",
    );
    expect(JSON.parse((await cli("agent reset reviewer --yes --json")).stdout)).toEqual({ agent, removed: 1, cancelled: [] });
  });

  test("cancels what is open of its tasks, and waits for their end", async () => {
    tasks = [running];
    const run = await cli("agent reset reviewer --yes");
    expect(run).toMatchObject({ code: 0, stdout: expect.stringContaining(`Task ${TASK} is cancelled.\n`) });
    expect(server.asked.find(({ path: at }) => at === "/api/v1/tasks")?.query.get("status")).toBe(
      "blocked,queued,offered,running,cancelling,unknown",
    );
    expect(server.asked.map(({ path: at }) => at.split("/").at(-1))).toEqual(["agents", "tasks", "cancel", "wait", "reset"]);
  });

  test.each([
    ["rev works there", "End that session first: maestro session kill."],
    ["att_01 works there", "Wait for its task, or cancel it."],
  ])("CLI 59: of a workspace in use exits 10, with what is to be done: %s", async (who, hint) => {
    reset = refused(409, "workspace_busy", { detail: `'/tmp' is in use: ${who}.`, field: "workspace", hint });
    const run = await cli("agent reset reviewer --yes --json");
    expect(run).toMatchObject({ code: 10, stdout: "" });
    expect(problemOf(run)).toMatchObject({ code: "workspace_busy", field: "workspace", hint, detail: expect.stringContaining(who) });
    const shown = await cli("agent reset reviewer --yes");
    expect(shown).toMatchObject({ code: 10, stdout: "", stderr: expect.stringContaining(hint) });
    expect(shown.stderr).not.toMatch(/\bat .*\.ts/);
  });

  test("a task of other agents as well is not its to end; a refusal of the host comes through", async () => {
    tasks = [fakeTask({}, fakeTarget("reviewer"), fakeTarget("b", { agent: { id: "agt_b", name: "b", type: "shell" } }))];
    const shared = await cli("agent reset reviewer --yes --json");
    expect(shared.code).toBe(10);
    expect(problemOf(shared)).toMatchObject({ code: "agent_running", hint: expect.stringContaining(`maestro task cancel ${TASK}`) });
    expect(wrote()).toEqual([]);
    tasks = [];
    reset = refused(403, "policy_denied", { field: "workspace" });
    expect((await cli("agent reset reviewer --yes")).code).toBe(11);
  });
});
