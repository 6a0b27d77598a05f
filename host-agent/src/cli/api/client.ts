/** The API as functions: every call goes through the shared route table, every answer is checked against it. */
import { randomBytes } from "node:crypto";
import * as z from "zod";
import { ROUTES, type RouteName, type RouteSpec } from "@maestro/shared/contract/routes";
import { fail, type MaestroError, MaestroFailure } from "@maestro/shared/errors";
import { escapeUnsafe } from "@maestro/shared/sanitize";
import { parseJson } from "../../config/json.ts";
import { isLoopback } from "../../link/server-url.ts";
import type { Target } from "../config/target.ts";
import { ServerRefusal } from "../render/failure.ts";
import { exchange, readText, type Answer } from "./http.ts";

export type Result<N extends RouteName> = (typeof ROUTES)[N] extends { result: infer R extends z.ZodType } ? z.infer<R> : undefined;
export type ListRoute = { [N in RouteName]: Result<N> extends { items: readonly unknown[] } ? N : never }[RouteName];
export type Item<N extends ListRoute> = Result<N> extends { items: readonly (infer T)[] } ? T : never;

export interface CallInput {
  /** Values of `:name` in the path. */
  params?: Readonly<Record<string, string>>;
  query?: Readonly<Record<string, string | number | undefined>>;
  body?: unknown;
  signal?: AbortSignal;
  /** Of what takes longer than others; default: the client's own. */
  timeoutMs?: number | undefined;
  /** Of a write that may be asked again: it is done once. Default: one of its own. */
  idempotencyKey?: string;
}

export interface ApiClientOptions extends Target {
  /** Sent with every request, so that a server log tells what asked. */
  userAgent: string;
  timeoutMs: number;
  /** The fleet that is meant, by name or id; undefined: the credential's, whichever it is. */
  fleet: string | undefined;
}

export class ApiClient {
  readonly target: Target;
  readonly #userAgent: string;
  readonly #timeoutMs: number;
  readonly #fleet: string | undefined;
  #rightFleet: Promise<void> | undefined;

  constructor({ url, token, pin, userAgent, timeoutMs, fleet }: ApiClientOptions) {
    this.target = { url, token, pin };
    this.#fleet = fleet;
    this.#userAgent = userAgent;
    this.#timeoutMs = timeoutMs;
  }

  async call<N extends RouteName>(name: N, input: CallInput = {}): Promise<Result<N>> {
    // oxlint-disable-next-line typescript/consistent-type-assertions -- the table pairs each name with the schema that was just applied
    return (await this.#checked(name, input)) as Result<N>;
  }

  async #checked(name: RouteName, input: CallInput): Promise<unknown> {
    const route: RouteSpec = ROUTES[name];
    const { body } = await this.raw(route, input);
    const text = await readText(body, this.#timeoutMs);
    if (route.result === undefined) return undefined;
    const parsed = route.result.safeParse(parseJson(text));
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    throw fail(
      "server_error",
      `${this.target.url.origin} answered ${route.method} ${route.path} in a way this version does not understand (${escapeUnsafe(issue?.path.join(".") ?? "")}: ${issue?.message ?? "not JSON"}).`,
      {
        hint: "Is it a Maestro control plane, and of this version? maestro --version",
      },
    );
  }

  /** All pages. */
  async all<N extends ListRoute>(name: N, input: CallInput = {}): Promise<Item<N>[]> {
    const items: Item<N>[] = [];
    let cursor: string | undefined;
    do {
      const page = Page.parse(await this.#checked(name, { ...input, query: { ...input.query, cursor } }));
      // oxlint-disable-next-line typescript/consistent-type-assertions -- each item was checked as part of its page
      items.push(...(page.items as Item<N>[]));
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    return items;
  }

  async text(name: RouteName, input: CallInput = {}): Promise<string> {
    const { body } = await this.raw(ROUTES[name], input);
    return readText(body, this.#timeoutMs);
  }

  /** A credential is of one fleet: what is meant for another is not asked of this one. */
  async #checkFleet(wanted: string): Promise<void> {
    const me = ROUTES.me.result.safeParse(parseJson(await readText((await this.#send(ROUTES.me, {}, {})).body, this.#timeoutMs)));
    const fleet = me.success ? me.data.fleet : undefined;
    if (fleet !== undefined && (fleet.id === wanted || fleet.name === wanted)) return;
    throw fail(
      "usage",
      `MAESTRO_FLEET is '${wanted.slice(0, 64)}', but the login for ${this.target.url.origin} is for ${fleet === undefined ? "another fleet" : `fleet '${fleet.name}'`}.`,
      {
        field: "MAESTRO_FLEET",
        hint: "Unset it, or use that fleet's own login: --profile <name>.",
      },
    );
  }

  /** The answer while it still streams. A refusal is thrown as the server worded it. */
  async raw(
    route: Pick<RouteSpec, "method" | "path" | "access">,
    input: CallInput,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    if (this.#fleet !== undefined && route.access.kind !== "open") await (this.#rightFleet ??= this.#checkFleet(this.#fleet));
    return this.#send(route, input, headers);
  }

  async #send(
    { method, path, access }: Pick<RouteSpec, "method" | "path" | "access">,
    { params = {}, query = {}, body, signal, timeoutMs = this.#timeoutMs, idempotencyKey }: CallInput,
    headers: Readonly<Record<string, string>>,
  ): Promise<Answer> {
    const { url, token, pin } = this.target;
    // An empty part of a path would make it another one.
    const empty = Object.keys(params).find((name) => params[name] === "");
    if (empty !== undefined)
      throw fail("usage", `<${empty}> is empty.`, { field: empty, hint: "Was it taken from a command that failed?" });
    if (token === undefined && access.kind !== "open") throw new MaestroFailure(notLoggedIn(url));
    const answer = await exchange({
      url,
      pin,
      method,
      path: fillPath(path, params) + queryText(query),
      headers: {
        accept: "application/json",
        "user-agent": this.#userAgent,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(method === "GET" ? {} : { "idempotency-key": idempotencyKey ?? randomBytes(16).toString("base64url") }),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      timeoutMs,
      signal,
    });
    if (answer.status < 400) return answer;
    throw refusal(url, answer.status, await readText(answer.body, this.#timeoutMs));
  }
}

export const notLoggedIn = (url: URL): MaestroError => ({
  code: "not_logged_in",
  detail: `There is no token for ${url.origin}.`,
  hint: isLoopback(url.hostname)
    ? `Log in with: maestro login ${url.origin} (or start a control plane here with: maestro up)`
    : `Log in with: maestro login ${url.origin} (a token is made where you are logged in, with: maestro token create <name>)`,
});

export function fillPath(path: string, params: Readonly<Record<string, string>>): string {
  return path.replace(/:([A-Za-z]+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ""));
}

function queryText(query: Readonly<Record<string, string | number | undefined>>): string {
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) pairs.set(name, String(value));
  return pairs.size === 0 ? "" : `?${pairs.toString()}`;
}

const Page = z.object({ items: z.array(z.unknown()), nextCursor: z.string().optional() });
const Problem = z.looseObject({
  type: z.string().default("about:blank"),
  title: z.string().default("Refused"),
  status: z.number().optional(),
  detail: z.string(),
  code: z.string(),
  field: z.string().optional(),
  hint: z.string().optional(),
  requestId: z.string().optional(),
});

export function refusal(url: URL, status: number, text: string): ServerRefusal | MaestroFailure {
  const problem = Problem.safeParse(parseJson(text));
  if (problem.success) return new ServerRefusal({ ...problem.data, status });
  return fail("server_error", `${url.origin} answered ${status}, and not as Maestro does.`, {
    hint: "Is the address that of a Maestro control plane?",
  });
}
