/**
 * [LK1] How a host proves itself: a header signed with its Ed25519 key, checked in the Worker before any
 * object wakes. Only text is made here; keys and time are handed in by whoever signs or verifies.
 */
import { err, ok, type Result } from "../result.ts";
import { maestroError } from "../errors.ts";

export const HOST_SCHEME = "Maestro-Host";

export interface HostClaim {
  id: string;
  /** [LK2] Persisted start counter of the daemon, then its connect counter; compared in that order. */
  epoch: { start: number; connect: number };
  /** Random per process: two processes with one identity differ here. */
  instance: string;
  bootId: string;
  /** Unix milliseconds, already corrected by the known clock offset. */
  timeMs: number;
  nonce: string;
}

/** What is signed. The method and path keep a signature from being used for another call. */
export function hostSigningText(claim: HostClaim, origin: string, method: string, path: string): string {
  const { id, epoch, instance, bootId, timeMs, nonce } = claim;
  return ["maestro-host-v1", origin, method, path, id, `${epoch.start}.${epoch.connect}`, instance, bootId, String(timeMs), nonce].join(
    "\n",
  );
}

/** What a joining machine signs to prove it holds the keys it hands in. */
export function joinSigningText(origin: string, nonce: string, signingKey: string, sealingKey: string): string {
  return ["maestro-join-v1", origin, nonce, signingKey, sealingKey].join("\n");
}

/** What the old key signs to hand over to a new one. */
export const rotateSigningText = (origin: string, hostId: string, signingKey: string): string =>
  ["maestro-rotate-v1", origin, hostId, signingKey].join("\n");

/** What a carrier signs with its own key for the keys of a remote host's link. */
export const carrySigningText = (origin: string, carrierId: string, hostId: string, signingKey: string, sealingKey: string): string =>
  ["maestro-carry-v1", origin, carrierId, hostId, signingKey, sealingKey].join("\n");

export function formatHostAuthorization(claim: HostClaim, signature: string): string {
  const { id, epoch, instance, bootId, timeMs, nonce } = claim;
  return `${HOST_SCHEME} id=${id},epoch=${epoch.start}.${epoch.connect},instance=${instance},boot=${bootId},ts=${timeMs},nonce=${nonce},sig=${signature}`;
}

const SHAPE =
  /^Maestro-Host id=(hst_[0-9a-z]{26}),epoch=(\d{1,15})\.(\d{1,15}),instance=([\w-]{8,64}),boot=([\w-]{1,64}),ts=(\d{1,16}),nonce=([\w-]{16,64}),sig=([\w-]{86})$/;

export function parseHostAuthorization(header: string): Result<{ claim: HostClaim; signature: string }> {
  const [, id, start, connect, instance, bootId, ts, nonce, signature] = SHAPE.exec(header) ?? [];
  if (id === undefined || start === undefined || connect === undefined || instance === undefined) return malformed();
  if (bootId === undefined || ts === undefined || nonce === undefined || signature === undefined) return malformed();
  return ok({
    claim: { id, epoch: { start: Number(start), connect: Number(connect) }, instance, bootId, timeMs: Number(ts), nonce },
    signature,
  });
}

const malformed = () =>
  err(
    maestroError("signature_invalid", "The host's authorization header is malformed.", {
      hint: "Upgrade the host-agent, or join the host again.",
    }),
  );
