/** The token of an attempt: what an agent may do with it, for how long, and what never. */
import { describe, expect, test } from "vitest";
import { MAX_DEPTH, MAX_FAN_OUT } from "@maestro/shared/limits";
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
    for (let i = 0; i < 12; i++) await call("/api/v1/tasks", { token: forged });
    await refusal(call("/api/v1/tasks", { token: forged }), "rate_limited");
    expect((await call("/api/v1/tasks", { token })).status).toBe(200);
  });
});
