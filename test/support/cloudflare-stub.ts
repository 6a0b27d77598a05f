/** The far side of a deployment, over a real socket: as much of Cloudflare's API as wrangler asks of an account. For tests. */
import { createServer, type IncomingMessage } from "node:http";
import { once } from "node:events";

export interface Call {
  method: string;
  path: string;
  body: string;
}

export interface CloudflareStub extends AsyncDisposable {
  url: string;
  calls: Call[];
  /** Names and values, as the Worker would see them. */
  secrets: Map<string, string>;
  databases: { uuid: string; name: string }[];
}

export async function startCloudflareStub(): Promise<CloudflareStub> {
  const calls: Call[] = [];
  const secrets = new Map<string, string>();
  const databases: CloudflareStub["databases"] = [];
  const state = { calls, secrets, databases, worker: false };
  const server = createServer((request, response) => {
    void readBody(request).then((body) => {
      const call = { method: request.method ?? "GET", path: new URL(request.url ?? "/", "http://stub").pathname, body };
      calls.push(call);
      const result = answer(call, state);
      response.writeHead(result === undefined ? 404 : 200, { "content-type": "application/json" });
      response.end(
        JSON.stringify(
          result === undefined
            ? {
                success: false,
                errors: [{ code: 10007, message: "This Worker does not exist on your account." }],
                messages: [],
                result: null,
              }
            : {
                success: true,
                errors: [],
                messages: [],
                result,
                result_info: { page: 1, per_page: 100, count: databases.length, total_count: databases.length },
              },
        ),
      );
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the stub listens nowhere");
  return {
    url: `http://127.0.0.1:${address.port}/client/v4`,
    calls,
    secrets,
    databases,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

interface State extends Omit<CloudflareStub, "url" | keyof AsyncDisposable> {
  worker: boolean;
}

/** Undefined: there is no such thing. */
function answer({ method, path, body }: Call, state: State): unknown {
  const is = (verb: string, pattern: RegExp): boolean => method === verb && pattern.test(path);
  if (is("GET", /\/d1\/database$/)) return state.databases;
  if (is("POST", /\/d1\/database$/)) {
    const made = { uuid: "11111111-2222-4333-8444-555555555555", name: field(body, "name") };
    state.databases.push(made);
    return made;
  }
  if (is("POST", /\/d1\/database\/[^/]+\/query$/)) return [{ results: [], success: true, meta: { duration: 1 } }];
  if (is("GET", /\/workers\/subdomain$/)) return { subdomain: "example" };
  if (is("PUT", /\/workers\/scripts\/maestro(\/versions)?$/) || is("POST", /\/workers\/scripts\/maestro\/versions$/)) {
    state.worker = true;
    return { id: "maestro", startup_time_ms: 3, deployment_id: "d", metadata: {} };
  }
  if (!state.worker) return undefined;
  if (is("GET", /\/secrets$/)) return [...state.secrets.keys()].map((name) => ({ name, type: "secret_text" }));
  if (is("PATCH", /\/secrets-bulk$/)) {
    const given: unknown = Reflect.get(Object(JSON.parse(body)), "secrets");
    for (const [name, secret] of Object.entries(Object(given))) state.secrets.set(name, String(Reflect.get(Object(secret), "text")));
    return [];
  }
  if (is("POST", /\/assets-upload-session$/)) return { jwt: "a.b.c", buckets: [] };
  if (is("GET", /\/workers\/services\/maestro$/))
    return { default_environment: { environment: "production", script: { last_deployed_from: "wrangler", tag: "t", tags: null } } };
  if (path.endsWith("/workers/workers/maestro"))
    return { id: "w", name: "maestro", subdomain: { enabled: true, previews_enabled: false }, tags: [], observability: {} };
  if (path.endsWith("/subdomain")) return { enabled: true, previews_enabled: false };
  if (is("GET", /\/deployments$/)) return { deployments: [] };
  return {};
}

const field = (body: string, name: string): string => String(Reflect.get(Object(JSON.parse(body)), name));

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString("utf8");
}
