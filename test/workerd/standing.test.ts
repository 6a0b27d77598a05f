/** [VW5] What a credential may do at the moment at which its socket is recorded: the lower of its own role and its member's. */
import { env } from "cloudflare:workers";
import { isId } from "@maestro/shared/ids";
import { expect, test } from "vitest";
import { openDb } from "../../control-plane/src/db/client.ts";
import { socketRecord } from "../../control-plane/src/db/open-sockets.ts";
import { sessionStanding, tokenStanding } from "../../control-plane/src/db/standing.ts";
import { bootstrap, logIn, makeToken } from "./access-fleet.ts";

const db = openDb(env.DB);
const set = (sql: string) => env.DB.prepare(sql).run();

async function fleetOf(role: string) {
  const fleet = await bootstrap();
  const token = await makeToken(fleet, { name: "one", role });
  await logIn({ token: token.token });
  const session = await env.DB.prepare("select id from browser_sessions").first<string>("id");
  if (session === null || !isId("fleet", fleet.id) || !isId("token", token.id) || !isId("browser", session)) throw new Error("no ids");
  return { fleet: fleet.id, token: token.id, session };
}

test("its own role and its member's are told apart, also in a batch", async () => {
  const { fleet, token, session } = await fleetOf("operator");
  await set("update members set role = 'viewer'");
  const known = { role: "operator", memberRole: "viewer", revokedMs: null };
  const record = socketRecord(db, fleet, token, { kind: "feed", object: fleet }, 7);
  expect((await db.batch([record, tokenStanding(db, token)]))[1]).toEqual([known]);
  expect((await db.batch([record, sessionStanding(db, session)]))[1]).toEqual([known]);
  expect(await env.DB.prepare("select count(*) as n from open_sockets").first("n")).toBe(1);
});

test("a browser session ends with the token that opened it, and both with their member", async () => {
  const { token, session } = await fleetOf("viewer");
  await set(`update tokens set revoked_ms = 5 where id = '${token}'`);
  expect(await sessionStanding(db, session).get()).toMatchObject({ memberRole: "owner", revokedMs: 5 });
  expect(await tokenStanding(db, token).get()).toMatchObject({ revokedMs: 5 });
  await set("delete from members");
  expect(await sessionStanding(db, session).get()).toMatchObject({ memberRole: null });
  expect(await tokenStanding(db, token).get()).toMatchObject({ memberRole: null });
});
