/** [SKILL41] `maestro shutdown` */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fakeAgent, FakeServer, json, list, refused, TOKEN, type Answer, type Asked } from "../testing/fake-server.ts";
import { fakeTarget, fakeTask, TASK } from "../testing/fake-task.ts";
import { problemOf, runCli } from "../testing/run-cli.ts";

const OLD = TASK.replaceAll("5", "8");
const YOUNG = TASK.replaceAll("5", "9");
const ago = (days: number): string => new Date(Date.now() - days * 86_400_000).toISOString();
const working = fakeAgent("reviewer", 3, { status: "working" });
const resting = fakeAgent("tester", 4);
let server: FakeServer;
let agents: unknown[];
let open: unknown[];
let ended: unknown[];
let special: (asked: Asked) => Answer | undefined;
beforeEach(async () => {
  agents = [working, resting];
  open = [fakeTask({}, fakeTarget("reviewer", { status: "running" }))];
  ended = [fakeTask({ id: OLD, finishedAt: ago(8) }), fakeTask({ id: YOUNG, finishedAt: ago(6) })];
  special = () => undefined;
  server = await FakeServer.open((asked) => {
    const { path: at, query } = asked;
    const own = special(asked);
    if (own !== undefined) return own;
    if (at === "/api/v1/agents") return list(...agents);
    if (at === "/api/v1/tasks") return list(...(query.get("status")?.includes("running") === true ? open : ended));
    if (at.endsWith("/stop")) return json(resting);
    if (at.endsWith("/cleanup"))
      return json({ task: OLD, items: [{ attempt: "att_1", host: "gpu-1", workspace: "/w/1", outcome: "removed", logKept: false }] });
    return at.endsWith("/wait") || at.endsWith("/cancel") ? json(fakeTask({ status: "cancelled" })) : undefined;
  });
});
afterEach(async () => server[Symbol.asyncDispose]());

const cli = (argv: string, env: Record<string, string> = {}) =>
  runCli(argv.split(" "), { env: { MAESTRO_URL: server.url, MAESTRO_TOKEN: TOKEN, MAESTRO_TIME_SCALE: "0.001", ...env } });
const wrote = () =>
  server.asked.filter(({ method }) => method === "POST").map(({ path: at, body }) => `${at.replace("/api/v1/", "")} ${body}`);

describe("shutdown", { timeout: 30_000 }, () => {
  test("asks first, and says how much it stops", async () => {
    const run = await cli("shutdown --json");
    expect(run).toMatchObject({ code: 2, stdout: "" });
    expect(problemOf(run)).toMatchObject({
      code: "confirmation_required",
      detail: "Stop 1 agent, cancel 1 task and remove the workspaces of 1 task that ended more than 7 days ago? Nobody can be asked here.",
    });
    expect(wrote()).toEqual([]);
  });

  test("cancels tasks first, so that none begins, stops what runs, removes what is past its time", async () => {
    const run = await cli("shutdown --grace-period 5 --yes");
    expect(run).toEqual({
      code: 0,
      stdout:
        "1 agent stopped, 1 task ended.\n1 workspace removed.\n" +
        "Agents, state and workspaces stay; the control plane goes on: maestro down stops it.\n",
      stderr: "",
    });
    expect(wrote()).toEqual([
      `tasks/${TASK}/cancel {"reason":"Shut down.","graceMs":2500}`,
      `agents/${working.id}/stop {}`,
      `tasks/${OLD}/cleanup {}`,
    ]);
    expect(JSON.parse((await cli("shutdown --yes --json")).stdout)).toMatchObject({
      agents: [{ id: working.id, name: "reviewer" }],
      tasks: [{ id: TASK, status: "cancelled" }],
      cleaned: [{ task: OLD, items: [{ outcome: "removed" }] }],
    });
  });

  test("--keep removes no workspace; without grace all is killed at once; the days come from the environment", async () => {
    expect((await cli("shutdown --keep --grace-period 0 --yes")).code).toBe(0);
    expect(wrote()).toEqual([`tasks/${TASK}/cancel {"reason":"Shut down.","graceMs":0}`, `agents/${working.id}/stop {"force":true}`]);
    server.asked.length = 0;
    await cli("shutdown --yes", { MAESTRO_SNAPSHOT_RETENTION: "5" });
    expect(wrote().filter((line) => line.includes("cleanup"))).toHaveLength(2);
    const wrong = await cli("shutdown --yes --json", { MAESTRO_SNAPSHOT_RETENTION: "soon" });
    expect(wrong.code).toBe(2);
    expect(problemOf(wrong)).toMatchObject({ code: "field_invalid", field: "MAESTRO_SNAPSHOT_RETENTION" });
    const late = await cli("shutdown --grace-period 60 --yes --json");
    expect(problemOf(late)).toMatchObject({
      code: "flag_invalid",
      field: "grace-period",
      hint: expect.stringContaining("--grace-period 5"),
    });
  });

  test("where nothing runs nothing is asked", async () => {
    [agents, open, ended] = [[resting], [], []];
    expect(await cli("shutdown")).toMatchObject({ code: 0, stdout: expect.stringContaining("No agent and no task runs.\n") });
    expect(wrote()).toEqual([]);
  });

  test("what cannot be stopped is told, and keeps nothing else from being", async () => {
    agents = [fakeAgent("away", 5, { status: "unknown" }), working];
    special = ({ path: at }) => (at.endsWith(`${fakeAgent("away", 5).id}/stop`) ? refused(503, "host_unreachable") : undefined);
    const run = await cli("shutdown --yes");
    expect(run).toMatchObject({
      code: 3,
      stdout: expect.stringContaining("1 agent stopped, 1 task ended."),
      stderr: expect.stringContaining("(host_unreachable)"),
    });
  });

  test("one that ended by itself meanwhile is as good as stopped", async () => {
    special = ({ path: at }) =>
      at.endsWith("/stop") ? refused(409, "agent_not_running") : at.endsWith("/cancel") ? refused(409, "task_final") : undefined;
    expect(await cli("shutdown --yes")).toMatchObject({ code: 0, stdout: expect.stringContaining("1 agent stopped, 1 task ended.") });
  });
});
