import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { fakeAgent, fakeHost, FakeServer, json, list, refused, TOKEN } from "../testing/fake-server.ts";
import { problemOf, runCli } from "../testing/run-cli.ts";

const host = fakeHost("gpu-1", 1);
const other = fakeHost("laptop", 2);
const type = (slug: string, found: readonly (typeof host)[], missing: readonly (typeof host)[] = []) => ({
  slug,
  adapter: slug,
  source: "builtin",
  capabilities: [],
  hosts: [...found, ...missing].map((at) => ({
    host: at.id,
    name: at.name,
    report: {
      slug,
      adapter: slug,
      source: "builtin",
      capabilities: [],
      detected: found.includes(at)
        ? { state: "found", binary: `/bin/${slug}`, version: "1" }
        : { state: "missing", lookedFor: slug, install: `npm install ${slug}` },
    },
  })),
});
const NOT_FOUND = { field: "type", hint: "See: maestro agent register" };

describe("an agent type that nobody registered", { timeout: 30_000 }, () => {
  let server: FakeServer;
  let types: ReturnType<typeof type>[] = [];
  beforeAll(async () => {
    server = await FakeServer.open(({ method, path, body }) => {
      if (path === "/api/v1/hosts") return list(host, other);
      if (path === "/api/v1/agent-types" && method === "GET") return list(...types);
      if (path === "/api/v1/agent-types") {
        const made = JSON.parse(body) as { slug: string };
        return json({ ...made, source: "api", capabilities: [], hosts: [] }, 201);
      }
      if (path !== "/api/v1/agents") return undefined;
      const { type: slug } = JSON.parse(body) as { type: string };
      const known = server.asked.some((asked) => asked.path === "/api/v1/agent-types" && asked.method === "POST");
      return known ? json(fakeAgent(slug, 3, { type: slug }), 201) : refused(404, "agent_type_not_found", NOT_FOUND);
    });
  });
  afterAll(async () => server[Symbol.asyncDispose]());
  beforeEach(() => {
    server.asked.length = 0;
    types = [type("shell", [host, other]), type("kilo", [], [host, other]), type("claude", [host]), type("codex", [host, other])];
  });

  const assign = (slug: string, at: string, { env = {}, more = [] }: { env?: Record<string, string>; more?: string[] } = {}) =>
    runCli(["agent", "assign", slug, "--to-workspace", "/tmp/w", "--host", at, ...more], {
      env: { MAESTRO_URL: server.url, MAESTRO_TOKEN: TOKEN, ...env },
    });
  const registered = (): unknown[] =>
    server.asked
      .filter(({ method, path }) => method === "POST" && path.endsWith("/agent-types"))
      .map(({ body }) => JSON.parse(body) as unknown);

  test("is registered by its first use, as a mode of the first agent CLI found on that host, and said so", async () => {
    const run = await assign("architect", "gpu-1");
    expect(run).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("architect is assigned to"),
      stderr: "Type 'architect' was not known: it is registered as mode 'architect' of claude.\n",
    });
    expect(registered()).toEqual([{ slug: "architect", adapter: "claude", mode: "architect" }]);
  });

  test("stands on what is found on its own host, not on another's", async () => {
    expect(await assign("architect", "laptop", { more: ["--json"] })).toMatchObject({ code: 0 });
    expect(registered()).toEqual([{ slug: "architect", adapter: "codex", mode: "architect" }]);
  });

  test("stands on the default adapter, where one is set", async () => {
    expect(await assign("architect", "gpu-1", { env: { MAESTRO_DEFAULT_ADAPTER: "codex" } })).toMatchObject({ code: 0 });
    expect(registered()).toEqual([{ slug: "architect", adapter: "codex", mode: "architect" }]);
  });

  test("near a known one is a typing mistake: the refusal stays, and nothing is registered", async () => {
    const run = await assign("claudee", "gpu-1", { more: ["--json"] });
    expect(run).toMatchObject({ code: 9, stdout: "" });
    expect(problemOf(run)).toMatchObject({ code: "agent_type_not_found", ...NOT_FOUND });
    expect(registered()).toEqual([]);
  });

  test.each([
    ["a default adapter that is not on the host", "laptop", { MAESTRO_DEFAULT_ADAPTER: "claude" }, "a mode of claude, but"],
    ["no agent CLI on it", "gpu-1", {}, "a mode of kilo, claude, codex, opencode, but"],
  ])("with %s nothing is registered, and the refusal says what is missing", async (what, at, env, hint) => {
    if (what.startsWith("no")) types = [type("shell", [host]), type("claude", [], [host])];
    const run = await assign("architect", at, { env, more: ["--json"] });
    expect(run).toMatchObject({ code: 9, stdout: "" });
    expect(problemOf(run)).toMatchObject({ code: "agent_type_not_found", field: "type", hint: expect.stringContaining(hint) });
    expect(registered()).toEqual([]);
  });

  test.each(["shell", "custom", "clod"])(
    "MAESTRO_DEFAULT_ADAPTER=%s is refused where it is needed, and nothing is registered",
    async (name) => {
      const run = await assign("architect", "gpu-1", { env: { MAESTRO_DEFAULT_ADAPTER: name }, more: ["--json"] });
      expect(run).toMatchObject({ code: 2, stdout: "" });
      expect(problemOf(run)).toMatchObject({ code: "field_invalid", field: "MAESTRO_DEFAULT_ADAPTER" });
      expect(registered()).toEqual([]);
    },
  );
});
