/** Idempotency-Key: done once, answered the same for 24 h. */
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { sha256Hex } from "../../control-plane/src/crypto/digest.ts";
import { bootstrap, call, json, refusal, type Fleet } from "./access-fleet.ts";

let fleet: Fleet;
beforeEach(async () => {
  fleet = await bootstrap();
});

const create = (key: string, name = "ci"): Promise<Response> =>
  call("/api/v1/tokens", { token: fleet.owner.token, body: { name }, headers: { "idempotency-key": key } });

describe("an Idempotency-Key", () => {
  it("answers a repeat with the first answer, secret included", async () => {
    const first = await create("k1");
    const again = await create("k1");
    expect(again.status).toBe(201);
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect(await json(again)).toEqual(await json(first));
    expect((await json(call("/api/v1/tokens", { token: fleet.owner.token }))).items).toHaveLength(2);
  });

  it("for another request is 422 idempotency_mismatch (API 23)", async () => {
    await create("k1");
    await refusal(create("k1", "other"), "idempotency_mismatch");
  });

  it("of requests at once does the work once; the others are told or answered the same", async () => {
    const answers = await Promise.all(Array.from({ length: 5 }, () => create("k1")));
    expect(answers.every((answer) => answer.status === 201 || answer.status === 409)).toBe(true);
    expect((await json(call("/api/v1/tokens", { token: fleet.owner.token }))).items).toHaveLength(2);
  });

  it("still in progress is 409 idempotency_in_progress; an abandoned one is taken over", async () => {
    await create("k1");
    await env.DB.prepare("update idempotency set status = null, response = null").run();
    await refusal(create("k1"), "idempotency_in_progress");
    await env.DB.prepare("update idempotency set created_ms = created_ms - 121000").run();
    await refusal(create("k1"), "token_exists");
  });

  it("of a refused request may be used again", async () => {
    await refusal(
      call("/api/v1/tokens/tok_x", { method: "DELETE", token: fleet.owner.token, headers: { "idempotency-key": "k1" } }),
      "token_not_found",
    );
    expect((await create("k1")).status).toBe(201);
  });

  it("is forgotten after 24 h", async () => {
    await create("k1");
    await env.DB.prepare("update idempotency set created_ms = created_ms - 86400001").run();
    expect((await create("k1", "other")).status).toBe(201);
  });

  it.each([
    ["of ASCII", "plain", ""],
    ["of other characters", "zwölf 🐝", ""],
    ["behind a byte order mark, which is none of it", "plain", "\u{feff}"],
  ])("is held to a digest of a body that every version makes the same: %s", async (_title, value, mark) => {
    const raw = JSON.stringify({ value });
    const headers = { "idempotency-key": "k1", "content-type": "application/json" };
    const sent = new TextEncoder().encode(`${mark}${raw}`);
    const answer = await call("/api/v1/state/one", { method: "PUT", token: fleet.owner.token, raw: sent, headers });
    expect(answer.status).toBe(200);
    const rows = await env.DB.prepare("select digest from idempotency").all<{ digest: string }>();
    expect(rows.results).toEqual([{ digest: await sha256Hex(`PUT\n/api/v1/state/one\n${raw}`) }]);
  });

  it("costs no other copy of a large body", async () => {
    const encode = vi.spyOn(TextEncoder.prototype, "encode");
    const headers = { "idempotency-key": "k1", "content-type": "application/json" };
    const raw = new Uint8Array(1_000_000).fill(0x20);
    raw.set(new Uint8Array(Array.from('{"name":"ci"}', (char) => char.charCodeAt(0))));
    expect((await call("/api/v1/tokens", { token: fleet.owner.token, raw, headers })).status).toBe(201);
    const lengths = encode.mock.calls.map(([text = ""]) => text.length);
    expect(lengths.length).toBeGreaterThan(0);
    expect(Math.max(...lengths)).toBeLessThan(10_000);
  });

  it("keeps answers encrypted", async () => {
    const { secret } = await json(create("k1"));
    const rows = await env.DB.prepare("select * from idempotency").all();
    expect(JSON.stringify(rows.results)).not.toContain(secret);
  });
});
