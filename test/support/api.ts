/** The HTTP API as a script uses it: bearer token, JSON, and the answer checked against the contract when asked. */
import * as z from "zod";
import * as r from "@maestro/shared/contract/resources";
import { PATIENCE_MS, poll } from "./wait.ts";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

export interface ApiAnswer {
  status: number;
  headers: Headers;
  text: string;
  /** Undefined when the answer is not JSON. */
  json: unknown;
}

const Problem = z.looseObject({
  code: z.string(),
  detail: z.string().optional(),
  field: z.string().optional(),
  hint: z.string().optional(),
});
export type Problem = z.infer<typeof Problem>;

export class ApiRefusal extends Error {
  override name = "ApiRefusal";
  readonly status: number;
  readonly problem: Problem | undefined;

  constructor(what: string, answer: ApiAnswer) {
    super(`${what}: ${answer.status} ${answer.text.slice(0, 1000)}`);
    this.status = answer.status;
    const parsed = Problem.safeParse(answer.json);
    this.problem = parsed.success ? parsed.data : undefined;
  }
}

export class Api {
  readonly url: string;
  readonly token: string | undefined;
  /** Where sessions are opened that name no host: the product's own machine, however many have joined. */
  defaultHost: string | undefined;

  constructor(url: string, token: string | undefined) {
    this.url = url;
    this.token = token;
  }

  /** The same server with another credential; undefined is nobody. */
  as(token: string | undefined): Api {
    return new Api(this.url, token);
  }

  /** The same credential through another address, a proxy's for instance. */
  at(url: string): Api {
    return new Api(url, this.token);
  }

  /** Any answer, refusals too. A string body is sent as it is. */
  async request(method: Method, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<ApiAnswer> {
    const response = await fetch(new URL(path, this.url), {
      method,
      redirect: "manual",
      headers: {
        ...(this.token === undefined ? {} : { authorization: `Bearer ${this.token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: parseJson(text) };
  }

  /** A success, checked against the schema; throws `ApiRefusal` otherwise. */
  async call<T>(schema: z.ZodType<T>, method: Method, path: string, body?: unknown): Promise<T> {
    const answer = await this.request(method, path, body);
    if (answer.status >= 400) throw new ApiRefusal(`${method} ${path}`, answer);
    return schema.parse(answer.json);
  }

  /** Every page of a list. */
  async all<T>(item: z.ZodType<T>, path: string): Promise<T[]> {
    const items: T[] = [];
    for (let cursor: string | undefined = ""; cursor !== undefined;) {
      const from: string = cursor === "" ? "" : `?cursor=${encodeURIComponent(cursor)}`;
      const page: { items: T[]; nextCursor?: string | undefined } = await this.call(r.list(item), "GET", `${path}${from}`);
      items.push(...page.items);
      cursor = page.nextCursor;
    }
    return items;
  }

  /** The problem of a request that must be refused. */
  async refused(
    method: Method,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Problem & { status: number }> {
    const answer = await this.request(method, path, body, headers);
    if (answer.status < 400) throw new Error(`${method} ${path} was answered ${answer.status}, not refused: ${answer.text.slice(0, 500)}`);
    return { ...Problem.parse(answer.json), status: answer.status };
  }

  hosts = () => this.all(r.Host, "/api/v1/hosts");
  sessions = () => this.call(r.list(r.Session), "GET", "/api/v1/sessions").then(({ items }) => items);
  session = (id: string) => this.call(r.Session, "GET", `/api/v1/sessions/${id}`);
  createSession = (body: z.input<typeof r.SessionBody> = {}) =>
    this.call(r.Session, "POST", "/api/v1/sessions", { ...(this.defaultHost === undefined ? {} : { host: this.defaultHost }), ...body });
  agents = () => this.call(r.list(r.Agent), "GET", "/api/v1/agents").then(({ items }) => items);
  createAgent = (body: z.input<typeof r.AgentBody>) => this.call(r.Agent, "POST", "/api/v1/agents", body);
  startAgent = (id: string, body: z.input<typeof r.AgentStart> = {}) => this.call(r.Session, "POST", `/api/v1/agents/${id}/start`, body);
  createToken = (body: z.input<typeof r.TokenBody>) => this.call(r.TokenCreated, "POST", "/api/v1/tokens", body);
  createJoin = (body: z.input<typeof r.JoinCreateBody> = {}) => this.call(r.JoinCreated, "POST", "/api/v1/hosts/joins", body);
  me = () => this.call(r.Me, "GET", "/api/v1/me");
  health = () => this.call(r.Health, "GET", "/api/v1/health");

  async killSession(id: string): Promise<void> {
    const answer = await this.request("DELETE", `/api/v1/sessions/${id}`);
    if (answer.status >= 400 && answer.status !== 404) throw new ApiRefusal(`DELETE session ${id}`, answer);
  }

  async revokeToken(id: string): Promise<void> {
    const answer = await this.request("DELETE", `/api/v1/tokens/${id}`);
    if (answer.status >= 400) throw new ApiRefusal(`DELETE token ${id}`, answer);
  }

  type = (session: string, text: string) =>
    this.call(z.object({ accepted: z.int() }), "POST", `/api/v1/sessions/${session}/input`, { text });

  async screen(session: string, format: "text" | "ansi" = "text"): Promise<string> {
    const answer = await this.request("GET", `/api/v1/sessions/${session}/screen?format=${format}`);
    if (answer.status >= 400) throw new ApiRefusal(`GET screen of ${session}`, answer);
    return answer.text;
  }

  /** The screen once it shows this. HTTP has no event for it, so it is asked again. */
  screenShows(session: string, wanted: string | RegExp, timeoutMs = PATIENCE_MS): Promise<string> {
    let last = "";
    return poll(
      `session ${session} showing ${String(wanted)}`,
      async () => {
        // A host that is away for a moment shows nothing new.
        last = await this.screen(session).catch((error: unknown) =>
          error instanceof ApiRefusal && error.status >= 500 ? last : Promise.reject(error),
        );
        return (typeof wanted === "string" ? last.includes(wanted) : wanted.test(last)) ? last : undefined;
      },
      { timeoutMs, everyMs: 100, detail: () => `the screen was:\n${last}` },
    );
  }

  /** A host of this name (any, by default) once its link is up. */
  hostOnline(name?: string, timeoutMs = 30_000): Promise<r.Host> {
    return poll(
      `host ${name ?? ""} online`,
      async () => (await this.hosts()).find((host) => host.status === "online" && (name === undefined || host.name === name)),
      { timeoutMs, everyMs: 100 },
    );
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
