/** The fleet's secrets: they go in, are named, and are deleted; nothing gives one back. */
import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import type { ErrorCode } from "@maestro/shared/errors";
import { configOf } from "../../control-plane/src/config.ts";
import { openSecret, sealSecret } from "../../control-plane/src/crypto/secret-box.ts";
import { bootstrap, call, json, logIn, makeToken, refusal } from "./access-fleet.ts";

async function secretFleet() {
  const fleet = await bootstrap();
  const { token } = fleet.owner;
  return {
    fleet,
    token,
    put: (name: string, body: unknown, as = token) =>
      call(`/api/v1/secrets/${encodeURIComponent(name)}`, { method: "PUT", token: as, body }),
    remove: (name: string) => call(`/api/v1/secrets/${name}`, { method: "DELETE", token }),
    list: async (query = "") => json(call(`/api/v1/secrets${query}`, { token })),
  };
}

test("a secret is set, named, set anew and deleted; its value is in no answer and no record", async () => {
  const { put, remove, list, token } = await secretFleet();
  const set = await json(put("DEPLOY_KEY", { value: "hunter2hunter2" }));
  expect(set).toMatchObject({ name: "DEPLOY_KEY", updatedBy: "owner" });
  await json(put("A", { value: "x" }));
  await json(put("DEPLOY_KEY", { value: "hunter2hunter2" }));
  const listed = await list();
  expect(listed.items.map(({ name }: { name: string }) => name)).toEqual(["A", "DEPLOY_KEY"]);
  const page = await list("?limit=1");
  expect(page.items).toHaveLength(1);
  expect((await list(`?limit=1&cursor=${page.nextCursor}`)).items).toMatchObject([{ name: "DEPLOY_KEY" }]);
  const audit = await (await call("/api/v1/audit", { token })).text();
  expect(audit).toContain("secretPut");
  for (const text of [JSON.stringify(set), JSON.stringify(listed), audit]) expect(text).not.toContain("hunter2");
  expect((await remove("DEPLOY_KEY")).status).toBe(204);
  await refusal(remove("DEPLOY_KEY"), "secret_not_found");
});

const CASES: [string, unknown, ErrorCode, string][] = [
  ["A=B", { value: "x" }, "env_name_invalid", "name"],
  ["1A", { value: "x" }, "env_name_invalid", "name"],
  ["__proto__", { value: "x" }, "env_name_invalid", "name"],
  ["N".repeat(129), { value: "x" }, "env_name_invalid", "name"],
  ["LD_PRELOAD", { value: "x" }, "env_denied", "name"],
  ["GIT_CONFIG_VALUE_0", { value: "x" }, "env_denied", "name"],
  ["MAESTRO_TOKEN", { value: "x" }, "env_denied", "name"],
  ["A", { value: "" }, "field_invalid", "value"],
  ["A", { value: "x".repeat(16_385) }, "field_invalid", "value"],
  ["A", { value: "a\0b" }, "nul_byte", "value"],
  ["A", {}, "field_missing", "value"],
];

test("what is no secret is refused with its field, and without its value", async () => {
  const { put, list } = await secretFleet();
  for (const [name, body, code, field] of CASES)
    expect(await refusal(put(name, body), code), name).toMatchObject({ field, hint: expect.any(String) });
  expect((await list()).items).toEqual([]);
});

test("an operator reads the names; only an owner with a fresh login sets one", async () => {
  const { fleet, put } = await secretFleet();
  const operator = await makeToken(fleet, { name: "op", role: "operator" });
  const viewer = await makeToken(fleet, { name: "v", role: "viewer" });
  await refusal(put("A", { value: "x" }, operator.token), "role_insufficient");
  expect((await call("/api/v1/secrets", { token: operator.token })).status).toBe(200);
  await refusal(call("/api/v1/secrets", { token: viewer.token }), "role_insufficient");
  const browser = await logIn({ token: (await makeToken(fleet, { name: "b" })).token });
  await refusal(call("/api/v1/secrets/A", { method: "PUT", raw: '{"value":"x"}', headers: browser.writeHeaders }), "step_up_required");
});

test("[TK5] ciphertext opens where it belongs and nowhere else", async () => {
  const { keys } = await configOf(env);
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const at = { fleet: "flt_a", task: "t1", name: "A" };
  const ofFleet = await sealSecret(keys.secrets, { kind: "fleet", fleet: "flt_a", name: "A" }, "välue", iv);
  const ofTask = await sealSecret(keys.secrets, { kind: "task", ...at }, "välue", iv);
  for (const text of [ofFleet, ofTask]) expect(await openSecret(keys.secrets, at, text)).toBe("välue");
  expect(await openSecret(keys.secrets, { ...at, task: "t2" }, ofFleet)).toBe("välue");
  for (const text of [ofFleet, ofTask])
    for (const elsewhere of [{ fleet: "flt_b" }, { name: "B" }])
      expect(await openSecret(keys.secrets, { ...at, ...elsewhere }, text)).toBeUndefined();
  expect(await openSecret(keys.secrets, { ...at, task: "t2" }, ofTask)).toBeUndefined();
  expect(await openSecret(keys.secrets, at, ofTask.replace(/^t/, "f"))).toBeUndefined();
  expect(await openSecret(keys.secrets, at, `${ofTask}x`)).toBeUndefined();
  for (const damaged of ["", "t", "t..", "t.AAAA.AAAA", `${ofTask}.x`]) expect(await openSecret(keys.secrets, at, damaged)).toBeUndefined();
});
