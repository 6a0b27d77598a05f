/**
 * [F37] A new signing key for this host. It is written down before the control plane hears of it, so whichever
 * side stops in between, both keys are at hand until one is known to be the right one.
 */
import { maestroError } from "@maestro/shared/errors";
import { REQUEST_TIMEOUT_MS } from "@maestro/shared/limits";
import { rotateSigningText } from "@maestro/shared/protocol/link-auth";
import { err, ok, type Result } from "@maestro/shared/result";
import type { Paths } from "../config/paths.ts";
import { hostAuthorization, type Claimant } from "../link/authorization.ts";
import { callServer, readProblem } from "../link/http-call.ts";
import type { ServerTime } from "../link/server-time.ts";
import { generateSigningKey, promoteKey, readNextKey, signText, writeNextKey, type Identity, type KeyPair } from "./identity.ts";

export interface RotationDeps {
  paths: Paths;
  identity: Identity;
  claimant: Claimant;
  epoch: { start: number; connect: number };
  serverTime: ServerTime;
  /** Ends a call that is under way; the rotation is then ended another time. */
  signal: AbortSignal;
}

const KEY_PATH = "/api/v1/hosts/self/key";

/** Begins a rotation, or ends one that was begun; answers the identity with its new key. */
export async function rotateKey(deps: RotationDeps): Promise<Result<Identity>> {
  const { paths, identity } = deps;
  const { hostId, origin } = identity.record;
  const next = readNextKey(paths, identity) ?? beginRotation(paths, hostId);
  const proof = signText(identity.signing, rotateSigningText(origin, hostId, next.public));
  const first = await post(deps, identity.signing, { signingKey: next.public, proof });
  if (first.ok) return ok(promoteKey(paths, identity, next));
  // The old key is refused: perhaps the new one has been taken already and only its answer was lost.
  if (first.error.code !== "signature_invalid") return first;
  const second = await post(deps, next, { signingKey: next.public, proof });
  // Whatever was wrong with the body, a request signed with the new key was let in: it is the present one.
  return second.ok || second.error.code === "proof_invalid" ? ok(promoteKey(paths, identity, next)) : second;
}

export function beginRotation(paths: Paths, hostId: string): KeyPair {
  const next = generateSigningKey();
  writeNextKey(paths, hostId, next);
  return next;
}

async function post(
  { identity, claimant, epoch, serverTime, signal }: RotationDeps,
  key: KeyPair,
  body: { signingKey: string; proof: string },
): Promise<Result<void>> {
  const { url, pin } = identity.record;
  for (const attempt of ["first", "corrected"] as const) {
    const authorization = hostAuthorization(claimant, { key, epoch, timeMs: serverTime.nowMs(), method: "POST", path: KEY_PATH });
    const answer = await callServer({
      url: new URL(url),
      ...(pin === undefined ? {} : { pin }),
      method: "POST",
      path: KEY_PATH,
      headers: { authorization },
      body,
      timeoutMs: REQUEST_TIMEOUT_MS,
      signal,
    });
    if (!answer.ok) return answer;
    if (answer.value.status < 300) return ok(undefined);
    const error = readProblem(answer.value.status, answer.value.json);
    if (!serverTime.learnFrom(error) || attempt === "corrected") return err(error);
  }
  return err(maestroError("clock_skew", "The control plane refuses this machine's clock."));
}
