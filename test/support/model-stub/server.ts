/** A loopback server that speaks the model APIs of three vendors well enough for their real CLIs. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { once } from "node:events";
import { Signal, until } from "../wait.ts";
import { anthropicCountTokens, anthropicMessages } from "./anthropic.ts";
import { openaiChat } from "./openai-chat.ts";
import { openaiResponses } from "./openai-responses.ts";

export interface ServerSentEvent {
  event?: string;
  data: object;
}

export type Answer =
  | { kind: "json"; prompt: string; status: number; value: unknown; headers?: Record<string, string> }
  /** `end` is a last data line outside JSON (`[DONE]`). */
  | { kind: "events"; prompt: string; events: ServerSentEvent[]; end?: string };

export interface SeenRequest {
  method: string;
  path: string;
  /** What users said in it, if it was a prompt. */
  prompt: string;
  status: number;
  /** The key it came with: a test's own, so it may be compared. */
  key: string;
}

export interface ModelStub extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`; OpenAI clients want `/v1` behind it. */
  readonly url: string;
  readonly requests: readonly SeenRequest[];
  /** The first request, past or future, that matches. */
  request(what: string, matches: (request: SeenRequest) => boolean, timeoutMs?: number): Promise<SeenRequest>;
}

/** Requests kept for inspection; older ones are dropped. */
const MAX_REQUESTS = 1_000;
const MAX_BODY_BYTES = 32 * 1024 * 1024;

export async function startModelStub(): Promise<ModelStub> {
  const requests: SeenRequest[] = [];
  const arrived = new Signal();
  let count = 0;
  const server = createServer((request, response) => {
    void serve(request, response, ++count).then((seen) => {
      requests.push(seen);
      if (requests.length > MAX_REQUESTS) requests.shift();
      arrived.emit();
    });
  });
  const url = await listen(server);
  return {
    url,
    requests,
    request: (what, matches, timeoutMs = 30_000) =>
      until(`model stub: ${what}`, arrived.changes, () => requests.find(matches), {
        timeoutMs,
        detail: () => `seen: ${requests.map((seen) => `${seen.method} ${seen.path} ${seen.status}`).join(", ") || "nothing"}`,
      }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

async function serve(request: IncomingMessage, response: ServerResponse, id: number): Promise<SeenRequest> {
  const path = request.url ?? "/";
  const key = String(request.headers["x-api-key"] ?? request.headers.authorization ?? "");
  let answer: Answer;
  try {
    answer = route(request.method ?? "GET", path.split("?")[0] ?? "/", await readJson(request), id);
  } catch (error) {
    answer = { kind: "json", prompt: "", status: 400, value: { error: { type: "invalid_request_error", message: String(error) } } };
  }
  send(response, answer);
  const status = answer.kind === "json" ? answer.status : 200;
  return { method: request.method ?? "GET", path, prompt: answer.prompt, status, key };
}

const MODELS = ["claude-sonnet-4-5", "claude-opus-4-5", "claude-haiku-4-5", "gpt-5-codex", "stub-model"];

function route(method: string, path: string, body: unknown, id: number): Answer {
  const json = (value: unknown, status = 200): Answer => ({ kind: "json", prompt: "", status, value });
  const models = {
    object: "list",
    data: MODELS.map((model) => ({ id: model, type: "model", object: "model", display_name: model, created_at: "2025-01-01T00:00:00Z" })),
    has_more: false,
  };
  switch (`${method} ${path.replace(/^\/v1/, "")}`) {
    case "POST /messages":
      return anthropicMessages(body, id);
    case "POST /messages/count_tokens":
      return anthropicCountTokens(body);
    case "POST /chat/completions":
      return openaiChat(body, id);
    case "POST /responses":
      return openaiResponses(body, id);
    case "GET /models":
      return json(models);
    case "HEAD /":
    case "GET /":
      return json({ ok: true });
    default:
      return json({ type: "error", error: { type: "not_found_error", message: `the stub has no ${method} ${path}` } }, 404);
  }
}

function send(response: ServerResponse, answer: Answer): void {
  if (answer.kind === "json") {
    response.writeHead(answer.status, { "content-type": "application/json", ...answer.headers }).end(JSON.stringify(answer.value));
    return;
  }
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  for (const { event, data } of answer.events)
    response.write(`${event === undefined ? "" : `event: ${event}\n`}data: ${JSON.stringify(data)}\n\n`);
  response.end(answer.end === undefined ? "" : `data: ${answer.end}\n\n`);
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    const buffer = Buffer.from(chunk);
    bytes += buffer.byteLength;
    if (bytes > MAX_BODY_BYTES) throw new Error("request body too large for the stub");
    chunks.push(buffer);
  }
  return bytes === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString("utf8"));
}

async function listen(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the model stub got no port");
  return `http://127.0.0.1:${address.port}`;
}
