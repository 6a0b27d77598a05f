/** What the Worker remembers of its database for a moment: it saves the reading, and never hides what was changed here. */
import { env } from "cloudflare:workers";
import { isId } from "@maestro/shared/ids";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { openDb } from "../../control-plane/src/db/client.ts";
import { touchToken } from "../../control-plane/src/db/tokens.ts";
import { call, json, makeToken, refusal } from "./access-fleet.ts";
import { upgrade } from "./support/linked-fleet.ts";
import { workingFleet, type WorkingFleet } from "./support/working-fleet.ts";

let world: WorkingFleet;
let user: { id: string; token: string };
/** Past the time for which tables that were written to are read each time. */
const SETTLED_MS = 6_000;
const later = (ms: number): void => void vi.setSystemTime(Date.now() + ms);

const command = ["true"];
const submit = (body: object) => call("/api/v1/tasks", { token: user.token, body: { command, ...body } });
const toHost = () => submit({ on: { host: "builder" } });
const toAgent = () => submit({ to: ["rev"] });

beforeEach(async () => {
  world = await workingFleet();
  user = await makeToken(world.fleet, { name: "ci", role: "operator" });
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
  later(SETTLED_MS);
  // Its first use is noted, and is no reason to read it again.
  for (let n = 0; n < 2; n++) {
    await json(toHost());
    await json(toAgent());
  }
});
afterEach(() => {
  vi.useRealTimers();
});

test("what another isolate changed is seen a second later", async () => {
  await env.DB.prepare("update hosts set name = 'renamed'").run();
  await env.DB.prepare("update agents set name = 'gone'").run();
  await env.DB.prepare("update tokens set revoked_ms = 1 where id = ?").bind(user.id).run();
  await json(toHost());
  await json(toAgent());
  later(1_000);
  await refusal(toHost(), "token_revoked");
  await env.DB.prepare("update tokens set revoked_ms = null").run();
  later(1_000);
  await refusal(toHost(), "host_not_found");
  await refusal(toAgent(), "agent_not_found");
});

test("what was changed here counts at once", async () => {
  await json(world.api("/api/v1/agents/rev", { method: "PATCH", body: { name: "next" } }));
  await refusal(toAgent(), "agent_not_found");
  await json(toHost());
  await json(world.api("/api/v1/hosts/builder", { method: "PATCH", body: { name: "renamed" } }));
  await refusal(toHost(), "host_not_found");
  await world.api(`/api/v1/tokens/${user.id}`, { method: "DELETE" });
  await refusal(toHost(), "token_revoked");
});

test("no socket is opened with rights that another isolate took away: it would keep them", async () => {
  const open = () => upgrade("/api/v1/events", { authorization: `Bearer ${user.token}` });
  await env.DB.prepare("update members set role = 'viewer'").run();
  await json(toHost());
  await refusal(open(), "superseded");
  later(1_000);
  const answer = await open();
  expect(answer.status).toBe(101);
  answer.webSocket?.accept();
  answer.webSocket?.close();
});

test("a name that nobody had is asked for each time", async () => {
  await refusal(submit({ to: ["soon"] }), "agent_not_found");
  await env.DB.prepare("update agents set name = 'soon'").run();
  await json(submit({ to: ["soon"] }));
});

test("of many first uses of a token that come together one is noted", async () => {
  const fresh = await makeToken(world.fleet, { name: "fresh", role: "operator" });
  if (!isId("token", fresh.id)) throw new Error("no token's id");
  const { id } = fresh;
  const prepare = vi.spyOn(env.DB, "prepare");
  try {
    await Promise.all(Array.from({ length: 8 }, () => touchToken(openDb(env.DB), id, Date.now())));
    expect(prepare.mock.calls.filter(([sql]) => sql.startsWith("update"))).toHaveLength(1);
  } finally {
    prepare.mockRestore();
  }
  expect(await env.DB.prepare("select last_used_ms from tokens where id = ?").bind(id).first("last_used_ms")).toBe(Date.now());
});
