/**
 * How a route is written: one object of handlers per resource file, keyed by the names of the shared ROUTES
 * table, which alone says method, path, access, query, body, result and status.
 *
 * ```ts
 * export const hostRoutes = defineRoutes({
 *   async hosts(rx) {
 *     const page = await listHosts(rx.db, rx.fleet, await rx.page());
 *     return rx.list(page, (row) => toHost(row));                 // {items, nextCursor}
 *   },
 *   async hostUpdate(rx) {                                        // rx.body and rx.params are typed by the row
 *     const host = await findHost(rx.db, rx.fleet, rx.params.id); // throws host_not_found
 *     await rx.audit(host.name);                                  // before the effect: throws audit_unavailable
 *     return toHost(await updateHost(rx.db, rx.fleet, host.id, rx.body, rx.nowMs));
 *   },
 *   sessionAttach: (rx) => …a Response (sockets, streams, files)…,
 * });
 * ```
 *
 * A handler returns the value of the row's `result` (sent with the row's status), nothing for 204, or a Response.
 * It refuses by throwing `fail(code, …)` (shared/errors) or by `unwrap(result)`. A write that did not call
 * `rx.audit` is recorded by the framework after it, successful or not; call it yourself where the record must
 * come first (every privileged effect) or where the target is better known.
 */
import type { Context } from "hono";
import type * as z from "zod";
import type { ROUTES, RouteName } from "@maestro/shared/contract/routes";
import { MaestroFailure, type MaestroError } from "@maestro/shared/errors";
import type { FleetId, Id, IdKind } from "@maestro/shared/ids";
import type { Result } from "@maestro/shared/result";
import type { Config } from "../config.ts";
import type { Db } from "../db/client.ts";
import type { Page, PageAsk } from "../db/page.ts";
import type { AuditEntry } from "../domain/access/audit-entry.ts";
import type { AgentPrincipal, HostPrincipal, UserPrincipal } from "../domain/access/principal.ts";
import type { Feed } from "../objects/feed.ts";
import type { Identity } from "./auth-input.ts";

export interface AppEnv {
  Bindings: Env;
  Variables: { requestId: string };
}

type Spec<N extends RouteName> = (typeof ROUTES)[N];
type ParamNames<Path extends string> = Path extends `${infer Head}/${infer Tail}`
  ? ParamNames<Head> | ParamNames<Tail>
  : Path extends `:${infer Name}`
    ? Name
    : never;

export type ParamsOf<N extends RouteName> = Readonly<Record<ParamNames<Spec<N>["path"]>, string>>;
export type QueryOf<N extends RouteName> =
  Spec<N> extends { query: infer Q extends z.ZodType } ? z.output<Q> : Readonly<Record<string, never>>;
export type BodyOf<N extends RouteName> = Spec<N> extends { body: infer B extends z.ZodType } ? z.output<B> : undefined;
export type ValueOf<N extends RouteName> =
  Spec<N> extends { result: infer R extends z.ZodType } ? z.input<R> : Spec<N> extends { status: 204 } ? void : Response;
export type PrincipalOf<N extends RouteName> = Spec<N>["access"] extends { kind: infer K }
  ? PrincipalByAccess[K & keyof PrincipalByAccess]
  : never;

interface PrincipalByAccess {
  open: undefined;
  user: UserPrincipal;
  host: HostPrincipal;
  "user-or-host": UserPrincipal | HostPrincipal;
  "user-or-agent": UserPrincipal | AgentPrincipal;
}

export interface RouteContext<N extends RouteName> {
  name: N;
  /** For what is not here: raw headers, `c.req.raw` to forward, response headers. */
  c: Context<AppEnv>;
  env: Env;
  config: Config;
  db: Db;
  principal: PrincipalOf<N>;
  /** The principal's fleet. On open routes reading it (or `feed`) throws until `identify` was called. */
  readonly fleet: FleetId;
  params: ParamsOf<N>;
  query: QueryOf<N>;
  body: BodyOf<N>;
  requestId: string;
  /** The time of this request, Unix ms. */
  nowMs: number;
  ip: string;
  /** The fleet's Feed: events, audit, present status. */
  readonly feed: DurableObjectStub<Feed>;
  newId<K extends IdKind>(kind: K): Id<K>;
  /** Under an Idempotency-Key the same with each repeat: so what was made is found, though the answer was lost before it was kept. */
  repeatableId<K extends IdKind>(kind: K): Promise<Id<K>>;
  /** Whether it came with an Idempotency-Key. */
  repeatable: boolean;
  random(bytes: number): Uint8Array;
  /** On open routes: who this turned out to be; what happens from here on, refusals included, is audited as theirs. */
  identify(identity: Identity): void;
  /**
   * Writes the audit record of this request (action: the route's name unless given). Resolves once it is stored;
   * throws `audit_unavailable` when it cannot be, so that nothing privileged happens unrecorded.
   */
  audit(target: string, action?: string): Promise<void>;
  /** The same by an object that keeps the record in one transaction with what it does: no call for it alone. */
  auditedBy<T>(target: string, act: (record: AuditEntry) => Promise<Result<T, MaestroError>>): Promise<Result<T, MaestroError>>;
  /** The page asked for by `limit` and `cursor`; a cursor of another query is refused. */
  page(): Promise<PageAsk>;
  list<Row, Item>(page: Page<Row>, item: (row: Row) => Item): Promise<{ items: Item[]; nextCursor?: string }>;
}

export type Handler<N extends RouteName> = (rx: RouteContext<N>) => ValueOf<N> | Response | Promise<ValueOf<N> | Response>;
export type Handlers<N extends RouteName> = { readonly [K in N]: Handler<K> };

export function defineRoutes<N extends RouteName>(handlers: Handlers<N>): Handlers<N> {
  return handlers;
}

/** The value, or the refusal thrown. */
export function unwrap<T>(result: Result<T, MaestroError>): T {
  if (result.ok) return result.value;
  throw new MaestroFailure(result.error);
}
