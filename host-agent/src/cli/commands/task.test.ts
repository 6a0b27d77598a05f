/** [SKILL11] [SKILL12] [SKILL13] `maestro task status|list|wait|cancel|retry`, `cleanup`, `queue status`. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fakeAgent, FakeServer, json, list, refused, TOKEN, type Answer, type Asked } from "../testing/fake-server.ts";
import { ATTEMPT, fakeAttempt, fakeLog, fakeTarget, fakeTask, TASK } from "../testing/fake-task.ts";
import { problemOf, runCli, type RunOptions } from "../testing/run-cli.ts";

const agent = fakeAgent("reviewer");
const other = TASK.replaceAll("5", "8");
const waiting = { code: "host_busy" as const, detail: "gpu-1 runs 4 of 4" };
let server: FakeServer;
let answer: (asked: Asked) => Answer | undefined;
beforeEach(async () => {
  server = await FakeServer.open((asked) => (asked.path === "/api/v1/agents" ? list(agent) : answer(asked)));
});
afterEach(async () => server[Symbol.asyncDispose]());

const atTerminal = { person: () => undefined };
const cli = (argv: string, options: RunOptions = {}) =>
  runCli(argv.split(" "), {
    ...options,
    env: { MAESTRO_URL: server.url, MAESTRO_TOKEN: TOKEN, MAESTRO_TIME_SCALE: "0.001", ...options.env },
  });
const asked = () =>
  server.asked.map(
    ({ method, path: at, query }) => `${method} ${at.replace("/api/v1/", "")}${query.size > 0 ? "?" : ""}${query.toString()}`,
  );

describe("task status", { timeout: 30_000 }, () => {
  test("of one that runs, what it takes of its machine now; of several each in its row", async () => {
    const load = { cpu: 1.254, memoryBytes: 100 * 1024 * 1024, at: new Date().toISOString() };
    const attempts = [{ ...fakeAttempt, status: "running", load }];
    answer = () => json(fakeTask({ attempts }, fakeTarget("reviewer", { status: "running" })));
    const shown = await cli(`task status ${TASK}`, atTerminal);
    expect(shown.stdout).toMatch(/takes up +1\.25 CPUs, 100\.0 MiB, /);
    expect(JSON.parse((await cli(`task status ${TASK} --json`)).stdout)).toMatchObject({ attempts: [{ load }] });
    answer = () => json(fakeTask({ attempts: [...attempts, ...attempts] }, fakeTarget("a"), fakeTarget("b")));
    expect((await cli(`task status ${TASK}`, atTerminal)).stdout.match(/1\.25 CPUs, 100\.0 MiB/g)).toHaveLength(2);
  });

  test("[LG2] of one whose log is still on its way, how much of it has come", async () => {
    const attempts = [{ ...fakeAttempt, log: { bytes: 12_345, complete: true } }];
    let stored = 12_345;
    answer = ({ path: at }) => (at.endsWith("/log") ? fakeLog("", { start: stored, bytes: 12_345 }) : json(fakeTask({ attempts })));
    expect((await cli(`task status ${TASK}`, atTerminal)).stdout).toMatch(/\nlog +12,345 bytes\n/);
    stored = 678;
    expect((await cli(`task status ${TASK}`, atTerminal)).stdout).toMatch(
      /\nlog +12,345 bytes on its host, 678 of them have come so far\n/,
    );
    expect(asked()).toContain(`GET attempts/${ATTEMPT}/log?tailLines=0`);
    answer = ({ path: at }) => (at.endsWith("/log") ? refused(404, "log_not_found") : json(fakeTask({ attempts })));
    expect(await cli(`task status ${TASK}`, atTerminal)).toMatchObject({ code: 0, stdout: expect.stringMatching(/\nlog +12,345 bytes\n/) });
  });

  test("[57] piped it is one JSON object with .status; at a terminal fields, with why it waits", async () => {
    answer = () =>
      json(
        fakeTask(
          { waiting, dependsOn: [{ task: "t0", on: "success", status: "completed" }] },
          fakeTarget("reviewer", { status: "queued", waiting }),
        ),
      );
    const piped = await cli(`task status ${TASK}`);
    expect(JSON.parse(piped.stdout)).toMatchObject({ id: TASK, status: "queued" });
    expect(piped.stdout.trimEnd()).not.toContain("\n");
    expect(await cli(`task status ${TASK} --json`)).toEqual(piped);
    expect((await cli(`task status ${TASK} --format table`)).stdout).toMatch(/^status +queued$/m);
    expect(await cli(`task status ${TASK} -q`)).toMatchObject({ stdout: `${TASK}\n` });
    const seen = await cli(`task status ${TASK}`, atTerminal);
    expect(seen).toMatchObject({ code: 0, stderr: "" });
    expect(seen.stdout).toMatch(/^id +tsk_/);
    expect(seen.stdout).toMatch(/\nwaits +gpu-1 runs 4 of 4 \(host_busy\)\n/);
    expect(seen.stdout).toMatch(/\ndepends on +t0 \(success: completed\)\n/);
  });

  test("tells who cancelled it, with a reason where there is one, and what it took up of the machine", async () => {
    const usage = { cpuMs: 12_300, peakMemoryBytes: 3.5 * 1024 * 1024, wallMs: 20_000 };
    const cancelled = async (reason: string) => {
      answer = () => json(fakeTask({ status: "cancelled", usage, cancel: { at: "2026-01-01T00:00:00.000Z", by: "ci", reason } }));
      return (await cli(`task status ${TASK}`, atTerminal)).stdout;
    };
    expect(await cancelled("seen enough")).toMatch(/\ncancelled by +ci: seen enough\n/);
    const seen = await cancelled("");
    expect(seen).toMatch(/\ncancelled by +ci\n/);
    expect(seen).toMatch(/\ntook up +12s of CPU, 3\.5 MiB at most\n/);
  });

  test("tells what went wrong, with the hint, and each of several targets", async () => {
    const reason = { code: "auth_failed" as const, detail: "claude is not logged in", hint: "Run: claude login" };
    answer = () =>
      json(fakeTask({ status: "failed", reason }, fakeTarget("a", { status: "failed", reason, exitCode: 1 }), fakeTarget("b")));
    const { stdout } = await cli(`task status ${TASK}`, atTerminal);
    expect(stdout).toMatch(/\nreason +claude is not logged in \(auth_failed\)\nhint +Run: claude login\n/);
    expect(stdout).toMatch(
      /\n\nTO +HOST +STATUS +EXIT +ATTEMPTS +NOTE\na +gpu-1 +failed +1 +1 +claude is not logged in\nb +gpu-1 +completed +- +1 +-\n$/,
    );
  });

  test("--command prints what it was given to do: a prompt as it is, a command in words for the shell", async () => {
    answer = () => json(fakeTask({ prompt: "Review\nthe change" }));
    expect(await cli(`task status ${TASK} --command`)).toMatchObject({ code: 0, stdout: "Review\nthe change\n" });
    const command = ["sh", "-c", "echo it's $HOME", ""];
    const { prompt: _, ...task } = fakeTask({ command });
    answer = () => json(task);
    expect(await cli(`task status ${TASK} --command`)).toMatchObject({ stdout: `sh -c 'echo it'\\''s $HOME' ''\n` });
    expect(JSON.parse((await cli(`task status ${TASK} --command --json`)).stdout)).toEqual({ id: TASK, command });
  });

  test("--last is the newest, or that of an agent; an agent's name alone is its newest, too", async () => {
    answer = ({ path: at }) =>
      at.endsWith("/tasks") ? list(fakeTask()) : at.endsWith(TASK) ? json(fakeTask()) : refused(404, "task_not_found");
    for (const argv of ["task status --last", "task status --last reviewer", "task status reviewer"])
      expect(JSON.parse((await cli(argv)).stdout)).toMatchObject({ id: TASK });
    expect(asked()).toEqual([
      "GET tasks?limit=1",
      `GET tasks/${TASK}`,
      "GET agents",
      `GET tasks?agent=${agent.id}&limit=1`,
      `GET tasks/${TASK}`,
      "GET tasks/reviewer",
      "GET agents",
      "GET agents",
      `GET tasks?agent=${agent.id}&limit=1`,
      `GET tasks/${TASK}`,
    ]);
  });

  test("within a workspace, where no agents are listed, the name goes to the server as it is", async () => {
    await using inside = await FakeServer.open(({ path: at }) =>
      at.endsWith("/agents") ? refused(403, "agent_forbidden") : at.endsWith("/tasks") ? list(fakeTask()) : json(fakeTask()),
    );
    const run = await runCli(["task", "status", "--last", "reviewer"], { env: { MAESTRO_URL: inside.url, MAESTRO_TOKEN: TOKEN } });
    expect(JSON.parse(run.stdout)).toMatchObject({ id: TASK });
    expect(inside.asked.at(-2)?.query.get("agent")).toBe("reviewer");
  });

  test("tells each attempt of what was tried again; all there is with --verbose", async () => {
    const attempt = (n: number, more: object) => ({
      id: `att_${n}`,
      task: TASK,
      target: 0,
      n,
      fence: n,
      host: { id: "hst_1", name: "gpu-1" },
      status: "completed",
      createdAt: "2026-01-01T00:00:00.000Z",
      ...more,
    });
    const first = attempt(1, { status: "failed", signal: "SIGKILL", reason: { code: "oom_killed", detail: "Out of memory" } });
    answer = () =>
      json(fakeTask({ attempts: [first, attempt(2, { exitCode: 0, workspace: "/w", log: { bytes: 1234, complete: true } })] }));
    const { stdout } = await cli(`task status ${TASK}`, atTerminal);
    expect(stdout).toMatch(
      /\n\nATTEMPT +TO +STATUS +EXIT +STARTED +NOTE\natt_1 +gpu-1 +failed +SIGKILL +- +Out of memory\natt_2 +gpu-1 +completed +0 +- +-\n$/,
    );
    expect((await cli(`task status ${TASK} --verbose`, atTerminal)).stdout).toMatch(/att_2 .* 1,234 bytes +\/w /);
    answer = () => json(fakeTask({ attempts: [first] }));
    expect((await cli(`task status ${TASK}`, atTerminal)).stdout).not.toContain("att_1");
  });

  test("shows the repository, its branch and the container in which it runs, where they were named", async () => {
    answer = () => json(fakeTask({ repository: { url: "git@host:me/app.git", branch: "fix" }, container: "box" }));
    const { stdout } = await cli(`task status ${TASK}`, atTerminal);
    expect(stdout).toMatch(/\nrepository +git@host:me\/app\.git, branch fix\ncontainer +box\n/);
    answer = () => json(fakeTask({ repository: { url: "/srv/app" } }));
    expect((await cli(`task status ${TASK}`, atTerminal)).stdout).toMatch(/\nrepository +\/srv\/app\n/);
  });

  test.each([
    ["task status", 2, "usage"],
    ["task status t9", 9, "task_not_found"],
    ["task status --last nobody", 9, "agent_not_found"],
    ["task status --last reviewer", 9, "task_not_found"],
    ["task list --last", 9, "task_not_found"],
  ])("%s exits %i with %s", async (argv, code, name) => {
    answer = ({ path: at }) => (at.endsWith("/tasks") ? list() : refused(404, "task_not_found"));
    const run = await cli(`${argv} --json`);
    expect(run).toMatchObject({ code, stdout: "" });
    expect(problemOf(run)).toMatchObject({ code: name });
  });
});

test.each([["task", "status"], ["task", "wait"], ["task", "cancel"], ["logs"], ["cleanup"]])(
  "%s of nothing, as of an id from a command that failed, asks nothing",
  async (...command) => {
    const run = await runCli([...command, "", "--json"], { env: { MAESTRO_URL: server.url, MAESTRO_TOKEN: TOKEN } });
    expect(run).toMatchObject({ code: 2, stdout: "" });
    expect(problemOf(run)).toMatchObject({ code: "usage", field: "id" });
    expect(server.asked).toEqual([]);
  },
);

test.each(["task wait t1", "logs t1", "logs t1 --follow", "state watch", "task dispatch x --sync"])(
  "[54] %s to a server that is not there exits 3 at once",
  async (argv) => {
    const run = await cli(argv, { env: { MAESTRO_URL: "http://127.0.0.1:1", MAESTRO_TIME_SCALE: "1" } });
    expect(run).toMatchObject({ code: 3, stdout: "" });
    expect(run.stderr).toContain("(server_unreachable)");
  },
);

describe("task list", { timeout: 30_000 }, () => {
  test("is a table with why each waits or went wrong; --json an array; -q ids", async () => {
    answer = () =>
      list(
        fakeTask({ waiting, description: "nightly" }, fakeTarget("reviewer", { status: "queued", waiting })),
        fakeTask(
          { id: other, status: "failed" },
          fakeTarget("a", { status: "failed", reason: { code: "oom_killed", detail: "Out of memory" } }),
          fakeTarget("b"),
          fakeTarget("c"),
        ),
      );
    const table = await cli("task list");
    expect(table.stdout).toMatch(/^ID +STATUS +TO +TASK +CREATED +NOTE\n/);
    expect(table.stdout).toMatch(/queued +reviewer +nightly .* gpu-1 runs 4 of 4\n/);
    expect(table.stdout).toMatch(/failed +a, b \+1 +Review the change .* Out of memory\n/);
    expect(JSON.parse((await cli("task list --json")).stdout)).toMatchObject([{ id: TASK }, { id: other }]);
    expect((await cli("task list -q")).stdout).toBe(`${TASK}\n${other}\n`);
  });

  test("an empty one is [] and no failure", async () => {
    answer = () => list();
    expect(await cli("task list --json")).toMatchObject({ code: 0, stdout: "[]\n", stderr: "" });
    expect(await cli("task list")).toMatchObject({ code: 0, stdout: "", stderr: expect.stringContaining("maestro task dispatch") });
  });

  test("[57] --last piped is one JSON object with .id", async () => {
    answer = () => list(fakeTask());
    const run = await cli("task list --last --agent reviewer --status failed,lost");
    expect(JSON.parse(run.stdout)).toMatchObject({ id: TASK });
    expect(asked().at(-1)).toBe(`GET tasks?agent=${agent.id}&status=failed%2Clost&limit=1`);
    expect((await cli("task list --last", atTerminal)).stdout).toMatch(/^id +tsk_/);
  });

  test("reads pages up to its limit, and says that there are more", async () => {
    answer = ({ query }) =>
      json({ items: [fakeTask({ id: `t${query.get("cursor") ?? "0"}` })], nextCursor: String(Number(query.get("cursor") ?? "0") + 1) });
    const run = await cli("task list --limit 3");
    expect(run.stdout.split("\n").filter((line) => /^t\d/.test(line))).toHaveLength(3);
    expect(run.stderr).toContain("There are older ones");
    expect(asked()).toEqual(["GET tasks?limit=3", "GET tasks?cursor=1&limit=2", "GET tasks?cursor=2&limit=1"]);
  });

  test("--status of no state is refused with the nearest", async () => {
    const run = await cli("task list --status runing --json");
    expect(run).toMatchObject({ code: 2, stdout: "" });
    expect(problemOf(run)).toMatchObject({ code: "flag_invalid", field: "status", hint: expect.stringContaining("--status running") });
  });
});

describe("task wait", { timeout: 30_000 }, () => {
  const states = (...all: object[]) => {
    answer = () => json(all.length > 1 ? all.shift() : all[0]);
  };
  const running = fakeTask({}, fakeTarget("reviewer", { status: "running" }));

  test.each([
    ["completed", 0, undefined],
    ["failed", 6, "task_failed"],
    ["cancelled", 6, "task_failed"],
    ["lost", 6, "task_failed"],
    ["timed_out", 5, "timeout"],
  ] as const)("of a task that ends %s exits %i", async (status, code, name) => {
    states(running, running, fakeTask({}, fakeTarget("reviewer", { status, exitCode: 9 })));
    const run = await cli(`task wait ${TASK} --json`);
    expect(run.code).toBe(code);
    expect(JSON.parse(run.stdout)).toMatchObject({ status, targets: [{ exitCode: 9 }] });
    if (name === undefined) expect(run.stderr).toBe("");
    else expect(problemOf(run)).toMatchObject({ code: name, task: TASK });
  });

  test("--timeout 0 asks once, and exits 8 while it is pending", async () => {
    states(running);
    const run = await cli(`task wait ${TASK} --timeout 0 --json`);
    expect(run).toMatchObject({ code: 8, stdout: "" });
    expect(problemOf(run)).toMatchObject({ code: "task_pending" });
    expect(asked()).toEqual([`GET tasks/${TASK}/wait?timeout=0`]);
    states(fakeTask());
    expect(await cli(`task wait ${TASK} --timeout 0`)).toMatchObject({ code: 0 });
  });

  test("a time that is over exits 5, and the task goes on", async () => {
    states(running);
    const run = await cli(`task wait ${TASK} --timeout 1 --json`);
    expect(run).toMatchObject({ code: 5, stdout: "" });
    expect(problemOf(run)).toMatchObject({ code: "timeout", detail: expect.stringContaining("it goes on") });
  });
});

describe("task cancel, task retry, cleanup", { timeout: 30_000 }, () => {
  test("cancel sends the reason, and says what is left to wait for", async () => {
    answer = () => json(fakeTask({ status: "cancelling" }));
    const run = await runCli(["task", "cancel", TASK, "--reason", "not needed"], {
      env: { MAESTRO_URL: server.url, MAESTRO_TOKEN: TOKEN },
    });
    expect(run).toEqual({ code: 0, stdout: `Task ${TASK} is cancelling; wait for it: maestro task wait ${TASK}\n`, stderr: "" });
    expect(server.asked.at(-1)).toMatchObject({ path: `/api/v1/tasks/${TASK}/cancel`, body: '{"reason":"not needed"}' });
    answer = () => json(fakeTask({ status: "cancelled" }));
    expect((await cli(`task cancel ${TASK}`)).stdout).toBe(`Task ${TASK} is cancelled.\n`);
    answer = () => refused(409, "task_final");
    expect(await cli(`task cancel ${TASK}`)).toMatchObject({ code: 10, stdout: "" });
  });

  test("retry", async () => {
    answer = () => json(fakeTask({ status: "queued" }));
    expect((await cli(`task retry ${TASK}`)).stdout).toBe(`Task ${TASK} is queued again. Follow it: maestro logs ${TASK} --follow\n`);
    expect((await cli(`task retry ${TASK} -q`)).stdout).toBe(`${TASK}\n`);
  });

  const item = (outcome: string, more: object = {}) => ({
    attempt: "att_1",
    host: "gpu-1",
    workspace: "/w/1",
    outcome,
    logKept: false,
    ...more,
  });

  test("cleanup of an ended task asks nothing, and says once what became of each workspace", async () => {
    const absent = item("absent", { workspace: "/w/2" });
    answer = ({ method }) =>
      method === "GET"
        ? json(fakeTask())
        : json({
            task: TASK,
            items: [
              item("removed", { logKept: true }),
              item("kept", { detail: "Not all is committed.", logKept: true }),
              item("absent"),
              absent,
              absent,
            ],
          });
    const run = await cli(`cleanup ${TASK} --keep-logs`);
    expect(run).toEqual({
      code: 0,
      stdout:
        "/w/1 on gpu-1 is removed; its log stays on the host.\n/w/1 on gpu-1 is kept; its log stays on the host: Not all is committed.\n/w/2 on gpu-1 is not there any more.\n",
      stderr: "",
    });
    expect(server.asked.at(-1)).toMatchObject({ path: `/api/v1/tasks/${TASK}/cleanup`, body: '{"keepLogs":true}' });
  });

  test("cleanup of a running one needs a yes; of a host that is away it is not done", async () => {
    answer = ({ method }) =>
      method === "GET" ? json(fakeTask({ status: "running" })) : json({ task: TASK, items: [item("unreachable")] });
    const unasked = await cli(`cleanup ${TASK} --json`);
    expect(unasked).toMatchObject({ code: 2, stdout: "" });
    expect(problemOf(unasked)).toMatchObject({ code: "confirmation_required" });
    expect(asked()).toEqual([`GET tasks/${TASK}`]);
    const run = await cli(`cleanup ${TASK} --yes --json`);
    expect(run.code).toBe(3);
    expect(JSON.parse(run.stdout)).toMatchObject({ items: [{ outcome: "unreachable" }] });
    expect(problemOf(run)).toMatchObject({ code: "host_unreachable" });
  });

  test("[SKILL25] workspace clean stops the agent first, and leaves what others work on", async () => {
    const shared = fakeTask({ id: other }, fakeTarget("reviewer"), fakeTarget("b", { agent: { id: "agt_b", name: "b", type: "shell" } }));
    answer = ({ path: at }) =>
      at.endsWith("/stop")
        ? refused(409, "agent_not_running")
        : at.endsWith("/cleanup")
          ? json({ task: TASK, items: [item("removed")] })
          : list(fakeTask(), shared);
    expect(await cli("workspace clean reviewer")).toMatchObject({ code: 2, stdout: "" });
    server.asked.length = 0;
    const run = await cli("workspace clean reviewer --yes");
    expect(run).toEqual({
      code: 0,
      stdout: `reviewer is stopped; 1 workspace removed.\nTask ${other} is of other agents as well: maestro cleanup ${other}\n`,
      stderr: "",
    });
    expect(asked()).toEqual(["GET agents", `POST agents/${agent.id}/stop`, `GET tasks?agent=${agent.id}`, `POST tasks/${TASK}/cleanup`]);
  });

  test("workspace clean says once of a directory that it is kept, however many tasks worked there", async () => {
    answer = ({ path: at }) =>
      at.endsWith("/cleanup")
        ? json({ task: TASK, items: [item("kept", { detail: "It was named." })] })
        : at.endsWith("/stop")
          ? refused(409, "agent_not_running")
          : list(fakeTask(), fakeTask({ id: other }));
    expect((await cli("workspace clean reviewer --yes")).stdout).toBe(
      "reviewer is stopped; 0 workspaces removed.\n/w/1 on gpu-1 is kept: It was named.\n",
    );
  });
});

describe("queue status", { timeout: 30_000 }, () => {
  const row = (task: string, more: object = {}) => ({
    task,
    title: "Review the change",
    target: 0,
    host: { id: "hst_1", name: "gpu-1" },
    status: "queued",
    priority: 2,
    createdAt: "2026-01-01T00:00:00.000Z",
    ...more,
  });
  const queue = (items: object[], more: object = {}) => ({
    counts: Object.fromEntries(
      ["blocked", "queued", "offered", "running", "cancelling", "unknown", "completed", "failed", "cancelled", "timed_out", "lost"].map(
        (state) => [state, state === "queued" ? 2 : state === "running" ? 4 : 0],
      ),
    ),
    hosts: [{ id: "hst_1", name: "gpu-1", online: true, draining: false, running: 4, limit: 4 }],
    groups: [{ name: "deploys", running: 1, limit: 1 }],
    items,
    ...more,
  });

  test("[SKILL22] [SKILL38] tells counts, hosts, groups, and why each waits", async () => {
    answer = () => json(queue([row(TASK, { waiting }), row(other, { agent: { id: "agt_1", name: "reviewer" }, status: "running" })]));
    const { stdout } = await cli("queue status");
    expect(stdout).toMatch(
      /^2 queued, 4 running\n\nHOST +STATE +RUNNING\ngpu-1 +online +4 of 4\n\nGROUP +RUNNING\ndeploys +1 of 1\n\nTASK /,
    );
    expect(stdout).toMatch(/queued +gpu-1 +Review the change +2 .* gpu-1 runs 4 of 4\n/);
    expect((await cli("queue status -q")).stdout).toBe(`${TASK}\n${other}\n`);
    expect(JSON.parse((await cli("queue status --json")).stdout)).toMatchObject({
      counts: { running: 4 },
      items: [{ task: TASK }, { task: other }],
    });
  });

  test("asks for what is wanted, and for all its pages", async () => {
    answer = ({ query }) => json(queue([row(query.get("cursor") ?? "t0")], query.has("cursor") ? {} : { nextCursor: "t1" }));
    const run = await cli("queue status --waiting --agent reviewer --task t --json");
    expect(JSON.parse(run.stdout)).toMatchObject({ items: [{ task: "t0" }, { task: "t1" }] });
    expect(asked().slice(1)).toEqual([
      `GET queue?agent=${agent.id}&task=t&show=waiting&limit=200`,
      `GET queue?agent=${agent.id}&task=t&show=waiting&limit=200&cursor=t1`,
    ]);
    expect(await cli("queue status --waiting --completed")).toMatchObject({ code: 2 });
  });
});
