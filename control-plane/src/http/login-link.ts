/** One-time login links: made by a person for themselves, or for a new member. */
import type { RouteName } from "@maestro/shared/contract/routes";
import { LOGIN_LINK_TTL_MS } from "@maestro/shared/limits";
import { insertLoginLink, type LoginLinkRow } from "../db/browser-sessions.ts";
import type { RouteContext } from "./define-route.ts";
import { serverOrigin } from "./origin.ts";
import { freshSecret } from "./secrets.ts";

/** The secret stands behind the `#`: a fragment is never sent, so it is in no server's log. */
export async function makeLoginLink(
  rx: Pick<RouteContext<RouteName>, "config" | "c" | "db" | "random" | "nowMs">,
  grant: Omit<LoginLinkRow, "lookup" | "digest" | "createdMs" | "expiresMs" | "usedMs">,
): Promise<{ url: string; expiresAt: string }> {
  const secret = await freshSecret("login", rx.config.keys.pepper, rx.random);
  const expiresMs = rx.nowMs + LOGIN_LINK_TTL_MS;
  await insertLoginLink(rx.db, { ...grant, lookup: secret.lookup, digest: secret.digest, createdMs: rx.nowMs, expiresMs, usedMs: null });
  return { url: `${serverOrigin(rx.config, new URL(rx.c.req.url))}/login#${secret.text}`, expiresAt: new Date(expiresMs).toISOString() };
}
