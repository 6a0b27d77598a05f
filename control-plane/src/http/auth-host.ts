/** [LK1] A host's own signature, checked before any object wakes. */
import { fail } from "@maestro/shared/errors";
import { isId } from "@maestro/shared/ids";
import { CLOCK_WINDOW_MS } from "@maestro/shared/limits";
import { hostSigningText, parseHostAuthorization } from "@maestro/shared/protocol/link-auth";
import { verifyAny } from "../crypto/ed25519.ts";
import { hostById, type HostRow } from "../db/hosts.ts";
import type { HostPrincipal } from "../domain/access/principal.ts";
import type { AuthInput } from "./auth-input.ts";
import { unwrap } from "./define-route.ts";
import { originsHere } from "./origin.ts";

export async function principalOfHost(header: string, input: AuthInput): Promise<HostPrincipal> {
  const { claim, signature } = unwrap(parseHostAuthorization(header));
  const host = isId("host", claim.id) ? await hostById(input.db, claim.id) : undefined;
  if (host === undefined)
    throw fail("host_unknown", `Host '${claim.id}' is not enrolled here.`, {
      hint: "It was removed, or belongs to another server: join it again.",
    });
  const texts = originsHere(input.config, input.url).map((origin) =>
    hostSigningText(claim, origin, input.request.method, input.url.pathname),
  );
  if (!(await verifyAny(acceptedKeys(host, input.nowMs), signature, texts))) {
    throw fail("signature_invalid", `The signature is not host '${host.name}'s.`, {
      hint: "The host-agent signs for the address it was joined with; join it again if that changed.",
    });
  }
  input.identified({ fleet: host.fleet, actor: `host:${host.name}`, credential: host.id });
  // After the signature: only the host itself learns about its clock.
  if (Math.abs(claim.timeMs - input.nowMs) > CLOCK_WINDOW_MS) {
    throw fail("clock_skew", `The host's clock is ${Math.round((claim.timeMs - input.nowMs) / 1000)} s off.`, {
      hint: "The host-agent corrects itself by serverTime and tries again.",
      extra: { serverTime: input.nowMs },
    });
  }
  if (host.lockedMs !== null) {
    throw fail("host_locked", `Host '${host.name}' is locked: ${host.lockedReason ?? "its identity was seen twice"}.`, {
      hint: `An owner unlocks it: maestro host unlock ${host.name}.`,
    });
  }
  return { kind: "host", fleet: host.fleet, id: host.id, name: host.name, claim, signingKey: host.signingKey, draining: host.draining };
}

/** The present key, and the one before it while a rotation is young. */
function acceptedKeys(host: HostRow, nowMs: number): string[] {
  return host.previousKey !== null && (host.previousUntilMs ?? 0) > nowMs ? [host.signingKey, host.previousKey] : [host.signingKey];
}
