/** Shared state over HTTP: versions, lifetimes, who writes what, and following its changes. */
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import type { ErrorCode } from "@maestro/shared/errors";
import { MAX_STATE_FOLLOWERS_OF_ONE } from "../../control-plane/src/objects/scheduler/state-followers.ts";
import { bootstrap, call, json, makeToken, refusal, type Call } from "./access-fleet.ts";
import { Lines } from "./support/lines.ts";
import { workingFleet } from "./support/working-fleet.ts";

async function stateFleet() {
  const fleet = await bootstrap();
  const { token } = fleet.owner;
  const at = (key: string, options: Call = {}): Promise<Response> =>
    call(`/api/v1/state/${encodeURIComponent(key)}`, { token, ...options });
  return {
    fleet,
    token,
    at,
    put: (key: string, body: unknown, options: Call = {}): Promise<Response> => at(key, { method: "PUT", body, ...options }),
    list: (query = "", options: Call = {}): Promise<Response> => call(`/api/v1/state${query}`, { token, ...options }),
    scheduler: env.SCHEDULER.getByName(fleet.id),
  };
}

describe("a key", () => {
  test("is set, read with its version, set again, and deleted", async () => {
    const { put, at } = await stateFleet();
    expect(await json(put("team/a/endpoint", { value: "http://x" }))).toMatchObject({
      key: "team/a/endpoint",
      version: 1,
      bytes: 8,
      updatedBy: "owner",
      expiresAt: expect.any(String),
    });
    const kept = await json(put("team/a/endpoint", { value: "http://y", ttl: "none" }));
    expect(kept).toMatchObject({ version: 2 });
    expect(kept).not.toHaveProperty("expiresAt");
    expect(kept).not.toHaveProperty("value");
    expect(await json(at("team/a/endpoint"))).toMatchObject({ value: "http://y", version: 2 });
    expect((await at("team/a/endpoint", { method: "DELETE" })).status).toBe(204);
    await refusal(at("team/a/endpoint"), "key_not_found");
    await refusal(at("team/a/endpoint", { method: "DELETE" }), "key_not_found");
  });

  test("of a version is set by If-Match or ifVersion only while it is at that", async () => {
    const { put, at } = await stateFleet();
    const ifMatch = (version: string): Call => ({ headers: { "if-match": version } });
    await json(put("k", { value: "a", ifVersion: 0 }));
    expect(await refusal(put("k", { value: "b", ifVersion: 0 }), "version_conflict")).toMatchObject({ field: "ifVersion", version: 1 });
    expect(await json(put("k", { value: "b" }, ifMatch("1")))).toMatchObject({ version: 2 });
    await refusal(put("k", { value: "c" }, ifMatch('"1"')), "version_conflict");
    await refusal(at("k", { method: "DELETE", ...ifMatch("1") }), "version_conflict");
    expect((await at("k", { method: "DELETE", ...ifMatch("2") })).status).toBe(204);
    expect((await refusal(put("k", { value: "c" }, ifMatch("x")), "field_invalid")).field).toBe("if-match");
  });

  test("of two who set it at once from the same version, one gets it", async () => {
    const { put } = await stateFleet();
    await json(put("k", { value: "0" }));
    const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => put("k", { value: String(i), ifVersion: 1 })));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(7);
  });

  test("whose time is over is gone, and the object wakes by itself to delete it", async () => {
    const { put, at, list, scheduler } = await stateFleet();
    await json(put("short", { value: "a", ttl: 1 }));
    await json(put("long", { value: "a" }));
    const due = await runInDurableObject(scheduler, (_scheduler, { storage }) => storage.getAlarm());
    expect(due ?? Infinity).toBeLessThanOrEqual(Date.now() + 1000);
    await runInDurableObject(scheduler, (object) => {
      object.now = () => Date.now() + 2000;
    });
    await refusal(at("short"), "key_not_found");
    expect((await json(list())).items).toMatchObject([{ key: "long" }]);
    await runDurableObjectAlarm(scheduler);
    expect(await runInDurableObject(scheduler, (_s, { storage }) => storage.sql.exec("SELECT key FROM state").toArray())).toEqual([
      { key: "long" },
    ]);
  });

  test("is listed by prefix, page by page", async () => {
    const { put, list } = await stateFleet();
    for (const key of ["a:1", "a:2", "a:3", "b"]) await json(put(key, { value: "x" }));
    const first = await json(list("?prefix=a:&limit=2"));
    expect(first.items.map(({ key }: { key: string }) => key)).toEqual(["a:1", "a:2"]);
    expect((await json(list(`?prefix=a:&limit=2&cursor=${first.nextCursor}`))).items).toMatchObject([{ key: "a:3" }]);
    await refusal(list(`?prefix=b&cursor=${first.nextCursor}`), "cursor_invalid");
    await refusal(list("?prefix=../"), "key_invalid");
  });

  const CASES: [string, string, unknown, ErrorCode, string][] = [
    ["API 15: __proto__", "__proto__", { value: "x" }, "key_reserved", "key"],
    ["API 15: constructor", "a:constructor", { value: "x" }, "key_reserved", "key"],
    ["a task's result", "task:t1:result", { value: "x" }, "key_reserved", "key"],
    ["API 16: ../x", "../x", { value: "x" }, "key_invalid", "key"],
    ["API 16: an empty one", "", { value: "x" }, "key_invalid", "key"],
    ["API 16: 257 bytes", "k".repeat(257), { value: "x" }, "key_invalid", "key"],
    ["API 17: -1 s", "k", { value: "x", ttl: -1 }, "ttl_out_of_range", "ttl"],
    ["API 17: NaN, as JSON has it", "k", { value: "x", ttl: Number.NaN }, "ttl_out_of_range", "ttl"],
    ["API 17: 1e18", "k", { value: "x", ttl: 1e18 }, "ttl_out_of_range", "ttl"],
    ["API 17: a word", "k", { value: "x", ttl: "soon" }, "ttl_out_of_range", "ttl"],
    ["API 18: 64 KiB and a byte", "k", { value: "x".repeat(65_537) }, "value_too_large", "value"],
    ["API 18: 2 MiB", "k", { value: "x".repeat(2 << 20) }, "value_too_large", "value"],
    ["NUL", "k", { value: "a\0" }, "nul_byte", "value"],
    ["no value", "k", {}, "field_missing", "value"],
    ["an unknown field", "k", { value: "x", tll: 3 }, "unknown_field", "tll"],
  ];

  test(`that is none is refused with its field: ${CASES.map(([title]) => title).join(", ")}`, async () => {
    const { put, list } = await stateFleet();
    for (const [title, key, body, code, field] of CASES) {
      const problem = await refusal(put(key, body), code);
      expect(problem.field, title).toBe(field);
      expect(problem.hint?.length, title).toBeGreaterThan(5);
    }
    expect((await json(list())).items).toEqual([]);
  });
});

describe("all keys", () => {
  test("are deleted by an owner, which is audited", async () => {
    const { fleet, put, list } = await stateFleet();
    for (const key of ["a", "b"]) await json(put(key, { value: "x" }));
    const { token } = await makeToken(fleet, { name: "op", role: "operator" });
    await refusal(list("", { method: "DELETE", token }), "role_insufficient");
    expect(await json(list("", { method: "DELETE" }))).toEqual({ deleted: 2 });
    expect((await json(list())).items).toEqual([]);
    const { items } = await json(call("/api/v1/audit", { token: fleet.owner.token }));
    expect(items).toContainEqual(expect.objectContaining({ action: "stateFlush", target: "all", outcome: "ok" }));
  });

  test("are not what a script means whose variable is empty", async () => {
    const { put, list } = await stateFleet();
    await json(put("a", { value: "x" }));
    for (const options of [{ method: "DELETE" }, {}, { method: "PUT", body: { value: "x" } }])
      await refusal(list("/", options), "key_invalid");
    expect((await json(list())).items).toHaveLength(1);
  });
});

describe("who follows", () => {
  test("is told each change of what it asked for, across evictions", async () => {
    const { evict, api } = await workingFleet();
    const put = (key: string, value: string) => api(`/api/v1/state/${key}`, { method: "PUT", body: { value } });
    await json(put("a:before", "x"));
    const answer = await api("/api/v1/state?watch=true&prefix=a:");
    expect(answer.headers.get("content-type")).toContain("application/x-ndjson");
    const lines = new Lines(answer);
    await json(put("a:1", "one"));
    expect(await lines.next()).toEqual({ key: "a:1", version: 1, op: "set", value: "one" });
    await evict();
    await json(put("b:1", "not asked for"));
    await json(put("a:1", "two"));
    expect(await lines.next()).toEqual({ key: "a:1", version: 2, op: "set", value: "two" });
    await evict();
    await api("/api/v1/state/a:1", { method: "DELETE" });
    expect(await lines.next()).toEqual({ key: "a:1", version: 2, op: "delete" });
    await lines.close();
  });

  test("[VW5] is let go when the credential is revoked", async () => {
    const { fleet, put, list } = await stateFleet();
    const { id, token } = await makeToken(fleet, { name: "watcher", role: "viewer" });
    const lines = new Lines(await list("?watch=true", { token }));
    await json(put("a", { value: "x" }));
    expect(await lines.next()).toMatchObject({ key: "a" });
    expect((await call(`/api/v1/tokens/${id}`, { method: "DELETE", token: fleet.owner.token })).status).toBe(204);
    expect(await lines.next()).toBeUndefined();
  });

  test("has a share of its own: one credential does not take the place of all", async () => {
    const { fleet, list } = await stateFleet();
    const { token } = await makeToken(fleet, { name: "greedy", role: "viewer" });
    const open = [];
    for (let n = 0; n < MAX_STATE_FOLLOWERS_OF_ONE; n++) open.push(new Lines(await list("?watch=true", { token })));
    expect(await refusal(list("?watch=true", { token }), "too_many_viewers")).toMatchObject({
      detail: `${MAX_STATE_FOLLOWERS_OF_ONE} follow this fleet's state with this credential already.`,
      hint: expect.any(String),
    });
    const other = await list("?watch=true");
    expect(other.status).toBe(200);
    await other.body?.cancel();
    await open.pop()?.close();
    await expect.poll(async () => (await list("?watch=true", { token })).status).toBe(200);
    for (const lines of open) await lines.close();
  });
});

describe("[TK5] a credential limited to hosts or agents", () => {
  test("reads of the tasks that it sees only, and writes there only", async () => {
    const { fleet, api, submit, running, ended, detail } = await workingFleet();
    await submit({ prompt: "x", id: "t1" });
    ended(await running("t1"), { result: "the answer" });
    await expect.poll(async () => (await detail("t1")).status).toBe("completed");
    for (const key of ["task:t1:note", "task:gone:note", "tasks", "shared:x"])
      await json(api(`/api/v1/state/${key}`, { method: "PUT", body: { value: "v" } }));
    const keys = (items: { key: string }[]): string[] => items.map(({ key }) => key);
    const limited = async (name: string, limit: object) => {
      const { token } = await makeToken(fleet, { name, ...limit });
      return (path: string, options: Call = {}): Promise<Response> => call(`/api/v1/state${path}`, { token, ...options });
    };
    for (const [name, limit] of [
      ["hosts", { hosts: "other-*" }],
      ["agents", { agents: "other-*" }],
    ] as const) {
      const as = await limited(name, limit);
      await refusal(as("/task:t1:result"), "key_not_found");
      expect(keys((await json(as(""))).items)).toEqual(["shared:x", "tasks"]);
      expect(keys((await json(as("?prefix=task:t1:"))).items)).toEqual([]);
      const put = (key: string) => as(`/${key}`, { method: "PUT", body: { value: "w" } });
      expect((await refusal(put("task:t1:note"), "scope_missing")).field).toBe("key");
      await refusal(put("task:new:note"), "scope_missing");
      await refusal(as("/task:t1:note", { method: "DELETE" }), "key_not_found");
      expect((await refusal(as("", { method: "DELETE" }), "scope_missing")).field).toBe(name);
      expect((await put("shared:x")).status).toBe(200);
      const lines = new Lines(await as("?watch=true"));
      await json(api("/api/v1/state/task:t1:note", { method: "PUT", body: { value: "unseen" } }));
      await json(api("/api/v1/state/shared:x", { method: "PUT", body: { value: name } }));
      expect(await lines.next()).toMatchObject({ key: "shared:x", value: name });
      await lines.close();
    }
    const as = await limited("here", { hosts: "build*" });
    expect(await json(as("/task:t1:result"))).toMatchObject({ value: "the answer" });
    expect(keys((await json(as("?prefix=task:"))).items)).toEqual(["task:t1:note", "task:t1:result"]);
    expect((await as("/task:t1:note", { method: "DELETE" })).status).toBe(204);
  });
});
