/** The first owner: once, proven by the secret whose digest the deployment was started with. */
import { fail } from "@maestro/shared/errors";
import { TOKEN_TTL_DAYS } from "@maestro/shared/limits";
import { parseToken } from "@maestro/shared/token";
import { equalDigests, sha256Hex } from "../crypto/digest.ts";
import { insertFirstOwner } from "../db/bootstrap.ts";
import { isBootstrapped } from "../db/fleets.ts";
import { defineRoutes, unwrap } from "../http/define-route.ts";
import { freshSecret } from "../http/secrets.ts";

const DAY_MS = 24 * 3_600_000;

export const bootstrapRoutes = defineRoutes({
  async bootstrap(rx) {
    if (await isBootstrapped(rx.db)) throw gone();
    unwrap(parseToken(rx.body.secret, ["boot"]));
    if (!equalDigests(await sha256Hex(rx.body.secret), rx.config.bootstrapSha256)) {
      throw fail("bootstrap_secret_invalid", "This is not this deployment's bootstrap secret.", {
        field: "secret",
        hint: "It was printed once when the deployment was made.",
      });
    }
    const secret = await freshSecret("pat", rx.config.keys.pepper, rx.random);
    const fleet = { id: rx.newId("fleet"), name: "default", registryVersion: 1, createdMs: rx.nowMs };
    const member = { id: rx.newId("member"), fleet: fleet.id, name: rx.body.name ?? "owner", role: "owner" as const, createdMs: rx.nowMs };
    const token = {
      id: rx.newId("token"),
      fleet: fleet.id,
      member: member.id,
      name: member.name,
      lookup: secret.lookup,
      digest: secret.digest,
      role: member.role,
      scopes: ["admin" as const],
      agents: null,
      hosts: null,
      bootstrap: true,
      createdMs: rx.nowMs,
      expiresMs: rx.nowMs + TOKEN_TTL_DAYS * DAY_MS,
      lastUsedMs: null,
      revokedMs: null,
    };
    if (!(await insertFirstOwner(rx.db, { fleet, member, token }))) throw gone();
    rx.identify({ fleet: fleet.id, actor: `member:${member.id}`, credential: token.id });
    return {
      fleet: fleet.id,
      member: member.id,
      token: { id: token.id, name: token.name, token: secret.text, expiresAt: new Date(token.expiresMs).toISOString() },
    };
  },
});

const gone = (): Error => fail("already_bootstrapped", "This server has its first owner.", { hint: "Log in, or ask an owner to add you." });
