/**
 * The one way through which every route is called: origin, rate limit, who, may they, what, once, act, audit.
 * The order matters: nothing is parsed before it is known who asks, and nothing is done before it is recorded.
 */
import type { Context } from "hono";
import * as z from "zod";
import type { RouteName, RouteSpec } from "@maestro/shared/contract/routes";
import { fail, isErrorCode, MaestroFailure, type ErrorCode } from "@maestro/shared/errors";
import { makeId } from "@maestro/shared/ids";
import { configOf } from "../config.ts";
import { openDb, type Db } from "../db/client.ts";
import { isBootstrapped } from "../db/fleets.ts";
import { authorise } from "../domain/access/permissions.ts";
import { actorOf, type AgentPrincipal, type Principal } from "../domain/access/principal.ts";
import { AuditTrail } from "./audit-trail.ts";
import { baseHeaders } from "./base-headers.ts";
import { atWork } from "./auth-attempt.ts";
import { authenticate, isWrite } from "./authenticate.ts";
import { unwrap, type AppEnv, type Handler, type RouteContext } from "./define-route.ts";
import { idempotencyKeyOf, onceOnly, seedOf } from "./idempotency.ts";
import { refuseForeignName, refuseForeignOrigin, refuseTokenInUrl } from "./origin.ts";
import { takeAllowance } from "./rate-limit.ts";
import { readRequest } from "./read-request.ts";
import type { Call } from "./route-context.ts";

/** Open routes that only make sense once there is a fleet. */
const NEEDS_FLEET: readonly RouteName[] = ["login", "hostJoin"];

export async function dispatch<N extends RouteName>(name: N, spec: RouteSpec, handler: Handler<N>, c: Context<AppEnv>): Promise<Response> {
  const requestId = c.get("requestId");
  const ip = c.env.CLIENT_ADDRESS ?? c.req.header("cf-connecting-ip") ?? "unknown";
  const trail = new AuditTrail(c.env.FEED, { action: name, ip, requestId });
  const call: Call = {
    c,
    name,
    spec,
    config: await configOf(c.env),
    db: openDb(c.env.DB),
    url: new URL(c.req.url),
    ip,
    nowMs: Date.now(),
    requestId,
    trail,
  };
  const target = c.req.param("id") ?? "";
  let entered = false;
  try {
    refuseTokenInUrl(call.url);
    refuseForeignName(c.req.raw, call.url, call.config);
    // Before the allowance: else any page the operator looks at could use it up and lock them out.
    if (isWrite(c.req.raw) || c.req.header("upgrade") !== undefined) refuseForeignOrigin(c.req.raw, call.url, call.config);
    await limitByAddress(call);
    const principal = await whoMay(call);
    const { rx, digest } = await readRequest<N>(call, name, principal);
    const act = async (): Promise<Response> => {
      entered = true;
      const value = await handler(rx);
      const code = value instanceof Response ? await refusalIn(value) : undefined;
      if (code !== undefined) await trail.refused(target, code);
      else if (isWrite(c.req.raw) && !trail.written && trail.identity !== undefined) await trail.ok(target);
      return respond(call, value);
    };
    return await maybeOnce(call, principal, digest, rx, act);
  } catch (error) {
    if (error instanceof MaestroFailure && isAudited(error, entered && isWrite(c.req.raw))) await trail.refused(target, error.error.code);
    throw error;
  }
}

/** Of a socket that was forwarded: an object's refusal comes back as an answer. */
async function refusalIn(answer: Response): Promise<ErrorCode | undefined> {
  if (answer.headers.get("content-type") !== "application/problem+json") return undefined;
  const problem = Refused.safeParse(await answer.clone().json());
  return problem.success && isErrorCode(problem.data.code) ? problem.data.code : "internal";
}

const Refused = z.object({ code: z.string() });

/** Refusals of rights always; other failures only where something was about to change. */
function isAudited({ error }: MaestroFailure, changing: boolean): boolean {
  if (error.code === "rate_limited" || error.code === "audit_unavailable") return false;
  return changing || DENIALS.has(error.code);
}

const DENIALS: ReadonlySet<string> = new Set([
  "token_expired",
  "token_revoked",
  "session_expired",
  "csrf_missing",
  "origin_denied",
  "scope_missing",
  "role_insufficient",
  "agent_forbidden",
  "host_forbidden",
  "step_up_required",
  "ticket_invalid",
  "host_locked",
  "clock_skew",
]);

async function limitByAddress({ c, config, spec, ip }: Call): Promise<void> {
  if (spec.rate === "login") await takeAllowance({ env: c.env, config }, "RATE_LOGIN", `login:${ip}`, "logins");
  if (spec.rate === "join") await takeAllowance({ env: c.env, config }, "RATE_JOIN", `join:${ip}`, "enrolments");
}

async function whoMay(call: Call): Promise<Exclude<Principal, { kind: "agent" }> | AgentPrincipal | undefined> {
  const { c, name, spec, db, config, url, nowMs, trail } = call;
  const limits = { env: c.env, config };
  if (spec.access.kind === "open") {
    if (NEEDS_FLEET.includes(name)) await requireFleet(db);
    return undefined;
  }
  const who = await authenticate({
    request: c.req.raw,
    url,
    config,
    db,
    nowMs,
    countFailure: (credential) => takeAllowance(limits, "RATE_FAILED", `failed:${credential}`, "failed authentications"),
    identified: (identity) => {
      trail.identity = identity;
    },
  }).catch(async (error: unknown) => {
    if (!(error instanceof MaestroFailure)) throw error;
    if (trail.identity === undefined) await requireFleet(db);
    // Each of its refusals is a record of the audit log: one that ended writes no more of them than one that stands.
    else await takeAllowance(limits, "RATE_CREDENTIAL", trail.identity.credential, "requests with this credential");
    throw error;
  });
  const { principal, touch } = who;
  trail.identity = { fleet: principal.fleet, ...actorOf(principal) };
  await takeAllowance(limits, "RATE_CREDENTIAL", principal.id, "requests with this credential");
  await touch?.();
  requireTicketFits(call, principal);
  unwrap(authorise(spec.access, principal, nowMs));
  // Last, because it asks an object: whoever is refused anyway wakes none.
  return principal.kind === "agent" ? atWork(c.env, principal) : principal;
}

/** Asked only when nobody was recognised: whoever is, is of a fleet. */
async function requireFleet(db: Db): Promise<void> {
  if (!(await isBootstrapped(db)))
    throw fail("not_bootstrapped", "This server has no owner yet.", {
      hint: "Run `maestro up`, or POST /api/v1/bootstrap with the bootstrap secret.",
    });
}

function requireTicketFits({ c, name }: Call, principal: Principal): void {
  if (principal.kind === "host" || principal.kind === "agent" || principal.ticket === undefined) return;
  const { opens } = principal.ticket;
  const fits = opens.kind === "feed" ? name === "events" : name === "sessionAttach" && opens.session === c.req.param("id");
  if (!fits) throw fail("ticket_invalid", "The ticket was made for something else.", { hint: "Ask for one for exactly this socket." });
}

async function maybeOnce<N extends RouteName>(
  call: Call,
  principal: Principal | undefined,
  digest: string | undefined,
  rx: RouteContext<N>,
  act: () => Promise<Response>,
): Promise<Response> {
  const { c, db, config, nowMs } = call;
  const key = isWrite(c.req.raw) ? idempotencyKeyOf(c.req.raw) : undefined;
  if (key === undefined || digest === undefined || principal === undefined) return act();
  const id = { fleet: principal.fleet, credential: principal.id, key };
  return onceOnly({ db, key: config.keys.idempotency, id, digest, nowMs, random: rx.random }, (firstMs) => {
    rx.repeatable = true;
    rx.repeatableId = async (kind) => makeId(kind, firstMs, await seedOf(id));
    return act();
  });
}

function respond({ c, spec }: Call, value: unknown): Response {
  if (value instanceof Response) return value;
  if (spec.status === 204) return c.body(null, 204);
  const status = spec.status === 201 || spec.status === 202 ? spec.status : 200;
  // What a handler has put beside them, a cookie, stays.
  return c.json(value, status, baseHeaders(c.get("requestId")));
}
