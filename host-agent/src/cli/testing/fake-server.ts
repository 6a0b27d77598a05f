/** A far side of the CLI over a real socket: answers by path, and keeps what it was asked. */
import { createServer, type IncomingMessage, type Server } from "node:http";
import { formatToken } from "@maestro/shared/token";

export const TOKEN = formatToken(
  "pat",
  Uint8Array.from({ length: 80 }, (_, i) => i),
);
const NOW = "2026-01-01T00:00:00.000Z";

export interface Asked {
  method: string;
  /** Without the query. */
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage["headers"];
  body: string;
}

export interface Answer {
  status: number;
  body: string | Uint8Array;
  type: string;
  headers?: Readonly<Record<string, string>>;
  /** The connection breaks behind the body. */
  cut?: true;
  /** Nothing follows the body, and it does not end. */
  held?: true;
}

export const json = (body: unknown, status = 200): Answer => ({ status, body: JSON.stringify(body), type: "application/json" });
export const list = (...items: readonly unknown[]): Answer => json({ items });
export const refused = (status: number, code: string, place: object = {}): Answer =>
  json({ type: `/problems/${code}`, title: code, status, code, detail: `Refused: ${code}.`, requestId: "req_1", ...place }, status);

export class FakeServer implements AsyncDisposable {
  readonly asked: Asked[] = [];
  readonly #server: Server;
  readonly url: string;

  private constructor(server: Server, url: string) {
    this.#server = server;
    this.url = url;
  }

  /** @param answer undefined is a 404. */
  static async open(answer: (asked: Asked) => Answer | undefined): Promise<FakeServer> {
    const server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on("data", (part: Buffer) => parts.push(part));
      request.on("end", () => {
        const url = new URL(request.url ?? "/", "http://x");
        const asked = {
          method: request.method ?? "",
          path: url.pathname,
          query: url.searchParams,
          headers: request.headers,
          body: Buffer.concat(parts).toString("utf8"),
        };
        fake.asked.push(asked);
        const { status, body, type, headers, cut, held } = answer(asked) ?? refused(404, "route_not_found");
        response.writeHead(status, { ...headers, "content-type": type });
        if (cut === true) response.write(body, () => response.destroy());
        else if (held === true) response.write(body);
        else response.end(body);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const fake = new FakeServer(server, `http://127.0.0.1:${address !== null && typeof address === "object" ? address.port : 0}`);
    return fake;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
    });
  }
}

const id = (kind: string, n: number): string => `${kind}_01j9${String(n).repeat(22)}`;

export const fakeHost = (name: string, n: number) => ({
  id: id("hst", n),
  name,
  transport: "link",
  status: "online",
  labels: {},
  draining: false,
  createdAt: NOW,
  capabilities: [],
  roots: [],
  sessions: 0,
});

export const fakeAgent = (name: string, n = 3, more: object = {}) => ({
  id: id("agt", n),
  name,
  type: "shell",
  host: { id: id("hst", 1), name: "gpu-1" },
  workspace: "/tmp",
  priority: 3,
  tags: [],
  env: {},
  args: [],
  status: "idle",
  createdAt: NOW,
  updatedAt: NOW,
  ...more,
});

export const fakeSession = (name: string, n: number, more: object = {}) => ({
  id: id("ses", n),
  name,
  host: { id: id("hst", 1), name: "gpu-1", status: "online" },
  backend: "pty",
  title: "",
  cwd: "/tmp",
  command: "sh",
  cols: 80,
  rows: 24,
  status: "running",
  createdAt: NOW,
  lastActivityAt: NOW,
  ...more,
});

export const fakeToken = (name: string, n = 7) => ({
  id: id("tok", n),
  name,
  role: "operator",
  scopes: [],
  createdAt: NOW,
  expiresAt: NOW,
  member: "mem_1",
});

export const fakeMe = (more: object = {}) => ({
  fleet: { id: "flt_1", name: "default" },
  principal: { kind: "token", id: id("tok", 7), name: "ci", role: "operator" },
  scopes: [],
  server: { version: "0.1.0", protocol: { min: 1, max: 1 }, time: NOW },
  ...more,
});
