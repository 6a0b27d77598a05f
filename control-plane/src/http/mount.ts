/** The routes table onto hono, and every failure into one problem. */
import { Hono, type Context } from "hono";
import { ROUTES, type RouteName, type RouteSpec } from "@maestro/shared/contract/routes";
import { fail, maestroError, MaestroFailure } from "@maestro/shared/errors";
import { makeId } from "@maestro/shared/ids";
import { nearest } from "@maestro/shared/names";
import { escapeUnsafe } from "@maestro/shared/sanitize";
import { checkKey } from "../domain/state/keys.ts";
import { errorText, stackText } from "../log-text.ts";
import { problemResponse } from "../problem.ts";
import { addBaseHeaders } from "./base-headers.ts";
import type { AppEnv, Handlers } from "./define-route.ts";
import { dispatch } from "./dispatch.ts";
import { RETRY_AFTER_SECONDS } from "./rate-limit.ts";

export function mountRoutes(handlers: Handlers<RouteName>): Hono<AppEnv> {
  const app = new Hono<AppEnv>({ strict: false });
  app.use(async function withRequestId(c, next) {
    c.set("requestId", makeId("request", Date.now(), crypto.getRandomValues(new Uint8Array(10))));
    await next();
    // A socket's answer is the object's and stays as it is.
    if (c.res.status === 101) return;
    try {
      addBaseHeaders(c.res.headers, c.get("requestId"));
    } catch {
      // What came from an object or an asset cannot be written to, so headers go onto a copy.
      const answer = new Response(c.res.body, c.res);
      addBaseHeaders(answer.headers, c.get("requestId"));
      c.res = undefined;
      c.res = answer;
    }
  });
  for (const name of routeNames()) mount(app, name, handlers);
  app.notFound((c) => problemOf(nothingHere(c), c));
  app.onError((error, c) => problemOf(error, c));
  return app;
}

function mount<N extends RouteName>(app: Hono<AppEnv>, name: N, handlers: Handlers<RouteName>): void {
  const spec: RouteSpec = ROUTES[name];
  app.on(spec.method, spec.path, (c) => dispatch<N>(name, spec, handlers[name], c));
}

const isRouteName = (name: string): name is RouteName => Object.hasOwn(ROUTES, name);
export const routeNames = (): RouteName[] => Object.keys(ROUTES).filter(isRouteName);

/** Every route has its problem page, and a wrong method is told apart from a wrong path. */
function nothingHere(c: Context<AppEnv>): MaestroFailure {
  const path = escapeUnsafe(c.req.path.slice(0, 256));
  const specs: RouteSpec[] = Object.values(ROUTES);
  const noKey = checkKey("");
  // `/state/` is what a script sends whose variable is empty.
  if (
    !noKey.ok &&
    new URL(c.req.url).pathname.endsWith("/") &&
    specs.some(({ path }) => path.endsWith("/:key") && matches(path, `${c.req.path}/-`))
  )
    return new MaestroFailure(noKey.error);
  const here = specs.filter((spec) => matches(spec.path, c.req.path));
  if (here.length > 0) {
    const methods = [...new Set(here.map((spec) => spec.method))];
    return fail("method_not_allowed", `${c.req.method} is not taken at ${path}.`, {
      hint: `Use ${methods.join(" or ")}.`,
      extra: { allow: methods },
    });
  }
  const near = nearest(c.req.path.slice(0, 128), [...new Set(specs.map((spec) => spec.path))], 1)[0];
  return fail("route_not_found", `There is nothing at ${path}.`, {
    hint: near === undefined ? "The API is described at /api/docs." : `Did you mean ${near}? The API is described at /api/docs.`,
  });
}

function matches(pattern: string, path: string): boolean {
  const want = pattern.split("/");
  const have = path.replace(/\/$/, "").split("/");
  return want.length === have.length && want.every((part, i) => part.startsWith(":") || part === have[i]);
}

/** A bug is told to the server's log with its stack, and to the caller by its request id only. */
function problemOf(error: Error, c: Context<AppEnv>): Response {
  const requestId = c.get("requestId");
  if (!(error instanceof MaestroFailure)) {
    console.error(JSON.stringify({ message: "internal error", requestId, path: c.req.path, stack: stackText(error) }));
    return problemResponse(
      maestroError("internal", "Something went wrong here.", { hint: `Tell whoever runs this server the request id ${requestId}.` }),
      requestId,
    );
  }
  const { code, extra } = error.error;
  if (code === "audit_unavailable")
    console.error(JSON.stringify({ message: "audit unavailable", requestId, cause: errorText(error.cause ?? "") }));
  const headers: Record<string, string> = {};
  if (code === "rate_limited") headers["retry-after"] = String(RETRY_AFTER_SECONDS);
  if (code === "method_not_allowed" && Array.isArray(extra?.["allow"])) headers["allow"] = extra["allow"].join(", ");
  if (code === "auth_required") headers["www-authenticate"] = "Bearer";
  return problemResponse(error.error, requestId, headers);
}
