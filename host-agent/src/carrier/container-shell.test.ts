/** A container's shell where there is no engine to ask; with one it is tested end to end. */
import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { systemClock } from "../daemon/clock.ts";
import { containerShell } from "./container-shell.ts";
import { processShell } from "./process-shell.ts";

const never = new AbortController().signal;
const hasDocker = spawnSync("docker", ["--version"]).status === 0;

test.skipIf(!hasDocker)("an engine that does not answer is not taken for a container that has gone", async () => {
  const env = { PATH: process.env["PATH"], DOCKER_HOST: "unix:///nonexistent/docker.sock" };
  const shell = containerShell(
    processShell(() => env, systemClock),
    "dev",
  );
  const ran = await shell.run("echo inside", [], { deadlineMs: 20_000, signal: never });
  expect(ran).toMatchObject({ ok: false, error: { code: "host_unreachable", detail: expect.stringContaining("docker.sock") } });
  const opened = await shell.open("echo inside", [], { data: () => {}, signal: never });
  expect(opened.ok && (await opened.value.closed)).toMatchObject({ code: "host_unreachable" });
});

test("without an engine that is said", async () => {
  const shell = containerShell(
    processShell(() => ({ PATH: "/nonexistent" }), systemClock),
    "dev",
  );
  const ran = await shell.run("echo inside", [], { deadlineMs: 20_000, signal: never });
  expect(ran).toMatchObject({
    ok: false,
    error: { code: "container_not_running", detail: expect.stringContaining("neither docker nor podman") },
  });
});
