/** API tokens: made with at most the maker's rights, shown once, revoked with everything that hangs on them. */
import type * as z from "zod";
import { ROLE_SCOPES, roleAtLeast } from "@maestro/shared/contract/access";
import type { Token } from "@maestro/shared/contract/resources";
import { fail } from "@maestro/shared/errors";
import { TOKEN_TTL_DAYS } from "@maestro/shared/limits";
import { endSessionsOf } from "../db/browser-sessions.ts";
import { findToken, insertToken, listTokens, revokeToken, type TokenRow } from "../db/tokens.ts";
import { withinLimits } from "../domain/access/permissions.ts";
import { defineRoutes, unwrap } from "../http/define-route.ts";
import { freshSecret } from "../http/secrets.ts";
import { closeSockets } from "../http/sockets.ts";

const DAY_MS = 24 * 3_600_000;

export const tokenRoutes = defineRoutes({
  async tokens(rx) {
    return rx.list(await listTokens(rx.db, rx.fleet, await rx.page()), toToken);
  },

  async tokenCreate(rx) {
    const { body, principal } = rx;
    const role = body.role ?? principal.role;
    if (!roleAtLeast(principal.role, role))
      throw fail("role_insufficient", `A ${principal.role} cannot make a token for ${role}.`, {
        field: "role",
        hint: "Ask for your own role or a lower one.",
      });
    const scopes = body.scopes ?? [...ROLE_SCOPES[role]];
    const beyond = scopes.find((scope) => !ROLE_SCOPES[role].includes(scope) || !principal.scopes.includes(scope));
    if (beyond !== undefined)
      throw fail(
        "scope_missing",
        `${ROLE_SCOPES[role].includes(beyond) ? `'${principal.name}'` : `The role ${role}`} does not reach ${beyond}.`,
        { field: "scopes", hint: "Leave it out, or choose a role that has it." },
      );
    await rx.audit(body.name);
    const secret = await freshSecret("pat", rx.config.keys.pepper, rx.random);
    const row = await insertToken(rx.db, {
      id: rx.newId("token"),
      fleet: rx.fleet,
      member: principal.member,
      name: body.name,
      lookup: secret.lookup,
      digest: secret.digest,
      role,
      scopes,
      agents: narrower(body.agents, principal.agents, "agents"),
      hosts: narrower(body.hosts, principal.hosts, "hosts"),
      bootstrap: false,
      createdMs: rx.nowMs,
      expiresMs: rx.nowMs + (body.expiresInDays ?? TOKEN_TTL_DAYS) * DAY_MS,
      lastUsedMs: null,
      revokedMs: null,
    });
    await rx.feed.append([{ type: "token.created", subject: row.id, summary: `Token ${row.name} was created` }]);
    return { token: toToken(row), secret: secret.text };
  },

  async tokenRevoke(rx) {
    const token = await findToken(rx.db, rx.fleet, rx.params.id);
    unwrap(withinLimits(rx.principal, token));
    await rx.audit(token.id);
    await closeSockets(rx.env, rx.db, await revokeToken(rx.db, rx.fleet, token.id, rx.nowMs), rx.nowMs);
    await endSessionsOf(rx.db, rx.fleet, token.id);
    await rx.feed.append([{ type: "token.revoked", subject: token.id, summary: `Token ${token.name} was revoked` }]);
  },
});

/** Whoever is confined to some names cannot hand out more of them. */
function narrower(asked: string | undefined, mine: string | undefined, field: string): string | null {
  if (mine === undefined || asked === mine) return asked ?? null;
  if (asked === undefined) return mine;
  throw fail("scope_missing", `Your own token reaches ${field} '${mine}' only.`, {
    field,
    hint: `Leave ${field} out to hand on the same.`,
  });
}

function toToken(row: TokenRow): z.input<typeof Token> {
  const iso = (ms: number): string => new Date(ms).toISOString();
  return {
    id: row.id,
    name: row.name,
    role: row.role,
    scopes: row.scopes,
    member: row.member,
    createdAt: iso(row.createdMs),
    expiresAt: iso(row.expiresMs),
    ...(row.agents === null ? {} : { agents: row.agents }),
    ...(row.hosts === null ? {} : { hosts: row.hosts }),
    ...(row.lastUsedMs === null ? {} : { lastUsedAt: iso(row.lastUsedMs) }),
    ...(row.revokedMs === null ? {} : { revokedAt: iso(row.revokedMs) }),
  };
}
