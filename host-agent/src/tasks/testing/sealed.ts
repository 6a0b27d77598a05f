/** The far end of `unseal`, for tests: as the control plane seals. */
import { createCipheriv, createPublicKey, diffieHellman, generateKeyPairSync, hkdfSync, randomBytes } from "node:crypto";
import { sealedInfo } from "@maestro/shared/protocol/sealed";
import type { KeyPair } from "../../daemon/identity.ts";

export function seal(values: Readonly<Record<string, string>>, to: Pick<KeyPair, "public">, attempt: string, fence: number): string {
  const own = generateKeyPairSync("x25519");
  const shared = diffieHellman({
    privateKey: own.privateKey,
    publicKey: createPublicKey({ key: { kty: "OKP", crv: "X25519", x: to.public }, format: "jwk" }),
  });
  const info = Buffer.from(sealedInfo(attempt, fence));
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", Buffer.from(hkdfSync("sha256", shared, Buffer.alloc(0), info, 32)), nonce);
  cipher.setAAD(info);
  const sealed = Buffer.concat([cipher.update(JSON.stringify(values)), cipher.final(), cipher.getAuthTag()]);
  const mine = Buffer.from(own.publicKey.export({ format: "jwk" }).x ?? "", "base64url");
  return Buffer.concat([mine, nonce, sealed]).toString("base64url");
}
