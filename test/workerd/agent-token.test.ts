/** The token of an attempt: what an agent may do with it, for how long, and what never. */
import { describe, expect, test } from "vitest";
import { MAX_DEPTH, MAX_FAN_OUT, MAX_TASKS_BENEATH } from "@maestro/shared/limits";
import { formatAttemptToken } from "@maestro/shared/token";
import { call, joinHost, json, refusal, type Call } from "./access-fleet.ts";
import { linkUp } from "./support/linked-fleet.ts";
import { Lines } from "./support/lines.ts";
import { workingFleet } from "./support/working-fleet.ts";

/** An agent at work at task `t1`, as its CLI would speak. */
async function agentAtWork() {
  const fleet = await workingFleet();
  await fleet.submit({ prompt: "x", id: "t1" });
  const attempt = await fleet.running("t1");
  const token = await fleet.tokenOf("t1", attempt);
  const as = (path: string, options: Call = {}): Promise<Response> => call(path, { token, ...options });
  const put = (key: string, value = "v"): Promise<Response> => as(`/api/v1/state/${key}`, { method: "PUT", body: { value } });
  return { ...fleet, attempt, token, as, put };
}

describe("an agent with its token", () => {
  test("sees its own task and its children, and no other", async () => {
    const { as, submit, evict } = await agentAtWork();
    await submit({ prompt: "somebody else's", id: "other" });
    const child = await json(as("/api/v1/tasks", { body: { command: ["true"], on: { host: "builder" } } }));
    expect(child).toMatchObject({ parent: "t1", createdBy: "rev/t1" });
    expect((await json(as("/api/v1/tasks"))).items.map(({ id }: { id: string }) => id).sort()).toEqual(["t1", child.id].sort());
    expect(await json(as("/api/v1/tasks/t1"))).toMatchObject({ id: "t1", status: "running" });
    await evict();
    expect(await json(as(`/api/v1/tasks/${child.id}`))).toMatchObject({ id: child.id });
    await refusal(as("/api/v1/tasks/other"), "task_not_found");
    await refusal(as("/api/v1/tasks/other/wait?timeout=0"), "task_not_found");
    await refusal(as("/api/v1/tasks/other/cancel", { body: {} }), "task_not_found");
    await refusal(as("/api/v1/tasks/other/log"), "task_not_found");
    expect(await json(as(`/api/v1/tasks/${child.id}/cancel`, { body: { reason: "enough" } }))).toMatchObject({
      cancel: { reason: "enough" },
    });
    expect(await json(as("/api/v1/tasks/t1/cancel", { body: {} }))).toMatchObject({ status: "cancelling" });
  });

  test("reads all of the state, and writes what is its own or everybody's", async () => {
    const { api, as, put } = await agentAtWork();
    await json(api("/api/v1/state/endpoint", { method: "PUT", body: { value: "http://x" } }));
    expect(await json(as("/api/v1/state/endpoint"))).toMatchObject({ value: "http://x" });
    for (const key of ["task:t1:progress", "agent:rev:notes", "shared:x"])
      expect(await json(put(key))).toMatchObject({ updatedBy: "rev/t1" });
    expect((await json(as("/api/v1/state"))).items).toHaveLength(4);
    for (const key of ["endpoint", "task:t2:x", "agent:other:x", "task:t1:"]) {
      const refused = await refusal(put(key), "agent_forbidden");
      expect(refused).toMatchObject({ field: "key", hint: "It writes keys that begin with task:t1:, agent:rev:, shared:." });
      await refusal(as(`/api/v1/state/${key}`, { method: "DELETE" }), "agent_forbidden");
    }
    await refusal(put("task:t1:result"), "key_reserved");
    expect((await as("/api/v1/state/shared:x", { method: "DELETE" })).status).toBe(204);
    await refusal(as("/api/v1/state", { method: "DELETE" }), "agent_forbidden");
  });

  test("API 33: makes no token, enrols no host, sets no secret, types into nothing", async () => {
    const { as, api } = await agentAtWork();
    const forbidden: [string, Call][] = [
      ["/api/v1/tokens", { body: { name: "x" } }],
      ["/api/v1/tokens", {}],
      ["/api/v1/me", {}],
      ["/api/v1/hosts", {}],
      ["/api/v1/hosts/joins", { body: {} }],
      ["/api/v1/members", { body: { name: "eve", role: "owner" } }],
      ["/api/v1/secrets/A", { method: "PUT", body: { value: "x" } }],
      ["/api/v1/secrets", {}],
      ["/api/v1/agents", { body: { type: "shell", workspace: "/tmp/x" } }],
      ["/api/v1/sessions", { body: {} }],
      ["/api/v1/tickets", { body: { feed: true } }],
      ["/api/v1/events", {}],
      ["/api/v1/audit", {}],
      ["/api/v1/queue", {}],
      ["/api/v1/tasks/t1/retry", { method: "POST" }],
      ["/api/v1/tasks/t1/cleanup", { body: {} }],
    ];
    for (const [path, options] of forbidden)
      expect((await refusal(as(path, options), "agent_forbidden")).hint).toBe(
        "It is for the agent's own task: its children, their logs, and shared state.",
      );
    const { items } = await json(api("/api/v1/audit?limit=200"));
    expect(items).toContainEqual(
      expect.objectContaining({
        action: "tokenCreate",
        outcome: "denied",
        code: "agent_forbidden",
        actor: expect.stringMatching(/^agent:/),
      }),
    );
  });

  test("submits so many children and so deep", async () => {
    const { as, attempt, submit, running, ended, tokenOf } = await agentAtWork();
    // They never run: what they wait for does not happen.
    const child = (id: string): Call => ({
      body: { command: ["true"], on: { host: "builder" }, id, dependsOn: [{ task: "t1", on: "failure" }] },
    });
    for (let i = 0; i < MAX_FAN_OUT; i++) expect((await as("/api/v1/tasks", child(`c${i}`))).status).toBe(201);
    await refusal(as("/api/v1/tasks", child("more")), "fan_out_exceeded");
    ended(attempt);
    await submit({ prompt: "x", id: "d0" });
    for (let depth = 0; depth <= MAX_DEPTH; depth++) {
      const token = await tokenOf(`d${depth}`, await running(`d${depth}`));
      const answer = call("/api/v1/tasks", { token, body: { command: ["true"], on: { host: "builder" }, id: `d${depth + 1}` } });
      if (depth === MAX_DEPTH) await refusal(answer, "depth_exceeded");
      else expect((await answer).status).toBe(201);
    }
  });

  test("spends no more beneath its task than that one's budget, through all generations and however it ends", async () => {
    const { api, submit, running, ended, tokenOf, detail, evict, link } = await workingFleet();
    await submit({ prompt: "x", id: "top", budget: { usd: 1, tasks: 6 } });
    expect(await detail("top")).toMatchObject({ budget: { usd: 1, spentUsd: 0, tasks: 6, usedTasks: 0 } });
    const top = await running("top");
    const child = async (id: string, parent: string, attempt: typeof top, more: object = {}): Promise<Response> =>
      call("/api/v1/tasks", {
        token: await tokenOf(parent, attempt),
        body: { command: ["true"], on: { host: "builder" }, id, ...more },
      });
    for (const id of ["a", "b"]) expect((await child(id, "top", top)).status).toBe(201);
    const [a, b] = [await running("a"), await running("b")];
    // Whoever ends before its children is accountable for them all the same.
    ended(top);
    await expect.poll(async () => (await detail("top")).status).toBe("completed");
    for (const id of ["a1", "a2"]) expect((await child(id, "a", a)).status).toBe(201);
    const [a1, a2] = [await running("a1"), await running("a2")];
    await evict();
    ended(a1, { usage: { costUsd: 0.4 } });
    await expect.poll(async () => (await detail("top")).budget?.spentUsd).toBe(0.4);
    expect((await child("b1", "b", b, { dependsOn: [{ task: "b" }] })).status).toBe(201);
    ended(b, { usage: { costUsd: 0.7 } });
    // What is open beneath it is stopped, and nothing more is taken in.
    await expect.poll(async () => (await detail("b1")).status).toBe("cancelled");
    expect(await detail("b1")).toMatchObject({
      reason: { code: "cancelled", detail: "The tasks beneath 'top' may cost 1 USD together, and have cost 1.1 USD." },
    });
    for (const id of ["a", "a2"]) expect((await detail(id)).status).toBe("cancelling");
    expect((await detail("b")).status).toBe("completed");
    expect(link.asked.filter(({ t }) => t === "task.cancel").map(({ attempt }) => attempt)).toEqual(expect.arrayContaining([a.id, a2.id]));
    expect(await refusal(child("a3", "a", a), "budget_exceeded")).toMatchObject({
      detail: "The tasks beneath 'top' may cost 1 USD together, and have cost 1.1 USD.",
      hint: "Whoever dispatched 'top' can dispatch it again with a larger budget.",
    });
    expect(await json(api("/api/v1/tasks/top"))).toMatchObject({ budget: { spentUsd: 1.1, usedTasks: 5 } });
  });

  test("has so many tasks beneath its own, whatever they cost", async () => {
    const { submit, running, tokenOf, detail, evict } = await workingFleet();
    await submit({ prompt: "x", id: "top", budget: { tasks: 2 } });
    const token = async (task: string): Promise<string> => tokenOf(task, await running(task));
    const child = (id: string, by: string): Promise<Response> =>
      // A larger budget of its own does not help.
      call("/api/v1/tasks", { token: by, body: { command: ["true"], on: { host: "builder" }, id, budget: { tasks: 100 } } });
    const top = await token("top");
    expect((await child("a", top)).status).toBe(201);
    const a = await token("a");
    expect((await child("a1", a)).status).toBe(201);
    const a1 = await token("a1");
    await evict();
    for (const by of [top, a, a1])
      expect((await refusal(child("more", by), "budget_exceeded")).detail).toBe("There may be 2 tasks beneath 'top', and there are.");
    await submit({ prompt: "x", id: "other" });
    expect(await detail("other")).not.toHaveProperty("budget");
  });

  test("a budget that is none is refused with its field", async () => {
    const { api } = await workingFleet();
    for (const [budget, field] of [
      [{ usd: 0 }, "budget.usd"],
      [{ usd: -1 }, "budget.usd"],
      [{ usd: "1" }, "budget.usd"],
      [{ tasks: 1.5 }, "budget.tasks"],
      [{ tasks: MAX_TASKS_BENEATH + 1 }, "budget.tasks"],
    ] as const)
      expect((await refusal(api("/api/v1/tasks", { body: { prompt: "x", to: ["rev"], budget } }), "field_invalid")).field).toBe(field);
    await refusal(api("/api/v1/tasks", { body: { prompt: "x", to: ["rev"], budget: { eur: 1 } } }), "unknown_field");
  });

  test("submits to the host of its own task, and to no other", async () => {
    const { as, fleet, api } = await agentAtWork();
    await linkUp(await joinHost(fleet, "elsewhere"));
    await api("/api/v1/agents", { body: { name: "far", type: "shell", workspace: "/tmp/far", host: "elsewhere" } });
    for (const body of [
      { command: ["true"], on: { host: "elsewhere" } },
      { prompt: "x", to: ["far"] },
    ]) {
      const answer = await as("/api/v1/tasks", { body });
      expect(answer.status, await answer.clone().text()).toBe(403);
    }
    const anywhere = await json(as("/api/v1/tasks", { body: { command: ["true"], on: {} } }));
    expect(anywhere).toMatchObject({ parent: "t1" });
  });

  test("[TK5] passes on what its own task was given, and no other secret of the fleet or the host", async () => {
    const { api, submit, running, tokenOf } = await workingFleet();
    for (const name of ["GIVEN", "KEPT"]) await json(api(`/api/v1/secrets/${name}`, { method: "PUT", body: { value: "x" } }));
    await submit({ prompt: "x", id: "t1", secrets: ["GIVEN"], hostEnv: ["GH_TOKEN"] });
    const token = await tokenOf("t1", await running("t1"));
    const child = (body: object): Promise<Response> =>
      call("/api/v1/tasks", { token, body: { command: ["env"], on: { host: "builder" }, ...body } });
    for (const [body, field] of [
      [{ secrets: ["GIVEN", "KEPT"] }, "secrets[1]"],
      [{ secrets: ["ABSENT"] }, "secrets[0]"],
      [{ hostEnv: ["OPENAI_API_KEY"] }, "hostEnv[0]"],
      // The fleet's secret of a name that it has from elsewhere.
      [{ secrets: ["GH_TOKEN"] }, "secrets[0]"],
      [{ forwardAgent: true }, "forwardAgent"],
    ] as const)
      expect(await refusal(child(body), "policy_denied")).toMatchObject({ field, hint: expect.any(String) });
    expect(await json(child({ secrets: ["GIVEN"], hostEnv: ["GH_TOKEN"] }))).toMatchObject({ parent: "t1", secrets: ["GIVEN"] });
  });

  test("API 29: has it no longer than its fence: an older one, or the end, shuts it out", async () => {
    const { as, api, attempt, tokenOf, ended, put, evict } = await agentAtWork();
    const older = await tokenOf("t1", { id: attempt.id, fence: attempt.fence + 1 });
    await refusal(call("/api/v1/tasks/t1", { token: older }), "stale_fence");
    const watched = await as("/api/v1/state?watch=true");
    const lines = new Lines(watched);
    await json(put("shared:a"));
    expect(await lines.next()).toMatchObject({ key: "shared:a" });
    ended(attempt);
    await expect.poll(async () => (await as("/api/v1/tasks/t1")).status).not.toBe(200);
    for (const path of ["/api/v1/tasks/t1", "/api/v1/state"]) {
      const { code } = await json(as(path));
      expect(["attempt_terminal", "stale_fence"]).toContain(code);
    }
    await evict();
    await refusal(put("shared:a"), "attempt_terminal");
    await json(api("/api/v1/state/shared:b", { method: "PUT", body: { value: "x" } }));
    expect(await lines.next()).toBeUndefined();
  });

  test("that is mistyped, forged or of another fleet is none", async () => {
    const { token, attempt, fleet } = await agentAtWork();
    const wrong = token.slice(0, -1) + (token.endsWith("0") ? "1" : "0");
    await refusal(call("/api/v1/tasks", { token: wrong }), "token_malformed");
    const claim = { fleet: fleet.id, task: "t1", attempt: attempt.id, fence: attempt.fence };
    const forged = formatAttemptToken(claim, "A".repeat(43));
    await refusal(call("/api/v1/tasks", { token: forged }), "token_unknown");
    // Two windows' worth at most, for the one that is open may turn over on the way.
    let last = await call("/api/v1/tasks", { token: forged });
    for (let i = 0; i < 24 && last.status !== 429; i++) last = await call("/api/v1/tasks", { token: forged });
    await refusal(last, "rate_limited");
    expect((await call("/api/v1/tasks", { token })).status).toBe(200);
  });
});
