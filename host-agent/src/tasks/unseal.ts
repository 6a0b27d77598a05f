/** [TK5] What a `start` brings, for this host's key only. The format is described in shared/src/protocol/sealed.ts. */
import { createDecipheriv, createPrivateKey, createPublicKey, diffieHellman, hkdfSync, type KeyObject } from "node:crypto";
import { maestroError } from "@maestro/shared/errors";
import {
  SEALED_MIN_BYTES,
  SEALED_NONCE_BYTES,
  SEALED_PUBLIC_KEY_BYTES,
  SEALED_TAG_BYTES,
  SealedEnv,
  sealedInfo,
} from "@maestro/shared/protocol/sealed";
import { err, ok, type Result } from "@maestro/shared/result";
import { parseJson } from "../config/json.ts";
import type { KeyPair } from "../daemon/identity.ts";

export function unseal(sealed: string, key: KeyPair, attempt: string, fence: number): Result<Record<string, string>> {
  const refused = err(
    maestroError("signature_invalid", "The secrets of the start cannot be opened with this host's key.", {
      hint: "Join this machine again: maestro host join <url>.",
    }),
  );
  const bytes = Buffer.from(sealed, "base64url");
  if (bytes.byteLength < SEALED_MIN_BYTES) return refused;
  const info = Buffer.from(sealedInfo(attempt, fence));
  try {
    const shared = diffieHellman({
      privateKey: privateKeyOf(key),
      publicKey: createPublicKey({
        key: { kty: "OKP", crv: "X25519", x: bytes.subarray(0, SEALED_PUBLIC_KEY_BYTES).toString("base64url") },
        format: "jwk",
      }),
    });
    const secret = Buffer.from(hkdfSync("sha256", shared, Buffer.alloc(0), info, 32));
    const decipher = createDecipheriv(
      "aes-256-gcm",
      secret,
      bytes.subarray(SEALED_PUBLIC_KEY_BYTES, SEALED_PUBLIC_KEY_BYTES + SEALED_NONCE_BYTES),
    );
    decipher.setAAD(info);
    decipher.setAuthTag(bytes.subarray(-SEALED_TAG_BYTES));
    const plain = Buffer.concat([
      decipher.update(bytes.subarray(SEALED_PUBLIC_KEY_BYTES + SEALED_NONCE_BYTES, -SEALED_TAG_BYTES)),
      decipher.final(),
    ]);
    const values = SealedEnv.safeParse(parseJson(plain.toString("utf8")));
    return values.success ? ok(values.data) : refused;
  } catch {
    // Another key, another attempt, or changed on the way: which one is nobody's business.
    return refused;
  }
}

/** To read a key takes longer than to use it. */
const keys = new WeakMap<KeyPair, KeyObject>();

function privateKeyOf(pair: KeyPair): KeyObject {
  const known = keys.get(pair);
  if (known !== undefined) return known;
  const key = createPrivateKey({ key: { kty: "OKP", crv: "X25519", x: pair.public, d: pair.private }, format: "jwk" });
  keys.set(pair, key);
  return key;
}
