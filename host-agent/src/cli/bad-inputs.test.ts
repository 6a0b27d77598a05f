/** Rows 53 and 57 of the list of bad inputs, in the CLI's own process. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fakeHost, FakeServer, list, TOKEN } from "./testing/fake-server.ts";
import { problemOf, runCli } from "./testing/run-cli.ts";

const event = (n: number) => ({
  id: `evt_${n}`,
  seq: n,
  at: "2026-01-01T00:00:00.000Z",
  type: "alert",
  subject: `s${n}`,
  summary: "two\nlines\u2028",
});

describe("what a script reads", { timeout: 30_000 }, () => {
  let server: FakeServer;
  beforeAll(async () => {
    server = await FakeServer.open(({ path }) => {
      if (path === "/api/v1/hosts") return list(...["laptop", "labtop-2", "desktop", "gpu-1", "laptop-3"].map(fakeHost));
      const body = [1, 2, 3].map((n) => `event: alert\ndata: ${JSON.stringify(event(n))}\n\n`).join("");
      return path === "/api/v1/events" ? { status: 200, body, type: "text/event-stream" } : undefined;
    });
  });
  afterAll(async () => server[Symbol.asyncDispose]());
  const cli = (...argv: string[]) => runCli(argv, { env: { MAESTRO_URL: server.url, MAESTRO_TOKEN: TOKEN } });

  test("[53] an unknown host: the three nearest names, nearest first, and no more", async () => {
    const run = await cli("host", "show", "labtop", "--json");
    expect(run).toMatchObject({ code: 9, stdout: "" });
    expect(problemOf(run)).toMatchObject({ code: "host_not_found", hint: "Did you mean laptop, labtop-2, laptop-3?" });
  });

  test("[53] where nothing is near, the list is named", async () => {
    expect(problemOf(await cli("host", "show", "zzzzzzzzzzzzzzzz", "--json"))).toMatchObject({ hint: "See: maestro host list" });
  });

  test("[57] a stream is NDJSON: every line is one record, whatever is in it", async () => {
    const run = await cli("events", "--json");
    expect(run).toMatchObject({ code: 0, stderr: "" });
    const lines = run.stdout.split("\n");
    expect(lines.pop()).toBe("");
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([1, 2, 3].map(event));
  });
});
