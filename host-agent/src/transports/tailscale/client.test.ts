/** What is asked of the `tailscale` program; small scripts stand in for it. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { passedEnv, readStatus } from "./client.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "mtsc-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function asks(lines: string) {
  const file = join(dir, "tailscale");
  writeFileSync(file, `#!/bin/sh\n${lines}\n`, { mode: 0o755 });
  return readStatus(file, { PATH: process.env["PATH"], MAESTRO_TOKEN: "secret" });
}

test("a status counts, however the program ends", async () => {
  const read = await asks(`[ "$*" = "status --json" ] && echo '{"BackendState":"Stopped","Peer":null}'; exit 1`);
  expect(read).toMatchObject({ ok: true, value: { BackendState: "Stopped" } });
});

test("what it says instead is told, and reaches nobody's terminal as it is", async () => {
  const read = await asks(`printf 'failed to connect to local tailscaled\\033[2J\\n' >&2; exit 1`);
  expect(read).toMatchObject({ ok: false, error: { code: "tailscale_not_running", field: "via" } });
  expect(!read.ok && read.error.detail).toContain("failed to connect to local tailscaled");
  expect(!read.ok && read.error.detail).not.toContain("\u001b");
  expect(await asks("echo '{}'")).toMatchObject({ ok: false, error: { detail: expect.stringContaining("nothing that can be read") } });
});

test("a program that cannot be started is told with its path", async () => {
  const read = await readStatus(join(dir, "none"), {});
  expect(read).toMatchObject({ ok: false, error: { code: "spawn_failed", detail: expect.stringContaining(join(dir, "none")) } });
});

test("it gets what it needs of our environment, and no more", async () => {
  expect(passedEnv({ PATH: "/bin", HOME: "/h", SSH_AUTH_SOCK: undefined, MAESTRO_TOKEN: "secret" })).toEqual({ PATH: "/bin", HOME: "/h" });
  const read = await asks(`echo "{\\"BackendState\\":\\"\${MAESTRO_TOKEN:-unset}\\"}"`);
  expect(read).toMatchObject({ ok: true, value: { BackendState: "unset" } });
});
