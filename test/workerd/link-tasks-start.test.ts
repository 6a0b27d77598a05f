/** [TK5] Starting: secrets are opened, joined by the attempt's own token, and sealed for the host, in one breath. */
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { makeId } from "@maestro/shared/ids";
import { SealedEnv, SEALED_NONCE_BYTES, SEALED_PUBLIC_KEY_BYTES, sealedInfo } from "@maestro/shared/protocol/sealed";
import { configOf } from "../../control-plane/src/config.ts";
import { openAttemptToken } from "../../control-plane/src/crypto/attempt-token.ts";
import { fromBase64Url, utf8 } from "../../control-plane/src/crypto/encoding.ts";
import { sealSecret, SECRET_IV_BYTES, type SecretPlace } from "../../control-plane/src/crypto/secret-box.ts";
import type { HostRelay } from "../../control-plane/src/objects/host-relay.ts";
import { bootstrap, joinHost, ORIGIN } from "./access-fleet.ts";
import type { FakeHost } from "./support/fake-host.ts";
import { linkUp } from "./support/linked-fleet.ts";
import { startAt } from "./support/orders.ts";
import { schedulerScript } from "./support/scheduler-script.ts";

const scheduler = schedulerScript();

interface Started {
  fleet: string;
  link: FakeHost;
  open: (sealed: string, attempt: string, fence: number) => Promise<SealedEnv>;
  relay: DurableObjectStub<HostRelay>;
}

/** A host that is enrolled and linked, whose sealing key is known here. */
async function linked(): Promise<Started> {
  const fleet = await bootstrap();
  const host = await joinHost(fleet, "builder");
  const pair = await crypto.subtle.generateKey("X25519", true, ["deriveBits"]);
  if (!("publicKey" in pair)) throw new Error("a pair was asked for");
  const raw = await crypto.subtle.exportKey("raw", pair.publicKey);
  if (!(raw instanceof ArrayBuffer)) throw new Error("raw bytes were asked for");
  const text = btoa(String.fromCharCode(...new Uint8Array(raw)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
  await env.DB.prepare("UPDATE hosts SET sealing_key = ? WHERE id = ?").bind(text, host.id).run();
  return {
    fleet: fleet.id,
    link: await linkUp(host),
    relay: env.HOST_RELAY.getByName(`${fleet.id}/${host.id}`),
    open: (sealed, attempt, fence) => open(pair.privateKey, sealed, sealedInfo(attempt, fence)),
  };
}

async function open(privateKey: CryptoKey, sealed: string, info: string): Promise<SealedEnv> {
  const bytes = fromBase64Url(sealed) ?? new Uint8Array(0);
  const theirs = await crypto.subtle.importKey("raw", bytes.slice(0, SEALED_PUBLIC_KEY_BYTES), "X25519", false, []);
  const algorithm = { name: "X25519", public: theirs };
  const shared = await crypto.subtle.deriveBits(algorithm, privateKey, 256);
  const key = await crypto.subtle.deriveKey(
    { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info: utf8(info) },
    await crypto.subtle.importKey("raw", shared, "HKDF", false, ["deriveKey"]),
    { name: "AES-GCM", length: 256 },
    false,
    ["decrypt"],
  );
  const from = SEALED_PUBLIC_KEY_BYTES + SEALED_NONCE_BYTES;
  const plain = await crypto.subtle.decrypt(
    { name: "AES-GCM", iv: bytes.slice(SEALED_PUBLIC_KEY_BYTES, from), additionalData: utf8(info) },
    key,
    bytes.slice(from),
  );
  return SealedEnv.parse(JSON.parse(new TextDecoder().decode(plain)));
}

const seal = async (place: SecretPlace, value: string): Promise<string> =>
  sealSecret((await configOf(env)).keys.secrets, place, value, crypto.getRandomValues(new Uint8Array(SECRET_IV_BYTES)));
const attemptId = (): string => makeId("attempt", Date.now(), crypto.getRandomValues(new Uint8Array(10)));

describe("[TK5] start", () => {
  test("[TK5] brings the task's credentials, the fleet's secrets, the attempt's token and where to go with it", async () => {
    const { fleet, link, relay, open: unsealed } = await linked();
    const attempt = attemptId();
    const asked = startAt(relay, {
      attempt,
      fence: 7,
      sealed: {
        GH_TOKEN: await seal({ kind: "task", fleet, task: "tsk_1", name: "GH_TOKEN" }, "ghp_mine"),
        DEPLOY_KEY: await seal({ kind: "fleet", fleet, name: "DEPLOY_KEY" }, "of the fleet"),
      },
      task: "tsk_1",
    });
    const start = await link.next("task.start");
    expect(start).toMatchObject({ attempt, fence: 7 });
    expect(JSON.stringify(start)).not.toMatch(/ghp_mine|mst_att|fleet"/);
    const values = await unsealed(String(start["sealed"]), attempt, 7);
    expect(values).toEqual({
      GH_TOKEN: "ghp_mine",
      DEPLOY_KEY: "of the fleet",
      MAESTRO_TOKEN: values["MAESTRO_TOKEN"],
      MAESTRO_URL: ORIGIN,
    });
    const claim = await openAttemptToken((await configOf(env)).keys.attempt, values["MAESTRO_TOKEN"] ?? "");
    expect(claim).toEqual({ ok: true, value: { fleet, task: "tsk_1", attempt, fence: 7 } });
    const status = { state: "running", startedMs: 1, pid: 9, workspace: "/tmp/w", logBytes: 0 };
    link.say({ t: "reply", id: start["id"], value: { status } });
    const answer = await asked;
    expect(answer.ok && JSON.parse(answer.json)).toEqual({ status });
    expect(scheduler.calls()).toEqual(["hostUp"]);
  });

  test("[TK5] a secret of another task, of another name or of no key is not sent, and is named", async () => {
    const { fleet, link, relay } = await linked();
    const elsewhere = await seal({ kind: "task", fleet, task: "tsk_2", name: "GH_TOKEN" }, "ghp_theirs");
    for (const ciphertext of [elsewhere, "t.AAAA.AAAA", "", "plain"]) {
      const refused = await startAt(relay, { attempt: attemptId(), fence: 1, sealed: { GH_TOKEN: ciphertext }, task: "tsk_1" });
      expect(refused).toMatchObject({ ok: false, neverSent: true, error: { code: "secret_not_found", field: "GH_TOKEN" } });
      expect(JSON.stringify(refused)).not.toContain("ghp_");
    }
    await link.pingPong();
    expect(link.texts.filter(({ t }) => t === "task.start")).toEqual([]);
  });

  test("[TK2] [P14] what the host says it does not have is not looked for", async () => {
    const { link, relay } = await linked();
    const kept = async (): Promise<unknown[]> =>
      runInDurableObject(relay, (_relay, { storage }) => storage.sql.exec("SELECT id FROM attempts").toArray());
    const attempt = attemptId();
    const asked = startAt(relay, { attempt, fence: 1, sealed: {}, task: "tsk_1" });
    const start = await link.next("task.start");
    expect(await kept()).toEqual([{ id: attempt }]);
    link.say({ t: "reply-error", id: start["id"], error: { code: "attempt_not_found", detail: "No such attempt." } });
    expect(await asked).toMatchObject({ ok: false, error: { code: "attempt_not_found" } });
    expect(await kept()).toEqual([]);
  });

  test("[TK5] nothing plain is in the relay's storage", async () => {
    const { fleet, link, relay } = await linked();
    const attempt = attemptId();
    const asked = startAt(relay, {
      attempt,
      fence: 7,
      sealed: { GH_TOKEN: await seal({ kind: "task", fleet, task: "tsk_1", name: "GH_TOKEN" }, "canary-4711") },
      task: "tsk_1",
    });
    const start = await link.next("task.start");
    link.say({ t: "reply", id: start["id"], value: { status: { state: "accepted" } } });
    await asked;
    const stored = await runInDurableObject(relay, (_relay, { storage }) =>
      ["state", "attempts", "outbox"].map((table) => JSON.stringify(storage.sql.exec(`SELECT * FROM ${table}`).toArray())).join(""),
    );
    expect(stored).toContain(attempt);
    expect(stored).not.toMatch(/canary-4711|mst_att/);
  });

  test("[TK5] [LG4] who was started anew is told them again, sealed; what cannot be opened any more is left out", async () => {
    const { fleet, link, open: unsealed } = await linked();
    const attempt = attemptId();
    scheduler.secretsOf = (host, of, fence) =>
      of !== attempt || fence !== 7 || host === "" ? undefined : { task: "tsk_1", sealed: { GH_TOKEN: ciphertext, GONE: "t.AAAA.AAAA" } };
    const ciphertext = await seal({ kind: "task", fleet, task: "tsk_1", name: "GH_TOKEN" }, "ghp_mine");
    link.say({ t: "task.secrets", attempt, fence: 7 });
    const told = await link.next("task.secrets");
    expect(told).toMatchObject({ attempt, fence: 7 });
    const values = await unsealed(String(told["sealed"]), attempt, 7);
    expect(values).toMatchObject({ GH_TOKEN: "ghp_mine", MAESTRO_TOKEN: expect.stringMatching(/^mst_att_/) });
    expect(values).not.toHaveProperty("GONE");
    // Of another fence, or final: there is nothing to tell.
    link.say({ t: "task.secrets", attempt, fence: 8 });
    expect(await link.next("task.secrets", (frame) => frame["fence"] === 8)).toEqual({ t: "task.secrets", attempt, fence: 8 });
  });

  test("[TK5] a Scheduler that cannot be asked is no answer: the host asks again", async () => {
    const { link } = await linked();
    const [first, second] = [attemptId(), attemptId()];
    scheduler.secretsOf = (_host, attempt) => {
      if (attempt === first) throw new Error("the Scheduler is being moved");
      return undefined;
    };
    link.say({ t: "task.secrets", attempt: first, fence: 1 });
    link.say({ t: "task.secrets", attempt: second, fence: 1 });
    expect(await link.next("task.secrets")).toMatchObject({ attempt: second });
    expect(link.texts.filter(({ t }) => t === "task.secrets")).toHaveLength(1);
  });
});
