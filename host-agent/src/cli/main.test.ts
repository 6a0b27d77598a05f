/** What stands before a command, and what stands for a fleet. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { fakeHost, fakeMe, FakeServer, fakeSession, fakeToken, json, list, TOKEN } from "./testing/fake-server.ts";
import { problemOf, runCli } from "./testing/run-cli.ts";

const SECRET = "mst_pat_secret";
const LINE = "curl -fsSL https://x/install.sh | MAESTRO_JOIN=mst_join_1 sh";

describe("the CLI's command line", { timeout: 30_000 }, () => {
  let server: FakeServer;
  beforeAll(async () => {
    server = await FakeServer.open(({ method, path }) => {
      if (path === "/api/v1/me") return json(fakeMe());
      if (path === "/api/v1/hosts") return list(fakeHost("gpu-1", 1));
      if (path === "/api/v1/tokens" && method === "POST") return json({ token: fakeToken("ci"), secret: SECRET }, 201);
      if (path === "/api/v1/hosts/joins")
        return json({ id: "joi_1", token: "mst_join_1", line: LINE, url: "https://x", expiresAt: "2026-01-01T00:00:00.000Z" }, 201);
      if (path === "/api/v1/sessions" && method === "POST") return json(fakeSession("build", 4), 201);
      if (path === "/api/v1/health") return json({ status: "ok", version: "0.1.0", time: "2026-01-01T00:00:00.000Z", bootstrapped: true });
      return undefined;
    });
  });
  afterAll(async () => server[Symbol.asyncDispose]());
  beforeEach(() => void (server.asked.length = 0));
  const cli = (argv: readonly string[], env: Record<string, string> = {}) =>
    runCli(argv, { env: { MAESTRO_URL: server.url, MAESTRO_TOKEN: TOKEN, ...env } });
  const asked = (): string[] => server.asked.map(({ method, path }) => `${method} ${path}`);

  test.each([
    [["--json", "host", "list"]],
    [["--format", "json", "host", "list"]],
    [["--timeout", "30", "--json", "host", "list"]],
    [["--timeout=30", "--json", "host", "list"]],
  ])("flags of every command may stand before it: %j", async (argv) => {
    const run = await cli(argv);
    expect(run).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(run.stdout)).toMatchObject([{ name: "gpu-1" }]);
  });

  test("a profile may be named before the command", async () => {
    const run = await cli(["--json", "--profile", "office", "host", "list"]);
    expect(run.code).toBe(2);
    expect(problemOf(run)).toMatchObject({ field: "profile", detail: "There is no profile 'office'." });
  });

  test("what stands before the command does not become the program's", async () => {
    const run = await cli(["--json", "--quiet=false", "session", "new", "--", "sh", "--json"]);
    expect(run.stderr).toBe("");
    expect(JSON.parse(run.stdout)).toMatchObject({ name: "build" });
    expect(JSON.parse(server.asked.at(-1)?.body ?? "")).toMatchObject({ argv: ["sh", "--json"] });
  });

  test("a program's own --json does not make a refusal JSON", async () => {
    expect((await cli(["session", "new", "--hots", "x", "--", "sh", "--json"])).stderr).toMatch(/^maestro: /);
  });

  test.each([[["--json", "--version"]], [["--version", "--json"]], [["--profile", "x", "version", "--json"]]])(
    "%j is the version as JSON",
    async (argv) => {
      expect(JSON.parse((await cli(argv)).stdout)).toMatchObject({ version: expect.any(String), node: process.versions.node });
    },
  );

  test.each([
    [["--json", "help"], "Usage: maestro <command>"],
    [["--profile", "office", "help", "host", "list"], "Usage: maestro host list"],
    [["help", "--profile", "office", "host", "list"], "Usage: maestro host list"],
    [["-h"], "Usage: maestro <command>"],
    [["--help", "host", "list"], "Usage: maestro host list"],
    [["--url", "http://x", "host", "list", "--help"], "Usage: maestro host list"],
    [[], "Usage: maestro <command>"],
  ])("%j is help", async (argv, line) => {
    const run = await cli(argv);
    expect(run).toMatchObject({ code: 0, stderr: "", stdout: expect.stringContaining(line) });
  });

  test.each([[["--json"]], [["--profile", "office"]], [["--profile"]], [["--jsno", "host", "list"]]])(
    "%j alone is no command",
    async (argv) => {
      expect(await cli(argv)).toMatchObject({ code: 2, stdout: "" });
    },
  );

  test("-q prints what is told only once: a token's secret, a join line", async () => {
    expect(await cli(["token", "create", "ci", "-q"])).toMatchObject({ code: 0, stdout: `${SECRET}\n`, stderr: "" });
    expect(await cli(["host", "invite", "-q"])).toMatchObject({ code: 0, stdout: `${LINE}\n`, stderr: "" });
  });

  test.each(["default", "flt_1"])("MAESTRO_FLEET=%s is the login's own fleet: asked once", async (fleet) => {
    expect(await cli(["token", "create", "ci"], { MAESTRO_FLEET: fleet })).toMatchObject({ code: 0 });
    expect(asked()).toEqual(["GET /api/v1/me", "POST /api/v1/tokens"]);
  });

  test("MAESTRO_FLEET of another fleet than the login's is refused before anything is done", async () => {
    const run = await cli(["token", "create", "ci", "--json"], { MAESTRO_FLEET: "acme" });
    expect(run).toMatchObject({ code: 2, stdout: "" });
    expect(problemOf(run)).toMatchObject({
      code: "usage",
      field: "MAESTRO_FLEET",
      detail: `MAESTRO_FLEET is 'acme', but the login for ${server.url} is for fleet 'default'.`,
    });
    expect(asked()).toEqual(["GET /api/v1/me"]);
  });

  test("without MAESTRO_FLEET, or with an empty one, nothing more is asked", async () => {
    await cli(["host", "list"], { MAESTRO_FLEET: "" });
    expect(asked()).toEqual(["GET /api/v1/hosts"]);
  });
});
