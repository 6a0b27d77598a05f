/** The API, called through the route table: paths, bodies and answers are what `ROUTES` says. */
import { isErrorCode, maestroError, type MaestroError } from "@maestro/shared/errors";
import { HEADER_CSRF, HEADER_KEY, ROUTES } from "@maestro/shared/contract/routes";
import { err, ok, type Result } from "@maestro/shared/result";
import * as z from "zod";
import { readSessionKey, signInDone, type SessionKey } from "./session-key.ts";

interface Route<B> {
  method: string;
  path: string;
  body?: z.ZodType<unknown, B>;
}
interface Answering<T, B> extends Route<B> {
  result: z.ZodType<T>;
}

export interface CallArgs<B> {
  /** For `:id` in the path. */
  id?: string;
  query?: Record<string, string>;
  body?: B;
  /** The same work asked again under the same key is done once. */
  idempotencyKey?: string;
  /** Ends the request, instead of the usual time limit. */
  signal?: AbortSignal;
}

/** A refusal as the console shows it; the request id finds it in the server's log. */
export type ApiError = MaestroError & { requestId?: string };

const ProblemAnswer = z.object({
  code: z.string(),
  detail: z.string().optional(),
  title: z.string().optional(),
  field: z.string().optional(),
  hint: z.string().optional(),
  requestId: z.string().optional(),
});

const CALL_TIMEOUT_MS = 30_000;

/** Calls a route that answers with a value. */
export async function call<T, B>(route: Answering<T, B>, args: CallArgs<B> = {}): Promise<Result<T, ApiError>> {
  const response = await request(route, args);
  if (!response.ok) return response;
  const parsed = route.result.safeParse(await response.value.json().catch(() => undefined));
  if (parsed.success) return ok(parsed.data);
  return err(
    maestroError("server_error", "The server's answer is not what this console expects.", {
      hint: "Reload the page: the server may have been updated.",
    }),
  );
}

/** Calls a route that answers with nothing. */
export async function command<B>(route: Route<B>, args: CallArgs<B> = {}): Promise<Result<undefined, ApiError>> {
  const response = await request(route, args);
  return response.ok ? ok(undefined) : response;
}

/** Opens a route that answers with bytes: whoever reads them also ends it, with `signal`. */
export const open = <B>(route: Route<B>, args: CallArgs<B> & { signal: AbortSignal }): Promise<Result<Response, ApiError>> =>
  request(route, args);

/** Every item of a list, page by page. */
export async function callAll<T>(
  route: Answering<{ items: T[]; nextCursor?: string | undefined }, unknown>,
): Promise<Result<T[], ApiError>> {
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const page = await call(route, cursor === undefined ? {} : { query: { cursor } });
    if (!page.ok) return page;
    items.push(...page.value.items);
    cursor = page.value.nextCursor;
  } while (cursor !== undefined);
  return ok(items);
}

async function request<B>(route: Route<B>, args: CallArgs<B>): Promise<Result<Response, ApiError>> {
  if (route.path === ROUTES.login.path) return send(route, args, readSessionKey());
  await signInDone();
  const session = readSessionKey();
  const answer = await send(route, args, session);
  const now = readSessionKey();
  // Refused because this browser signed in anew meanwhile, here or in another tab: nothing was done.
  return !answer.ok && answer.refused && now !== undefined && now.key !== session?.key ? send(route, args, now) : answer;
}

type Sent = { ok: true; value: Response } | { ok: false; error: ApiError; refused: boolean };

async function send<B>(route: Route<B>, args: CallArgs<B>, session: SessionKey | undefined): Promise<Sent> {
  const write = route.method !== "GET";
  const headers = new Headers({ accept: "application/json" });
  if (session !== undefined) headers.set(HEADER_KEY, session.key);
  if (session !== undefined && write) headers.set(HEADER_CSRF, session.csrf);
  // Every write says JSON, with or without a body: a form cannot imitate it.
  if (write) headers.set("content-type", "application/json");
  if (args.idempotencyKey !== undefined) headers.set("idempotency-key", args.idempotencyKey);
  try {
    const response = await fetch(urlOf(route.path, args.id, args.query), {
      method: route.method,
      headers,
      credentials: "same-origin",
      cache: "no-store",
      redirect: "error",
      signal: args.signal ?? AbortSignal.timeout(CALL_TIMEOUT_MS),
      ...(args.body === undefined ? {} : { body: JSON.stringify(args.body) }),
    });
    if (response.ok) return ok(response);
    return { ...err(await problemOf(response)), refused: response.status === 401 || response.status === 403 };
  } catch {
    const error = maestroError("server_unreachable", "The control plane does not answer.", {
      hint: "Is `maestro up` running? The console goes on by itself as soon as it is back.",
    });
    return { ...err(error), refused: false };
  }
}

function urlOf(path: string, id: string | undefined, query: Record<string, string> = {}): string {
  const filled = path.replace(":id", () => encodeURIComponent(id ?? ""));
  const search = new URLSearchParams(query).toString();
  return search === "" ? filled : `${filled}?${search}`;
}

async function problemOf(response: Response): Promise<ApiError> {
  const parsed = ProblemAnswer.safeParse(await response.json().catch(() => undefined));
  if (!parsed.success) {
    return maestroError(
      response.status >= 500 ? "server_unreachable" : "server_error",
      `The server answered ${response.status} without saying why.`,
      { hint: "Try again in a moment." },
    );
  }
  const { code, detail, title, field, hint, requestId } = parsed.data;
  return {
    ...maestroError(isErrorCode(code) ? code : "server_error", detail ?? title ?? code, {
      ...(field === undefined ? {} : { field }),
      ...(hint === undefined ? {} : { hint }),
    }),
    ...(requestId === undefined ? {} : { requestId }),
  };
}
