/** Grooms over HTTP [SSH24]: a task of their own kind, with what of its log has come. */
import { describe, expect, test } from "vitest";
import { GROOM_PROMPT } from "@maestro/shared/contract/grooms";
import { json, makeToken, refusal, call } from "./access-fleet.ts";
import { workingFleet } from "./support/working-fleet.ts";

const groomed = (api: (path: string, options?: object) => Promise<Response>, body: object = {}) =>
  json(api("/api/v1/agents/rev/groom", { body }));

describe("a groom", () => {
  test("[SSH24] is a task that may read only, and answers its text once it is over", async () => {
    const { api, asked, running, ended } = await workingFleet();
    const groom = await groomed(api);
    expect(groom).toMatchObject({ status: "waiting", agent: { name: "rev" }, progress: { chunkCount: 0, bytesReceived: 0, elapsedMs: 0 } });
    expect(groom.id).toMatch(/^groomer-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    const attempt = await running(groom.id);
    const [offer] = asked("task.offer");
    expect(offer).toMatchObject({ spec: { permissions: "plan", prompt: GROOM_PROMPT, timeoutMs: 300_000 } });
    ended(attempt, { result: "What there is to know." });
    await expect.poll(async () => (await json(api(`/api/v1/grooms/${groom.id}`))).status).toBe("done");
    expect(await json(api(`/api/v1/grooms/${groom.id}`))).toMatchObject({ text: "What there is to know." });
    expect(await json(api(`/api/v1/tasks/${groom.id}`))).toMatchObject({ status: "completed" });
    // It is over: there is nothing to cancel.
    expect((await api(`/api/v1/grooms/${groom.id}`, { method: "DELETE" })).status).toBe(204);
  });

  test("[SSH24] is cancelled, and is no other task", async () => {
    const { api, asked, running, submit } = await workingFleet();
    const groom = await groomed(api, { prompt: "why?", timeoutMs: 60_000 });
    await running(groom.id);
    expect((await api(`/api/v1/grooms/${groom.id}`, { method: "DELETE" })).status).toBe(204);
    await expect.poll(() => asked("task.cancel").length).toBe(1);
    expect(asked("task.cancel")[0]).toMatchObject({ graceMs: 1_000 });
    const { id } = await submit({ prompt: "x", to: ["rev"] });
    await refusal(api(`/api/v1/grooms/${id}`), "task_not_found");
    await refusal(api(`/api/v1/grooms/${id}`, { method: "DELETE" }), "task_not_found");
    await refusal(api("/api/v1/grooms/groomer-none"), "task_not_found");
  });

  test("[SSH24] no other task goes under the name of one", async () => {
    const { api } = await workingFleet();
    const body = { id: "groomer-mine", prompt: "rm -r .", to: ["rev"] };
    expect(await refusal(api("/api/v1/tasks", { body }), "field_invalid")).toMatchObject({ field: "id" });
    await refusal(api("/api/v1/grooms/groomer-mine"), "task_not_found");
  });

  test("what is wrong with it is said before it is asked", async () => {
    const { api, fleet } = await workingFleet();
    const post = (body: object, ref = "rev", token?: string) =>
      call(`/api/v1/agents/${ref}/groom`, { token: token ?? fleet.owner.token, body });
    await refusal(post({ timeoutMs: 300_001 }), "field_invalid");
    await refusal(post({ prompt: "" }), "field_invalid");
    await refusal(post({ promt: "x" }), "unknown_field");
    await refusal(post({}, "nobody"), "agent_not_found");
    const { token } = await makeToken(fleet, { name: "other", role: "operator", agents: "other-*" });
    await refusal(post({}, "rev", token), "scope_missing");
    await refusal(api("/api/v1/tasks", { body: { command: ["true"], permissions: "plan", on: { host: "builder" } } }), "field_invalid");
  });
});
