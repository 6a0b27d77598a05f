/** The real CLI as a process, against a far side over a real socket. Rows are those of the list of bad inputs. */
import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createListener } from "node:net";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { formatToken } from "@maestro/shared/token";
import { BIN } from "../daemon/testing/programs.ts";

const TOKEN = formatToken(
  "pat",
  Uint8Array.from({ length: 80 }, (_, i) => i),
);
const ESC = "\u001b";
const NOW = "2026-01-01T00:00:00.000Z";

const host = (name: string, n: number) => ({
  id: `hst_01j9${String(n).repeat(22)}`,
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
const agent = (name: string) => ({
  id: `agt_01j9${"3".repeat(22)}`,
  name,
  type: "shell",
  host: { id: host("gpu-1", 1).id, name: "gpu-1" },
  workspace: "/tmp",
  priority: 3,
  tags: [],
  env: {},
  args: [],
  status: "idle",
  createdAt: NOW,
  updatedAt: NOW,
});
const evil = `evil${ESC}]0;owned\u0007\u202egnp.exe`;

interface Seen {
  method: string;
  path: string;
  headers: IncomingMessage["headers"];
}

let home: string;
let server: Server;
let url: string;
const seen: Seen[] = [];

function answer(request: IncomingMessage, response: ServerResponse): void {
  const place = new URL(request.url ?? "/", "http://x").pathname;
  seen.push({ method: request.method ?? "", path: request.url ?? "", headers: request.headers });
  const send = (status: number, body: unknown, type = "application/json"): void =>
    void response.writeHead(status, { "content-type": type }).end(JSON.stringify(body));
  if (place === "/api/v1/hosts" && (request.url ?? "").includes("cursor=2")) return send(200, { items: [host("laptop", 2)] });
  if (place === "/api/v1/hosts") return send(200, { items: [host("gpu-1", 1)], nextCursor: "2" });
  if (place === "/api/v1/agents") return send(200, { items: [agent(evil)] });
  if (place === "/api/v1/sessions") return send(200, { items: [] });
  if (place === "/api/v1/me")
    return send(200, {
      fleet: { id: "flt_1", name: "default" },
      principal: { kind: "token", id: "tok_1", name: "ci", role: "operator" },
      scopes: [],
      server: { version: "0.1.0", protocol: { min: 1, max: 1 }, time: NOW },
    });
  if (place === "/api/v1/tokens")
    return send(
      403,
      {
        type: "/problems/scope_missing",
        title: "Scope missing",
        status: 403,
        code: "scope_missing",
        detail: "Token 'ci' lacks admin.",
        field: "scope",
        hint: "Use an owner's token.",
        requestId: "req_77",
      },
      "application/problem+json",
    );
  if (place === "/api/v1/audit")
    return send(409, {
      type: "/problems/of_tomorrow",
      title: "New",
      status: 409,
      code: "of_tomorrow",
      detail: "Something new.",
      requestId: "req_78",
    });
  if (place === "/api/v1/agent-types") return void response.writeHead(200, { "content-type": "text/html" }).end("<html>");
  send(404, {
    type: "/problems/route_not_found",
    title: "No such route",
    status: 404,
    code: "route_not_found",
    detail: "There is nothing here.",
    requestId: "req_1",
  });
}

beforeAll(async () => {
  home = mkdtempSync(path.join(tmpdir(), "mcli-"));
  server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  url = `http://127.0.0.1:${address !== null && typeof address === "object" ? address.port : 0}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(home, { recursive: true, force: true });
});

interface Run {
  code: number | null;
  stdout: string;
  stderr: string;
}

function cli(args: readonly string[], { env = {}, stdin = "" }: { env?: Record<string, string>; stdin?: string } = {}): Promise<Run> {
  const child = spawn(process.execPath, [BIN, ...args], {
    env: {
      PATH: process.env["PATH"],
      NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"],
      HOME: home,
      MAESTRO_HOME: path.join(home, "m"),
      MAESTRO_URL: url,
      MAESTRO_TOKEN: TOKEN,
      ...env,
    },
  });
  const run: Run = { code: null, stdout: "", stderr: "" };
  child.stdout.on("data", (data: Buffer) => (run.stdout += data.toString()));
  child.stderr.on("data", (data: Buffer) => (run.stderr += data.toString()));
  child.stdin.end(stdin);
  return new Promise((resolve) => child.once("close", (code) => resolve({ ...run, code })));
}

const problem = (run: Run): unknown => (JSON.parse(run.stderr) as { error: unknown }).error;

describe("bad inputs of the CLI", { concurrent: false, timeout: 30_000 }, () => {
  test("[51] --timeout abc", async () => {
    const run = await cli(["host", "list", "--timeout", "abc", "--json"]);
    expect(run).toMatchObject({ code: 2, stdout: "" });
    expect(problem(run)).toMatchObject({ code: "flag_invalid", field: "timeout", hint: expect.stringContaining("--timeout 30") });
  });

  test.each([
    [["host", "list", "--json", "--format", "table"], "json"],
    [["host", "install", "--user", "--system", "--json"], "user"],
    [["up", "--tls", "auto", "--allow-http", "10.0.0.0/8", "--json"], "tls"],
    [["session", "list", "--local", "--host", "x", "--json"], "host"],
  ])("[52] %j", async (args, field) => {
    const run = await cli(args);
    expect(run).toMatchObject({ code: 2, stdout: "" });
    expect(problem(run)).toMatchObject({ code: "conflicting_flags", field, hint: "Give one of them." });
  });

  test("[53] an unknown host, with the nearest names", async () => {
    const run = await cli(["host", "show", "labtop", "--json"]);
    expect(run).toMatchObject({ code: 9, stdout: "" });
    expect(problem(run)).toMatchObject({ code: "host_not_found", status: 404, hint: "Did you mean laptop?" });
  });

  test("[54] a server that cannot be reached, with URL and errno and no stack", async () => {
    const run = await cli(["host", "list"], { env: { MAESTRO_URL: "http://127.0.0.1:1" } });
    expect(run).toMatchObject({ code: 3, stdout: "" });
    expect(run.stderr).toMatch(/http:\/\/127\.0\.0\.1:1 .*ECONNREFUSED.*\(server_unreachable\)/);
    expect(run.stderr).not.toMatch(/\n\s+at /);
  });

  test("[55] a token file that others can read, with the line that mends it", async () => {
    const file = path.join(home, "token");
    writeFileSync(file, `${TOKEN}\n`);
    chmodSync(file, 0o644);
    const run = await cli(["login", url, "--token-file", file, "--json"]);
    expect(run).toMatchObject({ code: 4, stdout: "" });
    expect(problem(run)).toMatchObject({ code: "insecure_permissions", hint: `chmod 600 '${file}'` });
    chmodSync(file, 0o600);
    const good = await cli(["login", url, "--token-file", file, "--json"]);
    expect(good.code).toBe(0);
    expect(JSON.parse(good.stdout)).toMatchObject({ name: "ci", role: "operator" });
    expect(statSync(path.join(home, "m", "profiles.json")).mode & 0o777).toBe(0o600);
  });

  test("[56] plain http to another machine: nothing is sent, unless the network is allowed", async () => {
    // No loopback by name, and yet this machine: whoever sends reaches the listener.
    let connections = 0;
    let bytes = 0;
    const listener = createListener((socket) => {
      connections++;
      socket.on("data", (data) => (bytes += data.byteLength));
      socket.on("error", () => undefined);
      socket.once("data", () => socket.destroy());
    });
    await new Promise<void>((resolve) => listener.listen(0, "0.0.0.0", resolve));
    const address = listener.address();
    const target = `http://0.0.0.0:${address !== null && typeof address === "object" ? address.port : 0}`;
    try {
      const run = await cli(["host", "list", "--url", target, "--json"]);
      expect(run).toMatchObject({ code: 4, stdout: "" });
      expect(problem(run)).toMatchObject({ code: "insecure_url", hint: expect.stringContaining("MAESTRO_ALLOW_HTTP") });
      expect([connections, bytes]).toEqual([0, 0]);
      const allowed = await cli(["host", "list", "--url", target, "--json"], { env: { MAESTRO_ALLOW_HTTP: "0.0.0.0/32" } });
      expect(allowed.code).toBe(3);
      expect([connections > 0, bytes > 0]).toEqual([true, true]);
    } finally {
      listener.close();
    }
  });

  test("[57] piped output is plain, complete and one value", async () => {
    const run = await cli(["host", "list", "--json"]);
    expect(run).toMatchObject({ code: 0, stderr: "" });
    expect((JSON.parse(run.stdout) as { name: string }[]).map(({ name }) => name)).toEqual(["gpu-1", "laptop"]);
    const table = await cli(["host", "list"]);
    expect(table.stdout).not.toContain(ESC);
    expect((await cli(["host", "list", "-q"])).stdout.trim().split("\n")).toHaveLength(2);
    expect((await cli(["session", "list", "--json"])).stdout).toBe("[]\n");
  });

  test("[57] a reader that goes away is no failure", async () => {
    const child = spawn(process.execPath, [BIN, "help"], {
      env: { PATH: process.env["PATH"], HOME: home },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stderr = "";
    child.stderr.on("data", (data: Buffer) => (stderr += data.toString()));
    child.stdout.destroy();
    const code = await new Promise((resolve) => child.once("close", resolve));
    expect([code, stderr]).toEqual([0, ""]);
  });

  test("[58] a name with ESC and bidi is printed escaped", async () => {
    const run = await cli(["agent", "list"]);
    expect(run.code).toBe(0);
    expect(run.stdout).toContain("evil\\u{1b}]0;owned\\u{7}\\u{202e}gnp.exe");
    expect(run.stdout).not.toContain(ESC);
  });

  test.each([
    [["hst", "list"], 2, "command_unknown"],
    [["host", "lsit"], 2, "command_unknown"],
    [["host", "list", "--jsno"], 2, "flag_unknown"],
    [["host", "show"], 2, "usage"],
    [["host", "remove", "laptop"], 2, "confirmation_required"],
    [["session", "attach", "x", "--local"], 10, "not_running"],
    [["status", "--profile", "nope"], 2, "field_invalid"],
    [["host", "show", "hst_01j9"], 10, "ambiguous"],
    [["token", "create", "x", "--expires", "soon"], 2, "flag_invalid"],
    [["up", "--bind", "0.0.0.0"], 11, "tls_required"],
    [["down"], 10, "not_running"],
    [["api", "GET", "/api/v1/nothing"], 9, "route_not_found"],
    [["agent", "register"], 1, "server_error"],
    [["audit"], 10, "of_tomorrow"],
    [["completion", "tcsh"], 2, "usage"],
    [["login", "ftp://x"], 2, "field_invalid"],
  ])("%j exits %i with %s", async (args, code, name) => {
    const run = await cli([...args, "--json"]);
    expect(run).toMatchObject({ code, stdout: "" });
    expect(problem(run)).toMatchObject({ code: name });
  });
});

test.each([
  ["/hosts?limit=1", "/api/v1/hosts?limit=1"],
  ["/api/v1/hosts", "/api/v1/hosts"],
  ["/problems/usage", "/problems/usage"],
  ["/install.sh", "/install.sh"],
  ["/", "/api/v1/"],
])("a path of the API may be asked for without its beginning: %s asks %s", async (given, asked) => {
  await cli(["api", "GET", given, "--json"]);
  expect(seen.at(-1)?.path).toBe(asked);
});

describe("the CLI and its server", { timeout: 30_000 }, () => {
  test("a refusal is told with hint and request id, and exits by its code", async () => {
    const run = await cli(["token", "list"]);
    expect(run).toMatchObject({
      code: 4,
      stdout: "",
      stderr: "maestro: Token 'ci' lacks admin. (scope_missing)\n  Use an owner's token.\n  request req_77\n",
    });
  });

  test("reads carry the bearer token, writes an idempotency key as well", async () => {
    seen.length = 0;
    await cli(["host", "drain", "laptop"]);
    const [list, , drain] = seen;
    expect(list?.headers).toMatchObject({ authorization: `Bearer ${TOKEN}` });
    expect(list?.headers["idempotency-key"]).toBeUndefined();
    expect(drain).toMatchObject({ method: "POST", path: `/api/v1/hosts/${host("laptop", 2).id}/drain` });
    expect(drain?.headers["idempotency-key"]).toMatch(/^[\w-]{22}$/);
  });

  test("a profile's token goes to its own server only", async () => {
    seen.length = 0;
    const noToken = { MAESTRO_TOKEN: "" };
    expect((await cli(["login", url, "--token-file", "-", "--profile", "here"], { stdin: TOKEN })).code).toBe(0);
    expect((await cli(["host", "list"], { env: { ...noToken, MAESTRO_URL: "" } })).code).toBe(0);
    const other = await cli(["host", "list", "--url", url.replace("127.0.0.1", "localhost"), "--json"], { env: noToken });
    expect(other.code).toBe(4);
    expect(problem(other)).toMatchObject({ code: "not_logged_in" });
  });

  test("help lists what is for people, and one command with its usage", async () => {
    const run = await cli(["help", "session", "new"]);
    expect(run.code).toBe(0);
    expect(run.stdout).toMatch(/Usage: maestro session new .*\[-- argv…\]/);
    const all = await cli(["help"]);
    expect(all.stdout).toMatch(/host join/);
    expect(all.stdout).not.toMatch(/control-plane {2,}|^ {2}holder/m);
    expect((await cli(["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+/);
  });

  test.each(["bash", "zsh", "fish"])("completion for %s knows the commands", async (shell) => {
    const run = await cli(["completion", shell]);
    expect(run.code).toBe(0);
    expect(run.stdout).toContain("attach");
  });
});
