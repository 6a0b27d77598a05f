/** The audit chain: everything privileged is in it, nothing can be changed in it unseen, and without it nothing happens. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { auditChainText, verifyAuditChain } from "@maestro/shared/contract/audit-chain";
import type { AuditRecord } from "@maestro/shared/contract/resources";
import { makeId } from "@maestro/shared/ids";
import { sha256Hex } from "../../control-plane/src/crypto/digest.ts";
import type { Feed } from "../../control-plane/src/objects/feed.ts";
import { bootstrap, call, joinHost, json, makeToken, refusal, type Fleet } from "./access-fleet.ts";
import { kill } from "./support/object-life.ts";

let fleet: Fleet;
let feed: DurableObjectStub<Feed>;
beforeEach(async () => {
  fleet = await bootstrap();
  feed = env.FEED.getByName(fleet.id);
});

const records = async (): Promise<AuditRecord[]> => (await json(call("/api/v1/audit?limit=200", { token: fleet.owner.token }))).items;
const verify = async (): Promise<unknown> => verifyAuditChain(await records(), sha256Hex);
const tamper = (sql: string): Promise<unknown> => runInDurableObject(feed, (_, state) => state.storage.sql.exec(sql).toArray());

describe("the audit log", () => {
  it("[F10] records who did what from where, in an unbroken chain across evictions", async () => {
    await evictDurableObject(feed);
    const { id } = await makeToken(fleet, { name: "ci" });
    await evictDurableObject(feed);
    await call(`/api/v1/tokens/${id}`, { method: "DELETE", token: fleet.owner.token, ip: "203.0.113.9" });
    await evictDurableObject(feed);
    const all = await records();
    expect(all.map(({ action, target, outcome }) => [action, target, outcome])).toEqual([
      ["bootstrap", "", "ok"],
      ["tokenCreate", "ci", "ok"],
      ["tokenRevoke", id, "ok"],
    ]);
    expect(all[2]).toMatchObject({
      actor: `member:${fleet.member}`,
      credential: fleet.owner.id,
      ip: "203.0.113.9",
      requestId: expect.stringMatching(/^req_/),
    });
    expect(await verify()).toEqual({ intact: true, records: 3, head: all[2]?.hash });
  });

  it("records denials with their code", async () => {
    const { token } = await makeToken(fleet, { name: "viewer", role: "viewer" });
    await refusal(call("/api/v1/tokens", { token, body: { name: "x" } }), "role_insufficient");
    await refusal(call("/api/v1/audit", { token }), "role_insufficient");
    const denied = (await records()).filter(({ outcome }) => outcome === "denied");
    expect(denied.map(({ action, code }) => [action, code])).toEqual([
      ["tokenCreate", "role_insufficient"],
      ["audit", "role_insufficient"],
    ]);
  });

  it("records failures of what was about to change, enrolment included, and no secret anywhere", async () => {
    await joinHost(fleet, "web");
    await refusal(call("/api/v1/tokens/tok_x", { method: "DELETE", token: fleet.owner.token }), "token_not_found");
    const all = await records();
    expect(all.filter(({ outcome }) => outcome === "failed")).toMatchObject([
      { action: "tokenRevoke", target: "tok_x", code: "token_not_found" },
    ]);
    expect(all.map(({ action }) => action)).toContain("hostJoin");
    expect(JSON.stringify(all)).not.toContain("mst_");
  });

  it("many at once still make one chain", async () => {
    await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        feed.audit({ actor: "a", credential: "c", ip: "-", action: `n${i}`, target: "", outcome: "ok", requestId: "r" }),
      ),
    );
    expect(await verify()).toMatchObject({ intact: true, records: 21 });
  });

  it("is read in pages", async () => {
    for (const name of ["a", "b", "c"]) await makeToken(fleet, { name });
    const first = await json(call("/api/v1/audit?limit=3", { token: fleet.owner.token }));
    const rest = await json(call(`/api/v1/audit?limit=3&cursor=${first.nextCursor}`, { token: fleet.owner.token }));
    expect([...first.items, ...rest.items].map(({ seq }: AuditRecord) => seq)).toEqual([1, 2, 3, 4]);
    expect((await json(call("/api/v1/audit?after=3", { token: fleet.owner.token }))).items.map(({ seq }: AuditRecord) => seq)).toEqual([4]);
  });
});

describe("tampering is found", () => {
  beforeEach(async () => {
    for (const name of ["a", "b", "c"]) await makeToken(fleet, { name });
  });

  it.each([
    ["an edit", "UPDATE audit SET target = 'z' WHERE seq = 2", { seq: 2, problem: "edited" }],
    ["an edited hash", "UPDATE audit SET hash = iif(substr(hash, 1, 1) = 'f', 'e', 'f') || substr(hash, 2) WHERE seq = 2", undefined],
    ["a drop", "DELETE FROM audit WHERE seq = 2", { seq: 2, problem: "missing" }],
    [
      "a drop with the rest moved up",
      "DELETE FROM audit WHERE seq = 2; UPDATE audit SET seq = seq - 1 WHERE seq > 2",
      { seq: 2, problem: "edited" },
    ],
    [
      "a reorder",
      "UPDATE audit SET seq = 99 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 99",
      { seq: 2, problem: "edited" },
    ],
    ["a dropped beginning", "DELETE FROM audit WHERE seq = 1", { seq: 1, problem: "missing" }],
    ["a dropped end of one", "DELETE FROM audit WHERE seq = 4", { seq: 4, problem: "edited" }],
    ["a dropped end of several", "DELETE FROM audit WHERE seq > 2", { seq: 3, problem: "missing" }],
    ["everything dropped", "DELETE FROM audit", { seq: 1, problem: "missing" }],
  ])("%s", async (_, sql, found) => {
    await tamper(sql);
    expect(await verify()).toMatchObject({ intact: false, ...found });
  });

  it.each([
    ["in a dropped end that others wrote on after", async () => {}],
    ["the same across evictions; no record takes the place of one that is gone", async () => evictDurableObject(feed)],
  ])("%s", async (_, meanwhile) => {
    await tamper("DELETE FROM audit WHERE seq > 2");
    await meanwhile();
    await makeToken(fleet, { name: "d" });
    expect((await records()).map(({ seq }) => seq)).toEqual([1, 2, 5]);
    expect(await verify()).toEqual({ intact: false, seq: 3, problem: "missing" });
  });

  it("in a last record that was written anew with a hash that fits, before and after the next one", async () => {
    const [, , third, last] = await records();
    if (third === undefined || last === undefined) throw new Error("four records were made");
    const { hash: _, ...forged } = { ...last, target: "z" };
    await tamper(`UPDATE audit SET target = 'z', hash = '${await sha256Hex(auditChainText(third.hash, forged))}' WHERE seq = 4`);
    expect(await verify()).toMatchObject({ intact: false, seq: 5 });
    await evictDurableObject(feed);
    await makeToken(fleet, { name: "d" });
    expect(await verify()).toEqual({ intact: false, seq: 5, problem: "edited" });
  });

  it("in what was written there by another hand meanwhile: a record is refused rather than put beside it, and goes on after it", async () => {
    await tamper(
      "INSERT INTO audit SELECT 5, at, actor, credential, ip, action, 'z', outcome, code, request_id, hash FROM audit WHERE seq = 4",
    );
    await refusal(call("/api/v1/tokens", { token: fleet.owner.token, body: { name: "d" } }), "audit_unavailable");
    await makeToken(fleet, { name: "e" });
    expect(await verify()).toEqual({ intact: false, seq: 5, problem: "edited" });
  });

  it("and nothing is found in what a version before wrote, that notes no end", async () => {
    const all = await records();
    const last = all.at(-1);
    if (last === undefined) throw new Error("records were made");
    await tamper("UPDATE audit_head SET seq = 2, hash = (SELECT hash FROM audit WHERE seq = 2)");
    await evictDurableObject(feed);
    await makeToken(fleet, { name: "d" });
    expect(await verify()).toMatchObject({ intact: true, records: 5 });
    await tamper("DELETE FROM audit_head");
    expect(await verify()).toMatchObject({ intact: true, records: 5 });
  });

  it("is shown at the end of the last page, however the pages fall", async () => {
    await tamper("DELETE FROM audit WHERE seq = 4");
    for (const limit of [1, 2, 3, 4, 200]) {
      const found: AuditRecord[] = [];
      let cursor = "";
      do {
        const page = await json(call(`/api/v1/audit?limit=${limit}${cursor}`, { token: fleet.owner.token }));
        found.push(...page.items);
        cursor = page.nextCursor === undefined ? "" : `&cursor=${page.nextCursor}`;
      } while (cursor !== "");
      expect(found.map(({ seq, action }) => [seq, action]).at(-1), `pages of ${limit}`).toEqual([4, "recordLost"]);
      expect(found).toHaveLength(4);
    }
  });

  it("records handed over in another order too", async () => {
    const [a, b, c] = await records();
    if (a === undefined || b === undefined || c === undefined) throw new Error("three records were made");
    expect(await verifyAuditChain([a, b, a], sha256Hex)).toEqual({ intact: false, seq: 1, problem: "reordered" });
    expect(await verifyAuditChain([a, b, c], sha256Hex)).toMatchObject({ intact: true });
  });
});

describe("when the audit log cannot be written", () => {
  beforeEach(() => tamper("ALTER TABLE audit RENAME TO lost"));

  it("privileged actions are refused with audit_unavailable and nothing happens", async () => {
    await refusal(call("/api/v1/tokens", { token: fleet.owner.token, body: { name: "x" } }), "audit_unavailable");
    await refusal(call("/api/v1/hosts/joins", { token: fleet.owner.token, body: {} }), "audit_unavailable");
    await refusal(call("/api/v1/members", { token: fleet.owner.token, body: { name: "x", role: "viewer" } }), "audit_unavailable");
    expect(
      await env.DB.prepare(
        "select (select count(*) from tokens) + (select count(*) from joins) + (select count(*) from members) as n",
      ).first("n"),
    ).toBe(2);
  });

  it("reading goes on", async () => {
    expect((await call("/api/v1/tokens", { token: fleet.owner.token })).status).toBe(200);
  });
});

describe("of a task the audit record is kept with it", () => {
  const submit = () => call("/api/v1/tasks", { token: fleet.owner.token, body: { command: ["true"], on: { host: "web" } } });
  const taken = async (): Promise<string> => (await json(submit())).id;
  const scheduler = () => env.SCHEDULER.getByName(fleet.id);
  const recorded = async () =>
    (await records()).filter(({ action, outcome }) => action === "taskCreate" && outcome === "ok").map(({ target }) => target);
  const untilRecorded = (ids: readonly string[]) => expect.poll(recorded).toEqual(ids);
  const lose = () => tamper("ALTER TABLE audit RENAME TO lost");
  const find = () => tamper("ALTER TABLE lost RENAME TO audit");
  beforeEach(() => joinHost(fleet, "web"));

  it("and follows in the order of the submissions, as of then", async () => {
    const beforeMs = Date.now();
    const ids = await Promise.all(Array.from({ length: 5 }, taken));
    await expect.poll(async () => (await recorded()).length).toBe(5);
    expect((await recorded()).toSorted()).toEqual(ids.toSorted());
    const record = (await records()).find(({ target }) => target === ids[0]);
    expect(record).toMatchObject({
      actor: `member:${fleet.member}`,
      credential: fleet.owner.id,
      requestId: expect.stringMatching(/^req_/),
    });
    expect(Date.parse(record?.at ?? "")).toBeGreaterThanOrEqual(beforeMs - 1);
    expect(await verify()).toMatchObject({ intact: true });
  });

  it("while the log takes none, further tasks are refused, and none is lost from it", async () => {
    await lose();
    const ids = [await taken()];
    // Until it is seen that the first record was not written.
    await expect
      .poll(
        async () => {
          const id = makeId("task", Date.now(), crypto.getRandomValues(new Uint8Array(10)));
          const task = { ...again, body: { ...again.body, id }, isNew: true };
          const { ok } = await scheduler().submit(JSON.stringify(task), { ...RECORD, target: id });
          if (ok) ids.push(id);
          return ok;
        },
        { interval: 5 },
      )
      .toBe(false);
    await refusal(submit(), "audit_unavailable");
    const listed = async () =>
      (await json(call("/api/v1/tasks?limit=200", { token: fleet.owner.token }))).items.map(({ id }: { id: string }) => id);
    expect((await listed()).toSorted()).toEqual(ids.toSorted());
    await find();
    ids.push(await taken());
    await untilRecorded(ids);
    expect(await verify()).toMatchObject({ intact: true });
  });

  it("a Scheduler that is killed before it was told tells it when it is back, once", async () => {
    await lose();
    const id = await taken();
    await kill(scheduler());
    await find();
    await runDurableObjectAlarm(scheduler());
    await scheduler().tasks({ limit: 1, reach: {} });
    await untilRecorded([id]);
    // It was told, and that is not written down yet.
    for (let n = 0; n < 2; n++) {
      await kill(scheduler());
      const another = await taken();
      await expect.poll(async () => (await recorded()).filter((one) => one === another)).toHaveLength(1);
      expect((await recorded()).filter((one) => one === id)).toHaveLength(1);
    }
    expect(await verify()).toMatchObject({ intact: true });
  });

  it("is followed by an alarm until it is told", async () => {
    await lose();
    await taken();
    await kill(scheduler());
    expect(await runInDurableObject(scheduler(), (_, state) => state.storage.getAlarm())).not.toBeNull();
  });

  it("none is passed over when one comes back that a life before had told of", async () => {
    const done: string[] = [];
    for (let n = 0; n < 4; n++) {
      const id = await taken();
      done.push(id);
      await scheduler().cancel(id, {}, { name: "ada", credential: "tok" }, "");
    }
    const isOpen = () =>
      runInDurableObject(scheduler(), (_, state) => state.storage.sql.exec("SELECT key FROM tasks WHERE open = 1").toArray().length);
    await expect.poll(isOpen).toBe(0);
    await kill(scheduler());
    expect(await scheduler().retry(done.at(-1) ?? "", {}, { name: "ada", credential: "tok" })).toMatchObject({ ok: true });
    const later: string[] = [];
    for (let n = 0; n < 6; n++) later.push(await taken());
    await expect.poll(async () => (await recorded()).filter((id) => later.includes(id))).toEqual(later);
    expect((await recorded()).filter((id) => done.includes(id))).toEqual(done);
    expect(await verify()).toMatchObject({ intact: true });
  });

  it("told once more while it is being written, it is written once", async () => {
    const entries = Array.from({ length: 20 }, (_one, n) => ({ ...RECORD, target: `t${n}`, atMs: 1 }));
    await runInDurableObject(feed, (object) =>
      Promise.all([object.hear(entries, [], false), object.hear(entries, [], true), object.hear(entries.slice(5), [], true)]),
    );
    expect(await recorded()).toEqual(entries.map(({ target }) => target));
  });

  it("a refused one leaves a record of the refusal alone", async () => {
    const body = { command: ["true"], on: { host: "web" }, dependsOn: [{ task: "nothing-there" }] };
    await refusal(call("/api/v1/tasks", { token: fleet.owner.token, body }), "dependency_not_found");
    const ofTasks = (await records()).filter(({ action }) => action === "taskCreate");
    expect(ofTasks).toMatchObject([{ outcome: "failed", code: "dependency_not_found" }]);
  });

  it("a request that is made once more does nothing, and is recorded at once", async () => {
    const made = await scheduler().submit(JSON.stringify(again), { ...RECORD, requestId: "req_1" });
    expect(made).toMatchObject({ ok: true });
    await untilRecorded([again.body.id]);
    await scheduler().submit(JSON.stringify(again), { ...RECORD, requestId: "req_2" });
    expect(await recorded()).toEqual([again.body.id, again.body.id]);
    await lose();
    expect(await scheduler().submit(JSON.stringify(again), RECORD)).toMatchObject({ ok: false, error: { code: "audit_unavailable" } });
  });
});

const again = {
  body: { id: makeId("task", Date.now(), crypto.getRandomValues(new Uint8Array(10))), command: ["true"], dependsOn: [] },
  sealed: {},
  targets: [{ kind: "host", selector: {} }],
  by: { name: "ada", credential: "tok" },
};
const RECORD = {
  actor: "a",
  credential: "c",
  ip: "-",
  action: "taskCreate",
  target: again.body.id,
  outcome: "ok",
  requestId: "r",
} as const;
