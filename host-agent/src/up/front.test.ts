/** The door over real sockets: a far side that behaves as workerd's proxy-style socket does, and real clients. */
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { createServer, request as requestHttp, type IncomingMessage, type Server } from "node:http";
import { request as requestHttps } from "node:https";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import WebSocket, { WebSocketServer } from "ws";
import { connectorTo, parsePin } from "../link/connector.ts";
import { openFront, type Front, type FrontOptions } from "./front.ts";
import { readyTls } from "./tls.ts";

interface Heard {
  url: string;
  headers: IncomingMessage["headers"];
  body: string;
}

let far: Server;
let farPort: number;
let front: Front | undefined;
let dir: string;
const heard: Heard[] = [];

beforeEach(async () => {
  dir = mkdtempSync(path.join(tmpdir(), "mfront-"));
  heard.length = 0;
  far = createServer((request, response) => {
    let body = "";
    request.on("data", (data: Buffer) => (body += data.toString()));
    request.on("end", () => {
      heard.push({ url: request.url ?? "", headers: request.headers, body });
      response.writeHead(200, { "content-type": "text/plain", "x-far": "yes" }).end(`far ${body}`);
    });
  });
  const sockets = new WebSocketServer({ noServer: true });
  far.on("upgrade", (request, socket, head) => {
    heard.push({ url: request.url ?? "", headers: request.headers, body: "" });
    sockets.handleUpgrade(request, socket, head, (peer) => peer.on("message", (data: Buffer, binary) => peer.send(data, { binary })));
  });
  far.listen(0, "127.0.0.1");
  await once(far, "listening");
  const address = far.address();
  farPort = address !== null && typeof address === "object" ? address.port : 0;
});

afterEach(async () => {
  await front?.close();
  far.closeAllConnections();
  far.close();
  rmSync(dir, { recursive: true, force: true });
});

const open = async (options: Partial<FrontOptions>): Promise<Front> => {
  front = await openFront({ bind: "127.0.0.1", port: 0, tls: undefined, allowHttp: [], upstreamPort: () => farPort, ...options });
  return front;
};

function get(
  port: number,
  headers: Record<string, string> = {},
  body?: string,
): Promise<{ status: number; headers: IncomingMessage["headers"]; text: string }> {
  return new Promise((resolve, reject) => {
    const request = requestHttp(
      { host: "127.0.0.1", port, path: "/api/v1/x?y=1", method: body === undefined ? "GET" : "POST", headers },
      (response) => {
        let text = "";
        response.on("data", (data: Buffer) => (text += data.toString()));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
      },
    );
    request.once("error", reject);
    request.end(body);
  });
}

describe("plain http for allowed networks", () => {
  test("passes on who asked and under which name, and nothing that pretends to", async () => {
    const { port } = await open({});
    const answer = await get(
      port,
      {
        host: "box:23000",
        "cf-connecting-ip": "9.9.9.9",
        "x-forwarded-for": "9.9.9.9",
        "x-forwarded-proto": "https",
        "mf-original-url": "https://evil/",
        "x-maestro-key": "kept",
      },
      "hello",
    );
    expect(answer).toMatchObject({ status: 200, text: "far hello", headers: { "x-far": "yes" } });
    expect(heard[0]).toMatchObject({
      url: "http://box:23000/api/v1/x?y=1",
      body: "hello",
      headers: { "cf-connecting-ip": "127.0.0.1", host: "box:23000", "x-maestro-key": "kept" },
    });
    expect(Object.keys(heard[0]?.headers ?? {}).filter((name) => /^(x-forwarded|mf-)/.test(name))).toEqual([]);
  });

  test("a malformed Host is refused before anything is asked", async () => {
    const { port } = await open({});
    expect(await get(port, { host: "a/../b" })).toMatchObject({ status: 400 });
    expect(heard).toEqual([]);
  });

  test("while the runtime restarts the answer is a problem, not a hang-up", async () => {
    const { port } = await open({ upstreamPort: () => 1 });
    const answer = await get(port);
    expect(answer.status).toBe(503);
    expect(JSON.parse(answer.text)).toMatchObject({ code: "server_unreachable" });
  });

  test("sockets pass both ways, byte for byte", async () => {
    const { port } = await open({});
    const socket = new WebSocket(`ws://127.0.0.1:${port}/api/v1/ws`, ["maestro.v1"]);
    await once(socket, "open");
    const sent = Buffer.alloc(300_000, 7);
    socket.send(sent);
    const [echo] = await once(socket, "message");
    expect(Buffer.compare(echo, sent)).toBe(0);
    expect(heard[0]?.headers["cf-connecting-ip"]).toBe("127.0.0.1");
    socket.terminate();
  });
});

describe("--tls auto", () => {
  const place = () => ({ dir: path.join(dir, "tls"), hosts: ["127.0.0.1", "localhost"], nowMs: Date.now() });

  test("is known by its pin, and refused by any other", async () => {
    const tls = readyTls({ type: "tls-auto" }, place());
    if (tls?.pin === undefined) throw new Error("no pin");
    const { port } = await open({ tls });
    const pin = parsePin(tls.pin);
    if (!pin.ok) throw new Error(pin.error.detail);
    const call = (key: string): Promise<number> =>
      new Promise((resolve, reject) => {
        const url = new URL(`https://127.0.0.1:${port}/`);
        const request = requestHttps(
          { host: "127.0.0.1", port, path: "/", createConnection: connectorTo({ url, pin: key, timeoutMs: 5_000 }) },
          (response) => {
            response.resume();
            resolve(response.statusCode ?? 0);
          },
        );
        request.once("error", reject);
        request.end();
      });
    expect(await call(pin.value)).toBe(200);
    expect(heard[0]?.url).toBe(`https://127.0.0.1:${port}/`);
    await expect(call("0".repeat(64))).rejects.toMatchObject({ error: { code: "tls_pin_mismatch" } });
    expect(heard).toHaveLength(1);
  });

  test("keeps its key, so pins outlive certificate and addresses", () => {
    const first = readyTls({ type: "tls-auto" }, place());
    const again = readyTls({ type: "tls-auto" }, place());
    const moved = readyTls({ type: "tls-auto" }, { ...place(), hosts: ["127.0.0.1", "10.1.2.3"] });
    const later = readyTls({ type: "tls-auto" }, { ...place(), nowMs: Date.now() + 390 * 86_400_000 });
    expect(again?.cert).toBe(first?.cert);
    expect(new Set([moved?.cert, later?.cert, first?.cert]).size).toBe(3);
    expect(new Set([moved?.pin, later?.pin, first?.pin]).size).toBe(1);
    expect(statSync(path.join(dir, "tls", "key.pem")).mode & 0o777).toBe(0o600);
  });

  test("files that are no pair are refused in words", () => {
    expect(() => readyTls({ type: "tls-files", certFile: "/nowhere/c", keyFile: "/nowhere/k" }, place())).toThrow(
      /tls_invalid: '\/nowhere\/c' cannot be read/,
    );
  });
});
