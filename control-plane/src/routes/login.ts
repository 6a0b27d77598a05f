/** Browser sessions: opened by a token or a one-time link, ended by logout. */
import { fail } from "@maestro/shared/errors";
import { SESSION_ABSOLUTE_MS, STEP_UP_MS } from "@maestro/shared/limits";
import { parseToken } from "@maestro/shared/token";
import { VERSIONS } from "@maestro/shared/protocol/version";
import { equalDigests } from "../crypto/digest.ts";
import { toBase64Url } from "../crypto/encoding.ts";
import {
  endSession,
  insertSession,
  loginLinkByLookup,
  sessionByDigest,
  spendLoginLink,
  type BrowserSessionRow,
  type LoginLinkRow,
} from "../db/browser-sessions.ts";
import { fleetById } from "../db/fleets.ts";
import type { UserPrincipal } from "../domain/access/principal.ts";
import { cookieDigest, csrfOf, keyDigest } from "../http/auth-browser.ts";
import { principalOfBearer } from "../http/auth-token.ts";
import { clearCookie, readCookie, requireSafeTransport, setCookie } from "../http/cookies.ts";
import { defineRoutes, unwrap, type RouteContext } from "../http/define-route.ts";
import { makeLoginLink } from "../http/login-link.ts";
import { takeAllowance } from "../http/rate-limit.ts";
import { parsedDigest } from "../http/secrets.ts";
import { closeSockets } from "../http/sockets.ts";
import { VERSION } from "../version.ts";

const COOKIE_BYTES = 32;
const KEY_BYTES = 32;

type Grant = Pick<LoginLinkRow, "fleet" | "member" | "parent" | "role" | "scopes" | "agents" | "hosts" | "stepUp" | "sessionUntilMs">;

export const loginRoutes = defineRoutes({
  async login(rx) {
    const url = new URL(rx.c.req.url);
    requireSafeTransport(url, rx.config);
    const { token, link } = rx.body;
    if ((token === undefined) === (link === undefined))
      throw fail("field_missing", "Give exactly one of token and link.", { field: "token", hint: "A link comes from `maestro open`." });
    const grant = token === undefined ? await grantOfLink(rx, link ?? "") : await grantOfToken(rx, url, token);
    await replaceOldSession(rx, url);
    const cookie = toBase64Url(rx.random(COOKIE_BYTES));
    const key = toBase64Url(rx.random(KEY_BYTES));
    const { pepper, csrf } = rx.config.keys;
    const { stepUp, sessionUntilMs, ...rights } = grant;
    const session: BrowserSessionRow = {
      ...rights,
      id: rx.newId("browser"),
      digest: await cookieDigest(pepper, cookie),
      keyDigest: await keyDigest(pepper, key),
      createdMs: rx.nowMs,
      lastSeenMs: rx.nowMs,
      expiresMs: Math.min(rx.nowMs + SESSION_ABSOLUTE_MS, sessionUntilMs ?? Infinity),
      stepUpUntilMs: stepUp ? rx.nowMs + STEP_UP_MS : null,
    };
    await insertSession(rx.db, session);
    rx.c.header("set-cookie", setCookie(url, cookie, session.expiresMs - rx.nowMs));
    return {
      key,
      csrf: await csrfOf(csrf, session.id),
      expiresAt: iso(session.expiresMs),
      ...(session.stepUpUntilMs === null ? {} : { stepUpUntil: iso(session.stepUpUntilMs) }),
    };
  },

  async loginLink(rx) {
    const { principal } = rx;
    await rx.audit(principal.member);
    const link = await makeLoginLink(rx, {
      fleet: principal.fleet,
      member: principal.member,
      parent: parentOf(principal),
      role: principal.role,
      scopes: [...principal.scopes],
      agents: principal.agents ?? null,
      hosts: principal.hosts ?? null,
      // A session makes links of no more than itself: else step-up and its last moment would renew themselves.
      stepUp: principal.kind === "token",
      sessionUntilMs: principal.kind === "browser" ? principal.absoluteMs : null,
    });
    return rx.body.path === undefined
      ? link
      : { ...link, url: link.url.replace("/login#", `/login?next=${encodeURIComponent(rx.body.path)}#`) };
  },

  async logout(rx) {
    const { principal } = rx;
    if (principal.kind !== "browser")
      throw fail("field_invalid", "Only a browser session logs out.", { hint: "Revoke a token instead: maestro token revoke." });
    await rx.audit(principal.id);
    await endSession(rx.db, principal.fleet, principal.id);
    await closeSockets(rx.env, rx.db, [principal.id], rx.nowMs);
    rx.c.header("set-cookie", clearCookie(new URL(rx.c.req.url)));
  },

  async me(rx) {
    const { principal, config } = rx;
    const fleet = await fleetById(rx.db, principal.fleet);
    const common = {
      fleet: { id: principal.fleet, name: fleet?.name ?? "" },
      server: { version: VERSION, protocol: VERSIONS, time: iso(rx.nowMs) },
    };
    if (principal.kind === "host")
      return { ...common, principal: { kind: "host" as const, id: principal.id, name: principal.name }, scopes: [] };
    return {
      ...common,
      principal: { kind: principal.kind, id: principal.id, name: principal.name, role: principal.role, member: principal.member },
      scopes: [...principal.scopes],
      expiresAt: iso(principal.expiresMs),
      ...(principal.kind === "browser" ? { csrf: await csrfOf(config.keys.csrf, principal.id) } : {}),
      ...(principal.kind === "browser" && principal.stepUpUntilMs !== undefined ? { stepUpUntil: iso(principal.stepUpUntilMs) } : {}),
    };
  },
});

async function grantOfToken(rx: RouteContext<"login">, url: URL, text: string): Promise<Grant> {
  const { principal, token } = await principalOfBearer(text, {
    request: rx.c.req.raw,
    url,
    config: rx.config,
    db: rx.db,
    nowMs: rx.nowMs,
    countFailure: (credential) => takeAllowance(rx, "RATE_FAILED", `failed:${credential}`, "failed logins"),
    identified: rx.identify,
  });
  await rx.audit("token");
  return {
    fleet: token.fleet,
    member: token.member,
    parent: token.id,
    role: principal.role,
    scopes: [...principal.scopes],
    agents: token.agents,
    hosts: token.hosts,
    stepUp: token.bootstrap,
    sessionUntilMs: null,
  };
}

async function grantOfLink(rx: RouteContext<"login">, text: string): Promise<Grant> {
  const parsed = unwrap(parseToken(text, ["login"]));
  const link = await loginLinkByLookup(rx.db, parsed.id);
  if (link === undefined || !equalDigests(link.digest, await parsedDigest(rx.config.keys.pepper, parsed))) {
    throw fail("login_link_invalid", "This login link is not known here.", { field: "link", hint: "Make a new one: maestro open." });
  }
  rx.identify({ fleet: link.fleet, actor: `member:${link.member}`, credential: `link:${link.lookup}` });
  if (link.usedMs !== null) throw linkUsed();
  if (link.expiresMs <= rx.nowMs)
    throw fail("login_link_expired", `This login link expired on ${iso(link.expiresMs)}.`, {
      field: "link",
      hint: "Make a new one: maestro open.",
    });
  await rx.audit("link");
  if (!(await spendLoginLink(rx.db, link.lookup, rx.nowMs))) throw linkUsed();
  const { fleet, member, parent, role, scopes, agents, hosts, stepUp, sessionUntilMs } = link;
  return { fleet, member, parent, role, scopes, agents, hosts, stepUp, sessionUntilMs };
}

const linkUsed = (): Error =>
  fail("login_link_used", "This login link was used before; each works once.", { field: "link", hint: "Make a new one: maestro open." });

/** Rotation at login: the cookie that was there opens nothing any more. */
async function replaceOldSession(rx: RouteContext<"login">, url: URL): Promise<void> {
  const cookie = readCookie(rx.c.req.raw, url);
  if (cookie === undefined || cookie === "") return;
  const old = await sessionByDigest(rx.db, await cookieDigest(rx.config.keys.pepper, cookie));
  if (old === undefined) return;
  await endSession(rx.db, old.session.fleet, old.session.id);
  await closeSockets(rx.env, rx.db, [old.session.id], rx.nowMs);
}

const parentOf = (principal: UserPrincipal): LoginLinkRow["parent"] =>
  principal.kind === "token" ? principal.id : (principal.parent ?? null);

const iso = (ms: number): string => new Date(ms).toISOString();
