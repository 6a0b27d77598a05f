/**
 * The far side of the console for looking at it without a control plane: real HTTP, real WebSockets, made-up
 * machines. For development only; nothing of it reaches the bundle. `pnpm exec node web/dev/fixture-server.ts [port]`,
 * then open the printed address.
 */
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { encodeFrame, decodeFrame, FLAG } from "@maestro/shared/protocol/frame";
import { formatToken } from "@maestro/shared/token";
import { WebSocketServer, type WebSocket } from "ws";
import { isFinal } from "@maestro/shared/contract/tasks";
import { hosts, agents, sessions, types, screens } from "./fixture-data.ts";
import { checkAfter } from "./fixture-check.ts";
import { serveLog } from "./fixture-log.ts";
import { sshConfigOf } from "./fixture-ssh-config.ts";
import { queueOf, tasks } from "./fixture-tasks.ts";

const DIST = process.env["DIST"] ?? fileURLToPath(new URL("../dist", import.meta.url));
const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};
const link = formatToken("login", crypto.getRandomValues(new Uint8Array(80)));
const headers = parseHeaders(await readFile(join(DIST, "_headers"), "utf8"));
let stepUp = false;

const server = createServer((request, response) => void serve(request, response));
const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => "maestro.v1" });
const feeds = new Set<WebSocket>();

server.on("upgrade", (request, socket, head) => {
  sockets.handleUpgrade(request, socket, head, (ws) => {
    ws.on("message", (data, binary) => !binary && String(data) === "ping" && ws.send("pong"));
    const session = /\/sessions\/([^/]+)\/attach/.exec(request.url ?? "")?.[1];
    if (session === undefined) {
      feeds.add(ws);
      ws.send(JSON.stringify({ t: "hello", seq: 1 }));
    } else attach(ws, session);
  });
});

function attach(ws: WebSocket, id: string): void {
  const found = sessions.find((candidate) => candidate.id === id);
  if (found === undefined) return ws.close(4404, "not_found");
  const info = {
    id,
    name: found.name,
    backend: "pty",
    title: found.title,
    cwd: found.cwd,
    command: found.command,
    cols: found.cols,
    rows: found.rows,
    createdMs: 0,
    lastActivityMs: 0,
    epoch: 1,
    ...(found.end === undefined ? {} : { end: found.end }),
  };
  const say = (frame: object): void => ws.send(JSON.stringify(frame));
  const watching = id.endsWith("watch");
  let offset = 1000;
  let writer = !watching;
  let lines = 0;
  const snapshot = (history: number): void => {
    const text =
      Array.from({ length: history }, (_, i) => `\u001b[38;5;${16 + (i % 200)}mhistory line ${i + 1}\u001b[0m\r\n`).join("") +
      (screens[id] ?? "") +
      Array.from({ length: lines }, () => "").join("");
    const bytes = new TextEncoder().encode(text);
    say({ t: "snapshot", epoch: 1, offset, bytes: bytes.byteLength, cols: info.cols, rows: info.rows, lines: history });
    ws.send(encodeFrame({ kind: "snapshot", flags: FLAG.last, epoch: 1, channel: 0, offset, payload: bytes }));
  };
  const output = (text: string): void => {
    const payload = new TextEncoder().encode(text);
    ws.send(encodeFrame({ kind: "output", flags: 0, epoch: 1, channel: 0, offset, payload }));
    offset += payload.byteLength;
  };
  const pen = (): void =>
    say({
      t: "pen",
      writer: writer ? { viewer: "v", name: "You" } : { viewer: "w", name: "Maya Lind" },
      you: writer,
      viewers: watching ? 2 : 1,
    });
  ws.on("message", (data, binary) => {
    if (binary && data instanceof Buffer) {
      const frame = decodeFrame(data);
      if (frame.ok && frame.value !== undefined) output(new TextDecoder().decode(frame.value.payload).replaceAll("\r", "\r\n$ "));
      return;
    }
    if (String(data) === "ping") return;
    const frame = JSON.parse(String(data));
    if (frame.t === "hello") {
      say({
        t: "welcome",
        version: 1,
        viewer: "v",
        resume: "r",
        session: info,
        canWrite: true,
        host: { id: found.host.id, name: found.host.name, connected: true },
      });
      pen();
      if (frame.from !== undefined && frame.from.offset === offset) say({ t: "resumed", ...frame.from });
      else snapshot(0);
    }
    if (frame.t === "take") {
      writer = true;
      say({ t: "taken", id: frame.id });
      pen();
    }
    if (frame.t === "resize" && writer) {
      Object.assign(info, { cols: frame.cols, rows: frame.rows });
      say({ t: "size", cols: frame.cols, rows: frame.rows });
    }
    if (frame.t === "history") {
      lines = 0;
      snapshot(Math.min(frame.lines, 3_000));
    }
  });
  // Tests drive output through a plain file descriptor of the page: `fixture:` texts of the feed are echoed to terminals.
  ws.on("close", () => undefined);
}

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = new URL(request.url ?? "/", "http://x").pathname;
  const json = (status: number, body?: object): void => {
    response.writeHead(status, { "content-type": status < 400 ? "application/json" : "application/problem+json" });
    response.end(body === undefined ? undefined : JSON.stringify(body));
  };
  if (!path.startsWith("/api/")) return file(path, response);
  const at = new Date().toISOString();
  const soon = new Date(Date.now() + 900_000).toISOString();
  const problem: Problem = (status, code, detail, hint, field) =>
    json(status, {
      type: `/problems/${code}`,
      title: code,
      status,
      code,
      detail,
      hint,
      field,
      requestId: "req_01k9z3x5v7t1q8r4m2n6p0w5yd",
    });
  if (path === "/api/v1/login") {
    stepUp = true;
    return json(200, { key: "k", csrf: "c", expiresAt: soon });
  }
  if (request.headers["x-maestro-key"] === undefined)
    return problem(401, "auth_required", "No credential came with this request.", "Sign in.");
  if (path === "/api/v1/me")
    return json(200, {
      fleet: { id: "flt_1", name: "default" },
      principal: { kind: "browser", id: "bsn_1", name: "ada", role: process.env["ROLE"] ?? "owner" },
      scopes: [],
      server: { version: "0.1.0", protocol: { min: 1, max: 1 }, time: at },
    });
  if (path === "/api/v1/hosts/joins") {
    if (!stepUp) return problem(403, "step_up_required", "This needs a sign-in of the last ten minutes.", "Run `maestro open`.");
    return json(201, {
      id: "jon_1",
      token: "t",
      expiresAt: soon,
      url: "http://10.0.0.5:23000",
      line: "curl -fsSL http://10.0.0.5:23000/install.sh | MAESTRO_JOIN_TOKEN=mst_join_7f3k2m9q1x0z_4Jk2Lq8Zr5Tn1Vw7Xy3Bc6Df9Gh0Jk2Lm5Np8Qr1St4U_3fa92c sh -s -- --url http://10.0.0.5:23000",
    });
  }
  if (path === "/api/v1/tickets") return json(201, { ticket: "t", expiresAt: soon });
  if (/^\/api\/v1\/hosts\/(?:[^/]+\/)?check$/.test(path)) return void checkAfter(request).then((check) => json(200, check));
  const asked = /^\/api\/v1\/hosts\/([^/]+)\/ssh-config$/.exec(path)?.[1];
  if (asked === "hst_acme-web-build")
    return problem(
      409,
      "upgrade_required",
      "The host-agent of 'acme-web-build' is of a version that does not tell what its ssh_config names.",
      "Upgrade it there: run the line again with which it joined.",
    );
  if (asked !== undefined) return void setTimeout(() => json(200, sshConfigOf(asked)), Number(process.env["CONFIG_MS"] ?? 700));
  if (path === "/api/v1/hosts" && request.method === "POST")
    return problem(409, "host_exists", "Host 'gpu' exists already.", "Choose another name.", "name");
  if (path === "/api/v1/hosts") return json(200, { items: process.env["EMPTY"] === "1" ? [] : hosts });
  if (path === "/api/v1/agents" && request.method === "GET") return json(200, { items: process.env["EMPTY"] === "1" ? [] : agents });
  if (path === "/api/v1/sessions" && request.method === "GET") return json(200, { items: process.env["EMPTY"] === "1" ? [] : sessions });
  if (path === "/api/v1/sessions") return json(201, sessions[1]);
  if (path === "/api/v1/agent-types") return json(200, { items: process.env["EMPTY"] === "1" ? [] : types });
  if (path.startsWith("/api/v1/tasks") || path.startsWith("/api/v1/attempts/") || path === "/api/v1/queue") {
    if (process.env["TASKS"] === "broken") return problem(500, "internal", "Something broke in here.", "Try again in a moment.");
    if (process.env["TASKS"] === "slow") return;
    return serveTasks(request, response, path, json, problem);
  }
  if (path.endsWith("/start"))
    return problem(
      409,
      "agent_cli_missing",
      "Codex is not installed on build-server.",
      "Install it with the line below, then start again.",
    );
  return problem(404, "route_not_found", `There is no ${path}.`, "See /api/docs.");
}

type Problem = (status: number, code: string, detail: string, hint: string, field?: string) => void;

function serveTasks(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  json: (status: number, body?: object) => void,
  problem: Problem,
): void {
  const query = new URL(request.url ?? "/", "http://x").searchParams;
  const empty = process.env["EMPTY"] === "1";
  const log = /^\/api\/v1\/attempts\/([^/]+)\/log$/.exec(path)?.[1];
  if (log !== undefined) return serveLog(request, response, log);
  if (path === "/api/v1/queue") {
    const queue = queueOf(query.get("show") ?? "waiting");
    return json(
      200,
      empty
        ? { ...queue, hosts: [], groups: [], items: [], counts: Object.fromEntries(Object.keys(queue.counts).map((state) => [state, 0])) }
        : queue,
    );
  }
  if (path === "/api/v1/tasks" && request.method === "POST")
    return problem(400, "dependency_not_found", "There is no task tsk_nowhere.", "See `maestro task list`.", "dependsOn.0.task");
  if (path === "/api/v1/tasks") {
    const states = query.get("status")?.split(",");
    const words = (query.get("q") ?? "").toLowerCase();
    const items = tasks
      .filter((task) => states === undefined || states.includes(task.status))
      .filter((task) => query.get("agent") === null || task.targets.some(({ agent }) => agent?.name === query.get("agent")))
      .filter((task) => query.get("host") === null || task.targets.some(({ host }) => host?.name === query.get("host")))
      .filter((task) => JSON.stringify(task).toLowerCase().includes(words))
      .toSorted((a, b) => b.createdAt.localeCompare(a.createdAt));
    return json(200, { items: empty ? [] : items });
  }
  const [, ref = "", verb] = /^\/api\/v1\/tasks\/([^/]+)(?:\/(cancel|retry))?$/.exec(path) ?? [];
  const task = tasks.find(({ id }) => id.startsWith(ref) || id.endsWith(ref));
  if (task === undefined) return problem(404, "task_not_found", `There is no task ${ref}.`, "See `maestro task list`.");
  if (verb === "cancel" && isFinal(task.status))
    return problem(409, "task_final", "The task has ended.", "Nothing is left to be cancelled.");
  if (verb === "cancel") Object.assign(task, { status: "cancelling", cancel: { at: new Date().toISOString(), by: "ada", reason: "" } });
  return json(200, task);
}

async function file(path: string, response: ServerResponse): Promise<void> {
  const wanted = extname(path) === "" ? "/index.html" : normalize(path);
  try {
    const body = await readFile(join(DIST, wanted));
    response.writeHead(200, { ...headers, "content-type": TYPES[extname(wanted)] ?? "application/octet-stream" });
    response.end(body);
  } catch {
    response.writeHead(404, headers).end();
  }
}

/** The rule for `/*` of Cloudflare's `_headers` format. */
function parseHeaders(text: string): Record<string, string> {
  const lines = text.split("\n");
  const from = lines.indexOf("/*");
  const until = lines.findIndex((line, i) => i > from && line.trim() === "");
  return Object.fromEntries(
    lines.slice(from + 1, until).map((line) =>
      line
        .trim()
        .split(/:\s*(.*)/s)
        .slice(0, 2),
    ),
  );
}

server.listen(Number(process.argv[2] ?? 0), "127.0.0.1", () => {
  const address = server.address();
  console.log(`http://127.0.0.1:${typeof address === "object" ? address?.port : ""}/login#${link}`);
});
