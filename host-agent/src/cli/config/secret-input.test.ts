/** Questions at the terminal, asked by the real commands. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FakeServer, fakeSession, list, TOKEN } from "../testing/fake-server.ts";
import { problemOf, runCli, type RunOptions } from "../testing/run-cli.ts";

describe("a question at the terminal", { timeout: 30_000 }, () => {
  let server: FakeServer;
  beforeAll(async () => {
    server = await FakeServer.open(({ method, path }) => {
      if (method === "DELETE") return { status: 204, body: "", type: "text/plain" };
      return path === "/api/v1/sessions" ? list(fakeSession("build", 4)) : undefined;
    });
  });
  afterAll(async () => server[Symbol.asyncDispose]());
  const cli = (argv: readonly string[], person: NonNullable<RunOptions["person"]>) => {
    server.asked.length = 0;
    return runCli(argv, { person, env: { MAESTRO_URL: server.url, MAESTRO_TOKEN: TOKEN } });
  };
  const killed = (): boolean => server.asked.some(({ method }) => method === "DELETE");

  test.each(["y\n", "YES\n"])("%j goes on", async (answer) => {
    const run = await cli(["session", "kill", "build"], ({ onPrompt, type }) => onPrompt(() => type(answer)));
    expect([run.code, killed()]).toEqual([0, true]);
  });

  test.each(["n\n", "\n", "yesterday\n"])("%j changes nothing", async (answer) => {
    const run = await cli(["session", "kill", "build"], ({ onPrompt, type }) => onPrompt(() => type(answer)));
    expect(run).toMatchObject({ code: 2, stderr: expect.stringContaining("Not confirmed: nothing was changed.") });
    expect(killed()).toBe(false);
  });

  test("Ctrl-D means no", async () => {
    const run = await cli(["session", "kill", "build"], ({ onPrompt, end }) => onPrompt(() => end()));
    expect(run).toMatchObject({ code: 2, stderr: expect.stringContaining("[y/N] \nmaestro: Not confirmed: nothing was changed.") });
    expect(killed()).toBe(false);
  });

  test("Ctrl-C at the prompt for a token ends it as an interrupt does, and nothing was asked of the server", async () => {
    const run = await cli(["login", server.url], ({ onPrompt, type }) => onPrompt(() => type("mst_pat_ha\u0003")));
    expect(run).toMatchObject({
      code: 130,
      stdout: "",
      stderr: expect.stringMatching(/^Token for .*: \nmaestro: Interrupted at the prompt\. \(interrupted\)\n$/),
    });
    expect(server.asked).toEqual([]);
  });

  test("a terminal that goes away at the prompt for a token gave none", async () => {
    const run = await cli(["login", server.url], ({ onPrompt, end }) => onPrompt(() => end()));
    expect(run).toMatchObject({ code: 4, stderr: expect.stringContaining("No token was given.") });
  });

  test("off a terminal --yes is named", async () => {
    const run = await runCli(["session", "kill", "build", "--json"], { env: { MAESTRO_URL: server.url, MAESTRO_TOKEN: TOKEN } });
    expect(run.code).toBe(2);
    expect(problemOf(run)).toMatchObject({ code: "confirmation_required", field: "yes", hint: "Add --yes." });
  });
});
