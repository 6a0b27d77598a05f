/** [TK5] What the control plane seals for a host, the host opens, and nobody else does. */
import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { Sealer } from "../control-plane/src/crypto/sealed.ts";
import type { KeyPair } from "../host-agent/src/daemon/identity.ts";
import { unseal } from "../host-agent/src/tasks/unseal.ts";

function sealingKey(): KeyPair {
  const { x, d } = generateKeyPairSync("x25519").privateKey.export({ format: "jwk" });
  if (x === undefined || d === undefined) throw new Error("an X25519 key has both");
  return { public: x, private: d };
}

let nowMs = 0;
const sealer = new Sealer(() => nowMs);
const FOR = { attempt: "att_1", fence: 7 };
const ENV = { GH_TOKEN: "ghp_secret", EMPTY: "", UNICODE: "ключ 🗝" };

describe("[TK5] sealed for one host, one attempt and one fence", () => {
  test("[TK5] opens there, whole", async () => {
    const key = sealingKey();
    const sealed = await sealer.seal(key.public, FOR, ENV);
    expect(sealed).toMatch(/^[\w-]+$/);
    expect(unseal(sealed ?? "", key, "att_1", 7)).toEqual({ ok: true, value: ENV });
  });

  test("[TK5] two of the same differ, and neither shows what is in it", async () => {
    const key = sealingKey();
    const [one, two] = await Promise.all([sealer.seal(key.public, FOR, ENV), sealer.seal(key.public, FOR, ENV)]);
    expect(one).not.toBe(two);
    expect(Buffer.from(one ?? "", "base64url").includes("ghp_secret")).toBe(false);
  });

  test("[TK5] one key pair of the control plane serves a minute, and one host", async () => {
    const [key, other] = [sealingKey(), sealingKey()];
    const pairs: string[] = [];
    for (const [at, to] of [
      [0, key],
      [59_999, key],
      [60_000, key],
      [60_001, other],
      // A clock that was set back.
      [1, other],
    ] as const) {
      nowMs = at;
      const sealed = (await sealer.seal(to.public, FOR, ENV)) ?? "";
      expect(unseal(sealed, to, "att_1", 7)).toEqual({ ok: true, value: ENV });
      pairs.push(sealed.slice(0, 42));
    }
    expect(pairs.map((pair) => pairs.indexOf(pair))).toEqual([0, 0, 2, 3, 4]);
  });

  test("[TK5] for another key, attempt or fence, or changed anywhere, it does not open", async () => {
    const key = sealingKey();
    const sealed = (await sealer.seal(key.public, FOR, ENV)) ?? "";
    expect(unseal(sealed, sealingKey(), "att_1", 7).ok).toBe(false);
    expect(unseal(sealed, key, "att_2", 7).ok).toBe(false);
    expect(unseal(sealed, key, "att_1", 8).ok).toBe(false);
    const bytes = Buffer.from(sealed, "base64url");
    for (let i = 0; i < bytes.length; i++) {
      const bent = Buffer.from(bytes);
      bent[i] = (bent[i] ?? 0) ^ (i === 31 ? 1 : 0x41);
      expect(unseal(bent.toString("base64url"), key, "att_1", 7).ok, `byte ${i}`).toBe(false);
    }
  });

  test("[TK5] a key that is none seals nothing", async () => {
    expect(await sealer.seal("AAAA", FOR, ENV)).toBeUndefined();
    expect(await sealer.seal("not base64url!", FOR, ENV)).toBeUndefined();
    // Of small order: everybody would know the secret.
    expect(await sealer.seal("A".repeat(43), FOR, ENV)).toBeUndefined();
  });
});
