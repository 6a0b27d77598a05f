/** What a handler is given, made from one call. */
import type { Context } from "hono";
import * as z from "zod";
import type { RouteName, RouteSpec } from "@maestro/shared/contract/routes";
import { makeId, type Id, type IdKind } from "@maestro/shared/ids";
import { DEFAULT_PAGE_ITEMS } from "@maestro/shared/limits";
import type { Config } from "../config.ts";
import type { Db } from "../db/client.ts";
import type { Principal } from "../domain/access/principal.ts";
import type { AuditTrail } from "./audit-trail.ts";
import { openCursor, queryIdentity, sealCursor } from "./cursor.ts";
import type { AppEnv, RouteContext } from "./define-route.ts";
import { parseBody, parseQuery } from "./validate.ts";

export interface Call {
  c: Context<AppEnv>;
  name: RouteName;
  spec: RouteSpec;
  config: Config;
  db: Db;
  url: URL;
  ip: string;
  nowMs: number;
  requestId: string;
  trail: AuditTrail;
}

/** What is taken where the row names nothing: a mistyped or misplaced field is told there too. */
const NOTHING: z.ZodObject = z.strictObject({});

/** @param text the body, read but not parsed yet. */
export function contextOf<N extends RouteName>(call: Call, name: N, principal: Principal | undefined, text: string): RouteContext<N> {
  const { c, spec, config, db, url, nowMs, requestId, ip, trail } = call;
  const query = parseQuery(spec.query ?? NOTHING, url);
  const body = parseBody(spec.body ?? NOTHING, text);
  const random = (bytes: number): Uint8Array => crypto.getRandomValues(new Uint8Array(bytes));
  const identity = (): Promise<string> => queryIdentity(trail.identity?.fleet ?? "", name, query);
  const context = {
    name,
    c,
    env: c.env,
    config,
    db,
    principal,
    params: c.req.param(),
    query,
    body,
    requestId,
    nowMs,
    ip,
    random,
    get fleet() {
      if (trail.identity === undefined) throw new Error(`${name} is open: nobody was identified`);
      return trail.identity.fleet;
    },
    get feed() {
      return trail.feed();
    },
    newId: <K extends IdKind>(kind: K): Id<K> => makeId(kind, nowMs, random(10)),
    repeatable: false,
    repeatableId: async <K extends IdKind>(kind: K): Promise<Id<K>> => makeId(kind, nowMs, random(10)),
    identify: (who: AuditTrail["identity"]) => {
      trail.identity = who;
    },
    audit: (target: string, action?: string) => trail.ok(target, action),
    auditedBy: trail.by.bind(trail),
    page: async () => {
      const { limit, cursor } = query;
      return {
        limit: typeof limit === "number" ? limit : DEFAULT_PAGE_ITEMS,
        after: typeof cursor === "string" ? await openCursor(config.keys.cursor, await identity(), cursor) : undefined,
      };
    },
    list: async <Row, Item>(page: { rows: Row[]; next: string | undefined }, item: (row: Row) => Item) => ({
      items: page.rows.map(item),
      ...(page.next === undefined ? {} : { nextCursor: await sealCursor(config.keys.cursor, await identity(), page.next) }),
    }),
  };
  // oxlint-disable-next-line typescript/consistent-type-assertions -- the schemas of this very row made `query` and `body`, its access made `principal`
  return context as unknown as RouteContext<N>;
}
