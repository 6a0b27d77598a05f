/** [LK1] The header that proves which host dials; new for every call. */
import { randomBytes } from "node:crypto";
import { formatHostAuthorization, hostSigningText } from "@maestro/shared/protocol/link-auth";
import { signText, type KeyPair } from "../daemon/identity.ts";

export interface Claimant {
  hostId: string;
  origin: string;
  instance: string;
  bootId: string;
}

export interface ClaimedCall {
  key: KeyPair;
  epoch: { start: number; connect: number };
  timeMs: number;
  method: string;
  path: string;
}

const NONCE_BYTES = 18;

export function hostAuthorization(
  { hostId, origin, instance, bootId }: Claimant,
  { key, epoch, timeMs, method, path }: ClaimedCall,
): string {
  const claim = { id: hostId, epoch, instance, bootId, timeMs, nonce: randomBytes(NONCE_BYTES).toString("base64url") };
  return formatHostAuthorization(claim, signText(key, hostSigningText(claim, origin, method, path)));
}
