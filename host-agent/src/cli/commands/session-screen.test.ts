/** `session screen` against every hostile screen of the corpus, as a host could answer it. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isSafeText } from "@maestro/shared/sanitize";
import { decodeCase, HostileCorpus } from "../../../../test/fixtures/hostile-escapes.ts";
import { FakeServer, fakeSession, list, TOKEN } from "../testing/fake-server.ts";
import { runCli } from "../testing/run-cli.ts";

const corpus = HostileCorpus.parse(
  JSON.parse(readFileSync(new URL("../../../../test/fixtures/hostile-escapes.json", import.meta.url), "utf8")),
);
/** Colours, erasing and cursor moves; links to the web; nothing that answers, stays, or leaves the screen. */
const HARMLESS = /\u001b\[[\d;:]*[@A-HJ-MPSTXZ`abdefm]|\u001b\[\?[\d;]*[JK]|\u001b\]8;;(?:https?:\/\/[!-~]+)?\u001b\\|\u001b[DEM]/g;

describe("session screen", { timeout: 60_000 }, () => {
  const session = fakeSession("build", 4);
  let screen: Buffer = Buffer.alloc(0);
  let server: FakeServer;
  beforeAll(async () => {
    server = await FakeServer.open(({ path }) =>
      path === "/api/v1/sessions" ? list(session) : { status: 200, body: screen, type: "text/plain; charset=utf-8" },
    );
  });
  afterAll(async () => server[Symbol.asyncDispose]());
  const cli = async (...argv: string[]): Promise<string> => {
    const run = await runCli(["session", "screen", "build", ...argv], {
      env: { MAESTRO_URL: server.url, MAESTRO_TOKEN: TOKEN },
      person: () => undefined,
    });
    expect(run).toMatchObject({ code: 0, stderr: "" });
    return run.stdout;
  };

  test.each(corpus)("prints what $name shows and nothing that acts", async (one) => {
    screen = Buffer.concat([Buffer.from("before\n"), ...decodeCase(one), Buffer.from("\n")]);
    const text = await cli();
    expect(text.startsWith("before\n")).toBe(true);
    expect(text.split("\n").every(isSafeText)).toBe(true);
    const ansi = await cli("--ansi");
    expect(ansi.startsWith("before\n")).toBe(true);
    expect(ansi.replace(HARMLESS, "")).not.toMatch(/[\u0000-\u0007\u000e-\u001f\u007f-\u009f]/);
  });

  test("an ordinary screen is printed whole, in lines", async () => {
    screen = Buffer.from("$ make\n日本 ok");
    expect(await cli()).toBe("$ make\n日本 ok\n");
  });

  test("a pipe gets the very bytes, colours and all", async () => {
    screen = Buffer.from("\u001b[?2004h👩\u200d💻\u001b[31mred");
    for (const more of [[], ["--ansi"]]) {
      const run = await runCli(["session", "screen", "build", ...more], { env: { MAESTRO_URL: server.url, MAESTRO_TOKEN: TOKEN } });
      expect(run).toMatchObject({ code: 0, stderr: "", stdout: screen.toString() });
    }
  });

  test("--json carries the bytes as they are, escaped as JSON does", async () => {
    screen = Buffer.from("a\u001b]52;c;eA==\u0007\u009b6n\u202eb");
    const text = await cli("--json");
    expect(text.trimEnd().split("\n").every(isSafeText)).toBe(true);
    expect(JSON.parse(text)).toEqual({ id: session.id, name: "build", screen: "a\u001b]52;c;eA==\u0007\u009b6n\u202eb" });
  });
});
