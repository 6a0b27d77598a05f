/** `maestro agent set` and `agent groom`: what is sent, and what is said. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fakeAgent, FakeServer, json, list, TOKEN, type Asked } from "../testing/fake-server.ts";
import { fakeTask } from "../testing/fake-task.ts";
import { problemOf, runCli } from "../testing/run-cli.ts";

const agent = fakeAgent("reviewer");
const NOW = "2026-01-01T00:00:00.000Z";
const groom = (more: object = {}) => ({
  id: "groomer-1",
  agent: { id: agent.id, name: "reviewer" },
  status: "running",
  progress: { chunkCount: 1, bytesReceived: 2, elapsedMs: 3 },
  createdAt: NOW,
  ...more,
});
let server: FakeServer;
let ended: object;
let status: string;
beforeEach(async () => {
  status = "idle";
  ended = groom({ status: "done", text: "It is all there." });
  server = await FakeServer.open(({ method, path: at }: Asked) => {
    if (at === "/api/v1/agents") return list(agent);
    if (at.endsWith("/groom")) return json(groom(), 201);
    if (at.endsWith("/wait")) return json(fakeTask({ status: "completed" }));
    if (at.startsWith("/api/v1/grooms/")) return json(ended);
    return method === "PATCH" ? json({ ...agent, status }) : undefined;
  });
});
afterEach(async () => server[Symbol.asyncDispose]());

const cli = (...argv: string[]) => runCli(argv, { env: { MAESTRO_URL: server.url, MAESTRO_TOKEN: TOKEN, MAESTRO_TIME_SCALE: "0.001" } });
const sent = (method: string): unknown[] => server.asked.filter((one) => one.method === method).map(({ body }) => JSON.parse(body));

describe("agent set", { timeout: 30_000 }, () => {
  test("[SSH12] sends what was given and no more; empty goes back to none", async () => {
    expect(
      await cli("agent", "set", "reviewer", "--cwd", "/srv", "--bin", "~/claude", "--env", "A=1", "--env", "B=", "--priority", "1"),
    ).toEqual({
      code: 0,
      stdout: "reviewer is changed.\n",
      stderr: "",
    });
    await cli("agent", "set", "reviewer", "--cwd", "", "--bin-name", "", "--env", "");
    expect(sent("PATCH")).toEqual([
      { cwd: "/srv", bin: "~/claude", env: { A: "1", B: "" }, priority: 1 },
      { cwd: null, binName: null, env: {} },
    ]);
  });

  test("of one that runs it says when it holds; without anything to change it says so", async () => {
    status = "working";
    expect((await cli("agent", "set", "reviewer", "--role", "writer")).stdout).toContain("maestro agent restart reviewer");
    const nothing = await cli("agent", "set", "reviewer", "--json");
    expect(nothing.code).toBe(2);
    expect(problemOf(nothing)).toMatchObject({ code: "usage" });
    expect(sent("PATCH")).toHaveLength(1);
  });
});

describe("agent groom", { timeout: 30_000 }, () => {
  test("[SSH24] prints the text, and nothing else on standard output", async () => {
    expect(await cli("agent", "groom", "reviewer", "--prompt", "why?", "--timeout", "60")).toEqual({
      code: 0,
      stdout: "It is all there.\n",
      stderr: "",
    });
    expect(sent("POST")).toEqual([{ prompt: "why?", timeoutMs: 60_000 }]);
    ended = groom({ status: "done", text: "half", partial: true });
    expect(await cli("agent", "groom", "reviewer")).toMatchObject({
      code: 0,
      stdout: "half\n",
      stderr: expect.stringContaining("time was over"),
    });
    expect(sent("POST").at(-1)).toEqual({});
  });

  test("[SSH24] one that failed says why", async () => {
    ended = groom({
      status: "failed",
      reason: { code: "policy_denied", detail: "Shell cannot be held to reading only.", hint: "Ask another." },
    });
    const failed = await cli("agent", "groom", "reviewer", "--json");
    expect(failed.code).toBe(6);
    expect(problemOf(failed)).toMatchObject({ detail: expect.stringContaining("cannot be held"), hint: "Ask another." });
  });
});
