/** [SKILL17] [SKILL26] `maestro state …`, `secret …`, `agent health`. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fakeAgent, FakeServer, json, list, refused, TOKEN, type Answer, type Asked } from "../testing/fake-server.ts";
import { fakeLog, TASK } from "../testing/fake-task.ts";
import { problemOf, runCli, type RunOptions } from "../testing/run-cli.ts";

const NOW = "2026-01-01T00:00:00.000Z";
const entry = (key: string, more: object = {}) => ({ key, version: 2, bytes: 5, updatedAt: NOW, updatedBy: "ci", ...more });
let server: FakeServer;
let answer: (asked: Asked) => Answer | undefined;
beforeEach(async () => {
  server = await FakeServer.open((asked) => answer(asked));
});
afterEach(async () => server[Symbol.asyncDispose]());
const cli = (argv: readonly string[], options: RunOptions = {}) =>
  runCli(argv, { ...options, env: { MAESTRO_URL: server.url, MAESTRO_TOKEN: TOKEN, MAESTRO_TIME_SCALE: "0.001", ...options.env } });
const last = () => server.asked.at(-1);

describe("state", { timeout: 30_000 }, () => {
  test("set sends value, lifetime and the version that is expected", async () => {
    answer = () => json(entry("a/b c", { expiresAt: "2026-01-02T00:00:00.000Z" }));
    const run = await cli(["state", "set", "a/b c", "green", "--ttl", "60", "--if-version", "1"]);
    expect(run).toEqual({ code: 0, stdout: "a/b c is set, version 2, until 2026-01-02T00:00:00.000Z.\n", stderr: "" });
    expect(last()).toMatchObject({ method: "PUT", path: "/api/v1/state/a%2Fb%20c", body: '{"value":"green","ttl":60,"ifVersion":1}' });
    await cli(["state", "set", "k", "-", "--ttl", "none"], { stdin: "from\nstdin\n" });
    expect(last()?.body).toBe('{"value":"from\\nstdin\\n","ttl":"none"}');
  });

  test("get prints the bare value; --json the entry; a terminal is not acted on", async () => {
    answer = () => json(entry("k", { value: "v\u001b[2J" }));
    expect(await cli(["state", "get", "k"])).toEqual({ code: 0, stdout: "v\u001b[2J\n", stderr: "" });
    expect((await cli(["state", "get", "k"], { person: () => undefined })).stdout).toBe("v\\u{1b}[2J\n");
    expect(JSON.parse((await cli(["state", "get", "k", "--json"])).stdout)).toMatchObject({ key: "k", version: 2, value: "v\u001b[2J" });
    answer = () => refused(404, "key_not_found");
    expect(await cli(["state", "get", "k"])).toMatchObject({ code: 9, stdout: "" });
  });

  test("list is a table, an array, or keys", async () => {
    answer = () => list(entry("a"), entry("b", { expiresAt: NOW }));
    expect((await cli(["state", "list", "--prefix", "x:"])).stdout).toMatch(
      /^KEY +VERSION +BYTES +UPDATED +BY +EXPIRES\na +2 +5 .* never\n/,
    );
    expect(last()?.query.get("prefix")).toBe("x:");
    expect((await cli(["state", "list", "-q"])).stdout).toBe("a\nb\n");
    expect(JSON.parse((await cli(["state", "list", "--json"])).stdout)).toEqual([entry("a"), entry("b", { expiresAt: NOW })]);
  });

  test.each(["state flush", "redis flush"])("%s needs a yes, and says how many went", async (name) => {
    answer = () => json({ deleted: 3 });
    const unasked = await cli([...name.split(" "), "--json"]);
    expect(unasked).toMatchObject({ code: 2, stdout: "" });
    expect(problemOf(unasked)).toMatchObject({ code: "confirmation_required", hint: "Add --yes." });
    expect(server.asked).toEqual([]);
    expect(await cli([...name.split(" "), "--yes"])).toMatchObject({ code: 0, stdout: "3 keys deleted.\n" });
    expect(last()).toMatchObject({ method: "DELETE", path: "/api/v1/state" });
  });

  test("delete", async () => {
    answer = () => ({ status: 204, body: "", type: "text/plain" });
    expect(await cli(["state", "delete", "k"])).toEqual({ code: 0, stdout: "k is deleted.\n", stderr: "" });
    expect(last()).toMatchObject({ method: "DELETE", path: "/api/v1/state/k" });
  });

  test.each<[string[], string, string]>([
    [["set", "k", "v", "--ttl", "0"], "ttl_out_of_range", "ttl"],
    [["set", "k", "v", "--ttl=-1"], "ttl_out_of_range", "ttl"],
    [["set", "k", "v", "--ttl", "1e18"], "ttl_out_of_range", "ttl"],
    [["set", "k", "v", "--ttl", "NaN"], "ttl_out_of_range", "ttl"],
    [["set", "k", "v", "--if-version", "x"], "flag_invalid", "if-version"],
    [["get", ".."], "key_invalid", "key"],
    [["delete", "."], "key_invalid", "key"],
    [["delete", ""], "key_invalid", "key"],
    [["set", "k"], "usage", "value"],
  ])("%j is refused as %s, and nothing is asked", async (argv, code, field) => {
    const run = await cli(["state", ...argv, "--json"]);
    expect(run).toMatchObject({ code: 2, stdout: "" });
    expect(problemOf(run)).toMatchObject({ code, field });
    expect(server.asked).toEqual([]);
  });

  const change = (key: string, version = 1, more: object = {}) =>
    `${JSON.stringify({ key, version, op: "set", value: `v${version}`, ...more })}\n`;
  const ndjson = (body: string, more: object = {}): Answer => ({ status: 200, body, type: "application/x-ndjson", ...more });
  /** Answers of the watch in turn, then a refusal; what a look finds meanwhile. */
  const watched = (parts: Answer[], ...looks: object[][]) => {
    answer = ({ path: at, query }) => {
      if (at === "/api/v1/state/a") return json(entry("a", { value: "v1", version: 1 }));
      if (at !== "/api/v1/state") return json(entry("x", { value: "looked up", version: 7 }));
      if (query.get("watch") === "true") return parts.shift() ?? refused(403, "scope_missing");
      return list(...((looks.length > 1 ? looks.shift() : looks[0]) ?? []));
    };
  };

  test("[57] watch is NDJSON with --json, columns without, and goes on over what ends or breaks", async () => {
    const parts = () => [
      ndjson(change("a") + change("b").slice(0, 9), { cut: true }),
      ndjson(`\n${change("c", 2, { op: "delete", value: undefined })}`),
    ];
    watched(parts(), [], [entry("a", { version: 1 })]);
    const run = await cli(["state", "watch", "--json", "--prefix", "p"]);
    expect(run.code).toBe(4);
    expect(
      run.stdout
        .trimEnd()
        .split("\n")
        .map((line) => (JSON.parse(line) as { key: string }).key),
    ).toEqual(["a", "c"]);
    expect(server.asked[0]?.query.toString()).toBe("prefix=p&watch=true");
    watched(parts(), [], [entry("a", { version: 1 })]);
    expect((await cli(["state", "watch"])).stdout).toBe("set\ta\t1\tv1\ndelete\tc\t2\t\n");
  });

  test("watch looks up what changed while nothing was heard, and tells nothing twice", async () => {
    watched(
      [ndjson(change("gone", 2)), ndjson(change("x", 7) + change("x", 8))],
      [entry("old", { version: 1 }), entry("x", { version: 2 })],
      [entry("gone", { version: 2 }), entry("x", { version: 7 })],
    );
    expect((await cli(["state", "watch"])).stdout).toBe("set\tgone\t2\tv2\ndelete\told\t1\t\nset\tx\t7\tlooked up\nset\tx\t8\tv8\n");
  });

  test("a watch that says nothing any more, and does not end, is begun anew", async () => {
    watched([ndjson(change("a"), { held: true }), ndjson(change("c", 2))], []);
    expect((await cli(["state", "watch"])).stdout).toBe("set\ta\t1\tv1\ndelete\ta\t1\t\nset\tc\t2\tv2\n");
  });

  test("[SKILL28] MAESTRO_REDIS_URL is told to be of no use, on standard error", async () => {
    answer = () => json(entry("k", { value: "v" }));
    const env = { MAESTRO_REDIS_URL: "redis://localhost:6379" };
    expect(await cli(["state", "get", "k"], { env })).toEqual({
      code: 0,
      stdout: "v\n",
      stderr: "MAESTRO_REDIS_URL is not used: state lives in the control plane.\n",
    });
    expect(await cli(["state", "get", "k", "--json"], { env })).toMatchObject({ stderr: "" });
  });
});

describe("secrets", { timeout: 30_000 }, () => {
  const secret = { name: "GH_TOKEN", createdAt: NOW, updatedAt: NOW, updatedBy: "ada" };

  test("set takes the value from standard input, a prompt without echo, or a file; never from an argument", async () => {
    answer = () => json(secret);
    await cli(["secret", "set", "GH_TOKEN"], { stdin: "line 1\nline 2\n" });
    expect(last()).toMatchObject({ method: "PUT", path: "/api/v1/secrets/GH_TOKEN", body: '{"value":"line 1\\nline 2"}' });
    const run = await cli(["secret", "set", "GH_TOKEN"], { person: ({ onPrompt, type }) => onPrompt(() => type("typed\r")) });
    expect(run).toMatchObject({ code: 0, stderr: "Value of GH_TOKEN: \n" });
    expect(run.stdout).not.toContain("typed");
    expect(last()?.body).toBe('{"value":"typed"}');
    const dir = mkdtempSync(path.join(tmpdir(), "msecret-"));
    try {
      const file = path.join(dir, "s");
      writeFileSync(file, "in a file\n", { mode: 0o600 });
      await cli(["secret", "set", "GH_TOKEN", "--file", file]);
      expect(last()?.body).toBe('{"value":"in a file"}');
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
    const argument = await cli(["secret", "set", "GH_TOKEN", "value", "--json"]);
    expect(argument).toMatchObject({ code: 2, stdout: "" });
  });

  test("set at the prompt refuses several lines, and what is too long", async () => {
    answer = () => json(secret);
    // Half of a key would be kept as if it were the key.
    for (const pasted of ["-----BEGIN KEY-----\rabc\r-----END KEY-----\r", `${"x".repeat(16 * 1024 + 1)}\r`]) {
      const refusal = await cli(["secret", "set", "GH_TOKEN"], { person: ({ onPrompt, type }) => onPrompt(() => type(pasted)) });
      expect(refusal).toMatchObject({ code: 2, stderr: expect.stringMatching(/\(field_invalid\)\n.*\bfile\b/) });
    }
    expect(server.asked).toEqual([]);
  });

  test.each([
    ["", "No value", "--file"],
    ["\n", "No value", "--file"],
    ["x".repeat(16 * 1024 + 1), "more than 16384 bytes", "a file of the host"],
  ])("a value that is none, or too large, is not sent", async (stdin, said, hint) => {
    const run = await cli(["secret", "set", "GH_TOKEN", "--json"], { stdin });
    expect(run).toMatchObject({ code: 2, stdout: "" });
    expect(problemOf(run)).toMatchObject({
      code: "field_invalid",
      field: "value",
      detail: expect.stringContaining(said),
      hint: expect.stringContaining(hint),
    });
    expect(server.asked).toEqual([]);
  });

  test("list shows names; delete needs a yes", async () => {
    answer = ({ method }) => (method === "GET" ? list(secret) : { status: 204, body: "", type: "text/plain" });
    expect((await cli(["secret", "list"])).stdout).toMatch(/^NAME +UPDATED +BY\nGH_TOKEN /);
    expect((await cli(["secret", "list", "-q"])).stdout).toBe("GH_TOKEN\n");
    expect(JSON.parse((await cli(["secret", "list", "--json"])).stdout)).toEqual([secret]);
    expect(await cli(["secret", "delete", "GH_TOKEN"])).toMatchObject({ code: 2, stdout: "" });
    expect(await cli(["secret", "delete", "GH_TOKEN", "--yes"])).toMatchObject({ code: 0, stdout: "GH_TOKEN is deleted.\n" });
  });
});

describe("[SKILL6] agent health", { timeout: 30_000 }, () => {
  const health = (status: string, more: object = {}) => ({
    agent: { id: "agt_1", name: "reviewer" },
    host: { id: "hst_1", name: "gpu-1" },
    status,
    reasons: [],
    checks: [{ name: "cli", ok: status === "healthy", detail: "claude 2.1" }],
    lastTask: TASK,
    ...more,
  });
  const serve = (body: object) => {
    answer = ({ path: at }) =>
      at.endsWith("/agents") ? list(fakeAgent("reviewer")) : at.endsWith("/log") ? fakeLog("a\n\u001b[31mb\tc\n") : json(body);
  };

  test("begins with the line that scripts look for, and tells why not", async () => {
    serve(health("healthy"));
    expect(await cli(["agent", "health", "reviewer"])).toEqual({ code: 0, stdout: "status: healthy\n", stderr: "" });
    serve(health("unhealthy", { reasons: [{ code: "agent_cli_missing", detail: "claude is not installed", hint: "npm install -g x" }] }));
    expect((await cli(["agent", "health", "reviewer"])).stdout).toBe(
      "status: unhealthy\n  claude is not installed (agent_cli_missing)\n    npm install -g x\n",
    );
    serve(health("unhealthy", { reasons: [{ code: "auth_failed", detail: "t1: failed (auth_failed)" }] }));
    expect((await cli(["agent", "health", "reviewer"])).stdout).toBe("status: unhealthy\n  t1: failed (auth_failed)\n");
  });

  test("--detail shows the checks, --log-lines the end of its last task's log", async () => {
    serve(health("healthy"));
    const run = await cli(["agent", "health", "reviewer", "--detail", "--log-lines", "2"]);
    expect(run.stdout).toMatch(
      /^status: healthy\nagent +reviewer\nhost +gpu-1\nlast task +tsk_\S+\nok {2}cli +claude 2\.1\n\na\nb {4}c\n$/,
    );
    expect(last()?.query.toString()).toBe("agent=agt_1&tailLines=2");
    expect(JSON.parse((await cli(["agent", "health", "reviewer", "--log-lines", "2", "--json"])).stdout)).toMatchObject({
      status: "healthy",
      log: ["a", "b    c"],
    });
  });
});
