/**
 * The door of a control plane that others may reach: TLS, or plain http for allowed peers only. It tells the
 * Worker who asked (`cf-connecting-ip`) and under which scheme, and passes nothing on that could pretend to.
 */
import {
  Agent,
  createServer,
  request as requestHttp,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { toProblem, maestroError } from "@maestro/shared/errors";
import { peersOf } from "./listen-plan.ts";

export interface FrontOptions {
  bind: string;
  port: number;
  tls: { cert: string; key: string } | undefined;
  allowHttp: readonly string[];
  /** Port of workerd's socket on loopback, which takes absolute URLs; asked for every time, for it changes when workerd restarts. */
  upstreamPort(): number;
}

export interface Front {
  port: number;
  close(): Promise<void>;
}

const NOT_FORWARDED = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "forwarded",
  "cf-connecting-ip",
  "x-real-ip",
]);
const HOST = /^[A-Za-z0-9.:[\]-]{1,255}$/;

export async function openFront({ bind, port, tls, allowHttp, upstreamPort }: FrontOptions): Promise<Front> {
  const scheme = tls === undefined ? "http" : "https";
  const mayAsk = tls === undefined ? peersOf(allowHttp) : () => true;
  const agent = new Agent({ keepAlive: true });
  const server = tls === undefined ? createServer() : createTlsServer({ ...tls, ALPNProtocols: ["http/1.1"], minVersion: "TLSv1.2" });

  const upstream = (request: IncomingMessage, extra: Readonly<Record<string, string>>, pooled: boolean) =>
    requestHttp({
      host: "127.0.0.1",
      port: upstreamPort(),
      method: request.method ?? "GET",
      path: `${scheme}://${request.headers.host ?? ""}${request.url ?? "/"}`,
      headers: { ...forwarded(request.headers), "cf-connecting-ip": peer(request.socket), ...extra },
      ...(pooled ? { agent } : { agent: false }),
    });

  server.on("connection", (socket: Socket) => void socket.setNoDelay(true));
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    const problem = refuse(request, mayAsk);
    if (problem !== undefined) return sendProblem(response, problem);
    const onward = upstream(request, {}, true);
    onward.once("response", (answer) => {
      response.writeHead(answer.statusCode ?? 502, withoutHopByHop(answer.headers));
      answer.pipe(response);
      answer.once("error", () => response.destroy());
    });
    onward.once("error", () =>
      response.headersSent
        ? response.destroy()
        : sendProblem(response, maestroError("server_unreachable", "The control plane restarts.", { hint: "Try again in a moment." })),
    );
    response.once("close", () => onward.destroy());
    request.pipe(onward);
  });
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on("error", () => socket.destroy());
    if (refuse(request, mayAsk) !== undefined) return void socket.end("HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n");
    const onward = upstream(request, { connection: "Upgrade", upgrade: request.headers.upgrade ?? "websocket" }, false);
    onward.once("upgrade", (answer, far, farHead) => join({ socket, head, answer, far, farHead }));
    onward.once("response", (answer) => {
      socket.write(headOf(answer));
      answer.pipe(socket);
    });
    onward.once("error", () => socket.end("HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n"));
    socket.once("close", () => onward.destroy());
    onward.end();
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: bind, port }, resolve);
  });
  return {
    port: addressOf(server.address()).port,
    close: () =>
      new Promise((resolve) => {
        agent.destroy();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Joined {
  socket: Duplex;
  head: Buffer;
  answer: IncomingMessage;
  far: Duplex;
  farHead: Buffer;
}

/** From here on bytes pass both ways, each side slowed by the other. */
function join({ socket, head, answer, far, farHead }: Joined): void {
  socket.write(headOf(answer));
  if (farHead.byteLength > 0) socket.write(farHead);
  if (head.byteLength > 0) far.write(head);
  far.on("error", () => socket.destroy());
  far.once("close", () => socket.destroy());
  socket.once("close", () => far.destroy());
  socket.pipe(far);
  far.pipe(socket);
}

function headOf({ statusCode, statusMessage, rawHeaders }: IncomingMessage): string {
  const lines = [`HTTP/1.1 ${statusCode ?? 502} ${statusMessage ?? ""}`];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    // The body's end is told by closing: its own framing was taken off already.
    if (!/^transfer-encoding$/i.test(rawHeaders[i] ?? "")) lines.push(`${rawHeaders[i]}: ${rawHeaders[i + 1]}`);
  }
  return `${lines.join("\r\n")}\r\n\r\n`;
}

function refuse({ headers, socket }: IncomingMessage, mayAsk: (address: string | undefined) => boolean) {
  // A connection between two ends of the same address never left this machine.
  const own = socket.remoteAddress !== undefined && socket.remoteAddress === socket.localAddress;
  if (!own && !mayAsk(socket.remoteAddress)) {
    return maestroError("insecure_url", `Plain http is not allowed from ${peer(socket)}.`, {
      hint: "Start with --allow-http for its network, or with --tls.",
    });
  }
  return HOST.test(headers.host ?? "")
    ? undefined
    : maestroError("field_invalid", "The Host header is missing or malformed.", { field: "host" });
}

function sendProblem(response: ServerResponse, error: ReturnType<typeof maestroError>): void {
  const problem = toProblem(error, "");
  response.writeHead(problem.status, { "content-type": "application/problem+json", connection: "close" });
  response.end(JSON.stringify(problem));
}

const peer = ({ remoteAddress }: { remoteAddress?: string | undefined }): string => (remoteAddress ?? "").replace(/^::ffff:(?=\d+\.)/, "");

function forwarded(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  const kept: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !NOT_FORWARDED.has(name) && !name.startsWith("x-forwarded-") && !name.startsWith("mf-")) kept[name] = value;
  }
  return kept;
}

function withoutHopByHop(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  const kept: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined && name !== "connection" && name !== "keep-alive" && name !== "transfer-encoding") kept[name] = value;
  return kept;
}

function addressOf(address: string | AddressInfo | null): AddressInfo {
  if (address === null || typeof address === "string") throw new Error("the front has no address");
  return address;
}
