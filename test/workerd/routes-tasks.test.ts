/** Tasks over HTTP, on the whole Worker with a host on a real link: dispatch, wait, cancel, and every way to ask for nonsense. */
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { ErrorCode } from "@maestro/shared/errors";
import { MAX_PROMPT_CHARS } from "@maestro/shared/limits";
import { ABANDONED_MS } from "../../control-plane/src/db/idempotency.ts";
import { call, joinHost, json, makeToken, refusal } from "./access-fleet.ts";
import { typeReport } from "./support/host-words.ts";
import { workingFleet } from "./support/working-fleet.ts";

afterEach(() => {
  vi.useRealTimers();
});

describe("a task", () => {
  test("goes to the fleet's only agent, runs, ends, and leaves its result", async () => {
    const { submit, running, ended, detail, api, asked } = await workingFleet();
    const task = await submit({ prompt: "hello", description: "greet" });
    expect(task).toMatchObject({
      prompt: "hello",
      priority: 3,
      timeoutMs: 1_800_000,
      createdBy: "owner",
      targets: [{ agent: { name: "rev" } }],
    });
    expect(task.id).toMatch(/^tsk_/);
    const attempt = await running(task.id);
    expect(attempt).toMatchObject({ n: 1, host: { name: "builder" }, agent: { name: "rev" }, workspace: "/tmp/w/t" });
    expect(asked("task.offer")[0]).toMatchObject({
      spec: { task: task.id, prompt: "hello", agent: { name: "rev", type: "shell", workspace: "/tmp/rev" } },
    });
    ended(attempt, { result: "done", usage: { inputTokens: 1 } });
    const whole = await json(api(`/api/v1/tasks/${task.id}/wait?timeout=20`));
    expect(whole).toMatchObject({ status: "completed", exitCode: 0, result: "done", usage: { inputTokens: 1 } });
    expect(whole).not.toHaveProperty("attempts");
    expect(await detail(task.id)).toMatchObject({ attempts: [{ status: "completed" }] });
    expect(await json(api(`/api/v1/state/task:${task.id}:result`))).toMatchObject({ value: "done" });
  });

  test("is waited for across an eviction of the Scheduler, and no longer than was asked", async () => {
    const { submit, running, ended, api, evict, link } = await workingFleet();
    const { id } = await submit({ prompt: "x", id: "t123" });
    expect(id).toBe("t123");
    const attempt = await running(id);
    expect(await json(api(`/api/v1/tasks/${id}/wait?timeout=0`))).toMatchObject({ status: "running" });
    expect(await json(api(`/api/v1/tasks/${id}/wait?timeout=0.05`))).toMatchObject({ status: "running" });
    const waiting = json(api(`/api/v1/tasks/${id}/wait?timeout=30`));
    await evict();
    await link.pingPong();
    await evict();
    ended(attempt, { outcome: "failed", exitCode: 3, reason: { code: "exit_nonzero", detail: "3" } });
    expect(await waiting).toMatchObject({ status: "failed", exitCode: 3, reason: { code: "exit_nonzero" } });
    await refusal(api(`/api/v1/tasks/${id}/wait?timeout=61`), "field_invalid");
    await refusal(api("/api/v1/tasks/nope/wait"), "task_not_found");
  });

  test("with an Idempotency-Key is submitted once", async () => {
    const { token, asked, running, api } = await workingFleet();
    const post = () => call("/api/v1/tasks", { token, body: { prompt: "once" }, headers: { "idempotency-key": "k" } });
    const [first, second] = [await json(post()), await json(post())];
    expect(second).toEqual(first);
    await running(first.id);
    expect(asked("task.start")).toHaveLength(1);
    expect((await json(api("/api/v1/tasks"))).items).toHaveLength(1);
    await refusal(call("/api/v1/tasks", { token, body: { prompt: "other" }, headers: { "idempotency-key": "k" } }), "idempotency_mismatch");
  });

  test("with an Idempotency-Key is submitted once, however often its answer was lost before it was kept", async () => {
    const { token, running, asked, api } = await workingFleet();
    const post = (prompt = "once") => call("/api/v1/tasks", { token, body: { prompt }, headers: { "idempotency-key": "k" } });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    await env.DB.prepare(
      "create trigger lost before update of status on idempotency when new.status is not null begin select raise(abort, 'lost'); end",
    ).run();
    try {
      for (let lost = 0; lost < 3; lost++) {
        expect((await post()).status).toBe(500);
        await refusal(post(), "idempotency_in_progress");
        vi.setSystemTime(Date.now() + ABANDONED_MS + 1);
        await refusal(post("other"), "idempotency_mismatch");
      }
    } finally {
      await env.DB.prepare("drop trigger lost").run();
    }
    const { id } = await json(post());
    await running(id);
    expect((await json(api("/api/v1/tasks"))).items).toMatchObject([{ id }]);
    expect(asked("task.start")).toHaveLength(1);
  });

  test("is cancelled with a reason, which is audited; an ended one stays as it is", async () => {
    const { submit, running, ended, api, link } = await workingFleet();
    const { id } = await submit({ prompt: "x" });
    const attempt = await running(id);
    expect(await json(api(`/api/v1/tasks/${id}/cancel`, { body: { reason: "not needed" } }))).toMatchObject({
      status: "cancelling",
      cancel: { by: "owner", reason: "not needed" },
    });
    await expect.poll(() => link.asked.some(({ t }) => t === "task.cancel")).toBe(true);
    ended(attempt, { outcome: "cancelled", exitCode: null, signal: "SIGINT" });
    expect(await json(api(`/api/v1/tasks/${id}/wait`))).toMatchObject({ status: "cancelled" });
    // Asked again it says the same; of one that ended by itself there is nothing to cancel.
    expect(await json(api(`/api/v1/tasks/${id}/cancel`, { body: {} }))).toMatchObject({
      status: "cancelled",
      cancel: { reason: "not needed" },
    });
    const other = await submit({ prompt: "y", id: "other" });
    ended(await running(other.id));
    await json(api("/api/v1/tasks/other/wait"));
    await refusal(api("/api/v1/tasks/other/cancel", { body: {} }), "task_final");
    const { items } = await json(api("/api/v1/audit"));
    expect(items.map(({ action, target }: { action: string; target: string }) => `${action} ${target}`)).toEqual(
      expect.arrayContaining([`taskCreate ${id}`, `taskCancel ${id}: not needed`]),
    );
  });

  test("[DISP15] that may use an ssh-agent says so: to its host, where it is shown, and in the audit log", async () => {
    const { api, submit, running, detail, asked } = await workingFleet();
    await submit({ prompt: "x", id: "signs", forwardAgent: true });
    await running("signs");
    expect(asked("task.offer")).toMatchObject([{ spec: { task: "signs", forwardAgent: true } }]);
    expect(await detail("signs")).toMatchObject({ forwardAgent: true });
    await expect
      .poll(async () => (await json(api("/api/v1/audit"))).items.map(({ target }: { target: string }) => target))
      .toContain("signs: with the ssh-agent of its host");
  });

  test("[LK8] shows what it takes of its machine while it runs, as its host said last; nothing of that is written down", async () => {
    const { api, submit, running, ended, detail, link, stored, evict } = await workingFleet();
    const { id } = await submit({ prompt: "x" });
    const attempt = await running(id);
    expect(attempt).not.toHaveProperty("load");
    const told = async (cpu: number, memoryBytes: number): Promise<void> => {
      const status = { state: "running", startedMs: Date.now(), pid: 7, workspace: "/tmp/w/t", logBytes: 0, cpu, memoryBytes };
      link.say({ t: "task.status", report: { attempt: attempt.id, fence: attempt.fence, status } });
      await expect.poll(async () => (await detail(id)).attempts[0]?.load).toMatchObject({ cpu, memoryBytes });
    };
    const before = await stored();
    await told(0.5, 123_456_789);
    await told(1.25, 987_654_321);
    expect(await stored()).toBe(before);
    expect(Date.parse((await detail(id)).attempts[0]?.load?.at ?? "")).toBeGreaterThan(Date.now() - 60_000);
    await evict();
    expect((await detail(id)).attempts[0]).not.toHaveProperty("load");
    await told(0.25, 1_000);
    ended(attempt);
    await json(api(`/api/v1/tasks/${id}/wait`));
    expect((await detail(id)).attempts[0]).not.toHaveProperty("load");
  });

  test("a cancellation with a grace of its own passes it to the host, also when it is asked again", async () => {
    const { api, submit, running, asked } = await workingFleet();
    const { id } = await submit({ prompt: "x" });
    await running(id);
    expect(await refusal(api(`/api/v1/tasks/${id}/cancel`, { body: { graceMs: 60_000 } }), "field_invalid")).toMatchObject({
      field: "graceMs",
    });
    await json(api(`/api/v1/tasks/${id}/cancel`, { body: { graceMs: 2500 } }));
    await expect.poll(() => asked("task.cancel")).toMatchObject([{ graceMs: 2500, why: "cancelled" }]);
  });

  test("whose host is away waits and says why; so does one whose host is draining", async () => {
    const { submit, detail, link, api } = await workingFleet();
    await api("/api/v1/hosts/builder/drain", { method: "POST" });
    const drained = await submit({ prompt: "x" });
    await expect.poll(async () => (await detail(drained.id)).waiting?.code).toBe("host_draining");
    link.socket.close(4000, "cut");
    const away = await submit({ command: ["true"], on: { host: "builder" } });
    await expect.poll(async () => (await detail(away.id)).waiting?.code).toBe("host_offline");
    expect(await detail(away.id)).toMatchObject({ status: "queued", attempts: [] });
  });

  test("is for whom it names: names, prefixes, types; a command for a host needs no agent", async () => {
    const { submit, agent, api, asked, running } = await workingFleet();
    await agent("web-1");
    await agent("web-2", "claude");
    const { items } = await json(api("/api/v1/agents"));
    const web1 = items.find(({ name }: { name: string }) => name === "web-1").id;
    const named = await submit({ command: ["true"], to: ["rev", web1, "web-2"] });
    expect(named.targets.map((target) => target.agent?.name)).toEqual(["rev", "web-1", "web-2"]);
    const command = await submit({ command: ["echo", "$HOME"], on: { host: "builder" }, id: "cmd" });
    expect(command.targets).toHaveLength(1);
    expect(command.targets[0]).not.toHaveProperty("agent");
    await running("cmd");
    expect(asked("task.offer").map((frame) => frame["spec"])).toContainEqual(
      expect.objectContaining({ task: "cmd", command: ["echo", "$HOME"] }),
    );
    expect((await submit({ command: ["true"], labels: { target: "builder" } })).targets[0]).not.toHaveProperty("agent");
    expect((await refusal(api("/api/v1/tasks", { body: { prompt: "x" } }), "target_missing")).hint).toBe("Name one: rev, web-1, web-2.");
    // As many names as a task may have: more than one statement of D1 takes.
    const fifty = ["rev", ...Array.from({ length: 49 }, (_, n) => `nobody-${n}`)];
    await refusal(api("/api/v1/tasks", { body: { prompt: "x", to: fifty } }), "agent_not_found");
    const several = await refusal(api("/api/v1/tasks", { body: { prompt: "x", to: ["shell"] } }), "ambiguous");
    expect(several).toMatchObject({ field: "to[0]", detail: "Several agents are of type 'shell': rev, web-1." });
    expect(await refusal(api("/api/v1/tasks", { body: { prompt: "x", to: ["rve"] } }), "agent_not_found")).toMatchObject({
      field: "to[0]",
    });
    expect((await refusal(api("/api/v1/tasks", { body: { prompt: "x", on: { host: "bilder" } } }), "host_not_found")).hint).toContain(
      "builder",
    );
    const cli = await refusal(api("/api/v1/tasks", { body: { prompt: "x", to: ["web-2"] } }), "agent_cli_missing");
    expect(cli).toMatchObject({ field: "to", hint: expect.stringContaining("npm i -g @anthropic-ai/claude-code") });
  });

  test("of an agent whose type is broken is refused; a type made here travels with it", async () => {
    const { agent, api, submit, running, link, asked } = await workingFleet();
    await api("/api/v1/agent-types", { body: { slug: "linter", argv: ["lint", "{{prompt}}"] } });
    await agent("lint", "linter");
    const { id } = await submit({ prompt: "x", to: ["lint"] });
    await running(id);
    expect(asked("task.offer")[0]).toMatchObject({ spec: { agent: { definition: { slug: "linter", argv: ["lint", "{{prompt}}"] } } } });
    link.say({
      t: "inventory",
      types: [typeReport("shell", { detected: { state: "invalid", problem: "argv is missing" } })],
      first: true,
      more: false,
    });
    await expect.poll(async () => (await api("/api/v1/tasks", { body: { prompt: "x", to: ["rev"] } })).status).toBe(409);
    expect((await refusal(api("/api/v1/tasks", { body: { prompt: "x", to: ["rev"] } }), "agent_unhealthy")).detail).toContain(
      "argv is missing",
    );
  });

  test("is listed with its filters, page by page, newest first", async () => {
    const { submit, api, running, ended } = await workingFleet();
    const ids: string[] = [];
    for (const n of [1, 2, 3]) ids.unshift((await submit({ prompt: `number ${n}`, id: `t${n}` })).id);
    const list = async (query: string) => json(api(`/api/v1/tasks?${query}`));
    const page = await list("limit=2");
    expect(page.items.map(({ id }: { id: string }) => id)).toEqual(ids.slice(0, 2));
    expect((await list(`limit=2&cursor=${page.nextCursor}`)).items.map(({ id }: { id: string }) => id)).toEqual(ids.slice(2));
    expect((await refusal(api(`/api/v1/tasks?q=1&cursor=${page.nextCursor}`), "cursor_invalid")).field).toBe("cursor");
    ended(await running("t1"));
    await json(api("/api/v1/tasks/t1/wait"));
    expect((await list("status=completed")).items).toMatchObject([{ id: "t1" }]);
    expect((await list("status=queued,running,offered")).items).toHaveLength(2);
    expect((await list("agent=rev")).items).toHaveLength(3);
    expect((await list("agent=nobody")).items).toHaveLength(0);
    expect((await list("q=number%202")).items).toMatchObject([{ id: "t2" }]);
    expect(await refusal(api("/api/v1/tasks?status=done"), "field_invalid")).toMatchObject({
      field: "status",
      hint: expect.stringContaining("completed"),
    });
    const queue = await json(api("/api/v1/queue?limit=1"));
    expect(queue).toMatchObject({ counts: { completed: 1 }, hosts: [{ name: "builder", online: true }], items: [expect.anything()] });
    expect((await json(api(`/api/v1/queue?limit=1&cursor=${queue.nextCursor}`))).items).toHaveLength(1);
    expect((await json(api("/api/v1/queue?task=t2"))).items).toMatchObject([{ task: "t2" }]);
    expect(await refusal(api("/api/v1/queue?task=nosuch"), "task_not_found")).toMatchObject({ hint: expect.stringContaining("task list") });
    expect((await refusal(api("/api/v1/queue?task=t"), "ambiguous")).detail).toContain("t1");
  });

  test("leaves a retry and a cleanup to people", async () => {
    const { submit, running, ended, api, asked } = await workingFleet();
    await submit({ prompt: "x", id: "t1" });
    await refusal(api("/api/v1/tasks/t1/retry", { method: "POST" }), "task_not_final");
    ended(await running("t1"), { outcome: "failed", exitCode: 1, reason: { code: "exit_nonzero", detail: "1" } });
    await json(api("/api/v1/tasks/t1/wait"));
    expect(await json(api("/api/v1/tasks/t1/retry", { method: "POST" }))).toMatchObject({
      id: "t1",
      targets: [{ attempts: expect.any(Number) }],
    });
    const again = await running("t1");
    const cleaned = json(api("/api/v1/tasks/t1/cleanup", { body: { keepLogs: true } }));
    // What still runs is stopped before anything is removed.
    await expect.poll(() => asked("task.cancel")).toMatchObject([{ attempt: again.id }]);
    ended(again, { outcome: "cancelled", exitCode: null, signal: "SIGINT" });
    expect(await cleaned).toMatchObject({
      task: "t1",
      items: expect.arrayContaining([expect.objectContaining({ outcome: "removed", logKept: true })]),
    });
    expect(asked("task.cleanup")[0]).toMatchObject({ task: "t1", keepLogs: true });
  });
});

describe("bad inputs", () => {
  const big = (chars: number): string => "x".repeat(chars);
  const CASES: [string, unknown, ErrorCode, string | undefined, RegExp][] = [
    ["API 14: promt", { promt: "x" }, "unknown_field", "promt", /^Did you mean prompt\?$/],
    ["nothing to do", {}, "field_missing", "prompt", /exactly one/],
    ["two things to do", { prompt: "x", command: ["x"] }, "field_invalid", "command", /exactly one/],
    [
      "API 19: itself",
      { prompt: "x", id: "a", dependsOn: [{ task: "a" }] },
      "dependency_self",
      "dependsOn[0].task",
      /^Name another task, or none\.$/,
    ],
    [
      "API 21: an unknown dependency",
      { prompt: "x", dependsOn: [{ task: "nope" }] },
      "dependency_not_found",
      "dependsOn[0].task",
      /`maestro task list`/,
    ],
    ["API 24: NUL", { prompt: "a\0b" }, "nul_byte", "prompt", /./],
    ["API 25: a prompt of 5 MB", { prompt: big(5_000_000) }, "prompt_too_large", "prompt", /524288 characters/],
    ["API 25: a prompt just too large", { prompt: big(MAX_PROMPT_CHARS + 1) }, "prompt_too_large", "prompt", /524288 characters/],
    [
      "API 26: a relative workspace",
      { prompt: "x", workspace: { mode: "path", path: "w" } },
      "path_outside_roots",
      "workspace.path",
      /beginning with \//,
    ],
    [
      "API 26: outside the roots",
      { prompt: "x", workspace: { mode: "path", path: "/tmp/../etc" } },
      "path_outside_roots",
      "workspace.path",
      /Inside one of \/tmp/,
    ],
    [
      "API 26: outside the roots of the host that a command is for",
      { command: ["true"], on: { host: "builder" }, workspace: { mode: "path", path: "/tmp/../etc" } },
      "path_outside_roots",
      "workspace.path",
      /Inside one of \/tmp/,
    ],
    ["API 26: a cwd that climbs out", { prompt: "x", cwd: "../.." }, "path_outside_roots", "cwd", /inside the workspace/],
    ["API 27: LD_PRELOAD", { prompt: "x", env: { LD_PRELOAD: "x" } }, "env_denied", "env.LD_PRELOAD", /./],
    ["API 27: of the loader's", { prompt: "x", env: { LD_DEBUG: "all" } }, "env_denied", "env.LD_DEBUG", /agent's own configuration/],
    ["API 27: of git's configuration", { prompt: "x", secrets: ["GIT_CONFIG_COUNT"] }, "env_denied", "secrets[0]", /agent's own/],
    ["API 27: NODE_OPTIONS", { prompt: "x", credentials: { NODE_OPTIONS: "x" } }, "env_denied", "credentials.NODE_OPTIONS", /./],
    ["API 27: A=B", { prompt: "x", env: { "A=B": "x" } }, "env_name_invalid", "env.A=B", /Letters, digits and _/],
    [
      "API 27: A=B as a credential",
      { prompt: "x", credentials: { "A=B": "x" } },
      "env_name_invalid",
      "credentials.A=B",
      /Letters, digits and _/,
    ],
    ["API 27: A=B as a secret", { prompt: "x", secrets: ["A=B"] }, "env_name_invalid", "secrets[0]", /Letters, digits and _/],
    ["a credential that is not forwarded", { prompt: "x", credentials: { FOO: "x" } }, "env_denied", "credentials.FOO", /GH_TOKEN/],
    ["a secret that is not there", { prompt: "x", secrets: ["NOPE"] }, "secret_not_found", "secrets[0]", /maestro secret set NOPE/],
    ["a priority of 9", { prompt: "x", priority: 9 }, "field_invalid", "priority", /At most 5/],
    ["a retry that may do harm", { prompt: "x", onLost: "retry" }, "field_invalid", "onLost", /idempotent/],
    ["an id that looks made", { prompt: "x", id: "tsk_1" }, "field_invalid", "id", /./],
  ];

  // One fleet for all: none of them leaves anything behind.
  test(`each has its code, field and hint: ${CASES.map(([title]) => title).join(", ")}`, async () => {
    const { api } = await workingFleet();
    for (const [title, body, code, field, hint] of CASES) {
      const problem = await refusal(api("/api/v1/tasks", { body }), code);
      if (field !== undefined) expect(problem.field, title).toBe(field);
      expect(problem.hint, title).toMatch(hint);
    }
    expect((await json(api("/api/v1/tasks"))).items).toEqual([]);
  });

  test("API 20, 22: a cycle is told with its path, and so is a dependency that failed", async () => {
    const { submit, running, ended, api } = await workingFleet();
    const field = "dependsOn[0].task";
    await submit({ prompt: "x", id: "a" });
    await submit({ prompt: "x", id: "b", dependsOn: [{ task: "a" }] });
    expect(
      await refusal(api("/api/v1/tasks", { body: { prompt: "x", id: "a", dependsOn: [{ task: "b" }] } }), "dependency_cycle"),
    ).toMatchObject({
      field,
      detail: expect.stringContaining("a → b → a"),
      hint: "Leave one of these dependencies out.",
    });
    await refusal(api("/api/v1/tasks", { body: { prompt: "x", id: "a" } }), "task_exists");
    ended(await running("a"), { outcome: "failed", exitCode: 1, reason: { code: "exit_nonzero", detail: "1" } });
    await json(api("/api/v1/tasks/a/wait"));
    expect(await refusal(api("/api/v1/tasks", { body: { prompt: "x", dependsOn: [{ task: "a" }] } }), "dependency_failed")).toMatchObject({
      field,
      hint: expect.stringContaining("`--if-failed run`"),
    });
    expect((await submit({ prompt: "x", dependsOn: [{ task: "a" }], ifFailed: "run" })).id).toMatch(/^tsk_/);
  });
});

describe("[TK5] what a caller brings", () => {
  const CANARY = "canary-0123456789";

  test("is ciphertext at once: in no row, no answer, no event, no record", async () => {
    const { fleet, submit, running, api, stored, scheduler } = await workingFleet();
    expect(await json(api("/api/v1/secrets/DEPLOY_KEY", { method: "PUT", body: { value: `${CANARY}-fleet` } }))).toMatchObject({
      name: "DEPLOY_KEY",
    });
    const task = await submit({ prompt: "x", credentials: { GH_TOKEN: CANARY }, secrets: ["DEPLOY_KEY"], env: { PLAIN: "yes" } });
    expect(task).toMatchObject({ env: ["PLAIN"], secrets: expect.arrayContaining(["DEPLOY_KEY"]) });
    const kept = await stored();
    expect(kept).toContain('"DEPLOY_KEY"');
    await running(task.id);
    const rest = [
      kept,
      await stored(),
      JSON.stringify(task),
      await (await api("/api/v1/tasks")).text(),
      await (await api("/api/v1/secrets")).text(),
      await (await api("/api/v1/audit")).text(),
      await (await api("/api/v1/events?since=0&follow=false")).text(),
      JSON.stringify((await env.DB.prepare("select * from idempotency").all()).results),
      JSON.stringify(await scheduler().secrets()),
    ];
    for (const text of rest) expect(text).not.toContain(CANARY);
    expect(fleet.id).toMatch(/^flt_/);
  });
});

describe("a token that is limited", () => {
  test("to agents sends those prompts, and sees their tasks only", async () => {
    const { fleet, agent, submit, api } = await workingFleet();
    await agent("web-1");
    const { token } = await makeToken(fleet, { name: "narrow", role: "operator", agents: "web-*" });
    const mine = await submit({ prompt: "x" }, token);
    expect(mine.targets).toMatchObject([{ agent: { name: "web-1" } }]);
    const other = await submit({ prompt: "secret plans", to: ["rev"] });
    const both = await submit({ prompt: "y", to: ["rev", "web-1"] });
    const command = await submit({ command: ["ls"], on: { host: "builder" } });
    expect((await json(call("/api/v1/tasks", { token }))).items.map(({ id }: { id: string }) => id)).toEqual([mine.id]);
    expect(await (await call("/api/v1/queue", { token })).text()).not.toContain("secret plans");
    for (const { id } of [other, both, command])
      for (const [path, options] of [
        [`/api/v1/tasks/${id}`, {}],
        [`/api/v1/tasks/${id}/wait?timeout=0`, {}],
        [`/api/v1/tasks/${id}/cancel`, { body: {} }],
        [`/api/v1/tasks/${id}/retry`, { method: "POST" }],
        [`/api/v1/tasks/${id}/cleanup`, { body: {} }],
      ] as const)
        await refusal(call(path, { token, ...options }), "task_not_found");
    expect((await refusal(call("/api/v1/tasks", { token, body: { prompt: "x", to: ["rev"] } }), "scope_missing")).field).toBe("to");
    expect((await refusal(call("/api/v1/tasks", { token, body: { command: ["id"], to: ["web-1"] } }), "scope_missing")).field).toBe(
      "command",
    );
    expect(
      (await refusal(call("/api/v1/tasks", { token, body: { command: ["id"], on: { host: "builder" } } }), "scope_missing")).field,
    ).toBe("command");
    const events = await (await call("/api/v1/events?since=0&follow=false", { token })).text();
    await expect
      .poll(async () => (await (await call("/api/v1/events?since=0&follow=false", { token })).text()).includes(mine.id))
      .toBe(true);
    expect(events).not.toContain("secret plans");
    await json(api("/api/v1/agents"));
  });

  test("to hosts runs on no other", async () => {
    const { fleet, submit, detail } = await workingFleet();
    await joinHost(fleet, "other-1");
    const { token } = await makeToken(fleet, { name: "narrow", role: "operator", hosts: "other-*" });
    expect(
      (await refusal(call("/api/v1/tasks", { token, body: { command: ["ls"], on: { host: "builder" } } }), "scope_missing")).field,
    ).toBe("on.host");
    expect((await refusal(call("/api/v1/tasks", { token, body: { prompt: "x", to: ["rev"] } }), "scope_missing")).field).toBe("to");
    await refusal(call("/api/v1/tasks", { token, body: { prompt: "x" } }), "target_missing");
    const anywhere = await submit({ command: ["ls"], on: {} }, token);
    expect(await detail(anywhere.id)).toMatchObject({ status: "queued", attempts: [] });
    const viewer = await makeToken(fleet, { name: "v", role: "viewer" });
    await refusal(call("/api/v1/tasks", { token: viewer.token, body: { prompt: "x" } }), "role_insufficient");
    const reader = await makeToken(fleet, { name: "r", role: "operator", scopes: ["agents:read"] });
    expect((await refusal(call("/api/v1/tasks", { token: reader.token, body: { prompt: "x" } }), "scope_missing")).detail).toContain(
      "tasks:write",
    );
  });
});

describe("[SKILL6] agent health", () => {
  test("tells whether an agent could take a task, and what to do if not", async () => {
    const { agent, api, submit, running, ended, link } = await workingFleet();
    await agent("cl", "claude");
    expect(await json(api("/api/v1/agents/rev/health"))).toMatchObject({
      status: "healthy",
      reasons: [],
      agent: { name: "rev" },
      host: { name: "builder" },
    });
    expect(await json(api("/api/v1/agents/cl/health"))).toMatchObject({
      status: "unhealthy",
      reasons: [{ code: "agent_cli_missing", hint: expect.stringContaining("npm i -g") }],
    });
    const { id } = await submit({ prompt: "x", to: ["rev"] });
    const attempt = await running(id);
    expect(await json(api("/api/v1/agents/rev/health"))).toMatchObject({ status: "healthy" });
    ended(attempt, { outcome: "failed", exitCode: 1, reason: { code: "auth_failed", detail: "Not logged in." } });
    await json(api(`/api/v1/tasks/${id}/wait`));
    expect(await json(api("/api/v1/agents/rev/health"))).toMatchObject({
      status: "unhealthy",
      reasons: [{ code: "auth_failed" }],
      lastTask: id,
    });
    // It is shown, and stands in nobody's way: the next one may find it logged in.
    expect((await submit({ prompt: "again", to: ["rev"] })).status).not.toBe("failed");
    link.socket.close(4000, "cut");
    await expect
      .poll(async () => (await json(api("/api/v1/agents/rev/health"))).reasons.map(({ code }: { code: string }) => code))
      .toContain("host_unreachable");
    await refusal(api("/api/v1/agents/nobody/health"), "agent_not_found");
  });
});
