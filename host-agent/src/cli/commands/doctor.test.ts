import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import * as z from "zod";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FakeServer, json, list, refused, TOKEN } from "../testing/fake-server.ts";
import { runCli } from "../testing/run-cli.ts";

const Report = z.object({
  ok: z.boolean(),
  checks: z.array(z.object({ id: z.string(), state: z.string(), detail: z.string(), remedy: z.string().optional() })),
});

describe("doctor", { timeout: 30_000 }, () => {
  let server: FakeServer;
  let home: string;
  beforeAll(async () => {
    home = mkdtempSync(path.join(tmpdir(), "doctor-"));
    server = await FakeServer.open(({ path: place }) => {
      if (place === "/api/v1/health") return json({ status: "ok", version: "0.1.0", time: new Date().toISOString(), bootstrapped: true });
      // Without a hint of its own.
      if (place === "/api/v1/me") return refused(401, "token_expired");
      return list();
    });
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    rmSync(home, { recursive: true, force: true });
  });
  const checks = async (env: Record<string, string>) => {
    const run = await runCli(["doctor", "--json"], { env: { MAESTRO_TOKEN: TOKEN, MAESTRO_URL: server.url, HOME: home, ...env } });
    return Report.parse(JSON.parse(run.stdout)).checks;
  };

  test("tmux is looked for where the holder does: also where no login shell says so", async () => {
    const bin = path.join(home, ".local/bin");
    mkdirSync(bin, { recursive: true });
    writeFileSync(path.join(bin, "tmux"), "#!/bin/sh\necho tmux 9.9\n");
    chmodSync(path.join(bin, "tmux"), 0o755);
    const found = await checks({ PATH: "/nowhere" });
    expect(found.find(({ id }) => id === "tmux")).toEqual({ id: "tmux", state: "ok", detail: "tmux 9.9" });
  });

  test.each([
    ["a server that refuses without a hint", {}],
    ["a server that is away", { MAESTRO_URL: "http://127.0.0.1:1" }],
  ])("every finding says what to do: %s", async (_what, env) => {
    const found = await checks(env);
    expect(found.map(({ id }) => id)).toContain("agents");
    expect(found.filter(({ state, remedy = "" }) => state !== "ok" && remedy === "")).toEqual([]);
  });
});
