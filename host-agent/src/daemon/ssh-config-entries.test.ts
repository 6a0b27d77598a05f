/** `host.ssh-config` over a link: the daemon's own file, within the host's policy [SSH8]. */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import * as path from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { DEFAULT_SETTINGS } from "../config/env.ts";
import { FakeRelay } from "./testing/fake-relay.ts";
import { joinedHome, startTestAgent } from "./testing/host-home.ts";
import { MemoryHolder } from "./testing/memory-holder.ts";

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function setUp(policy?: (home: string) => string) {
  const relay = await new FakeRelay().listen();
  undo.push(() => relay.close());
  const home = joinedHome(relay.origin);
  undo.push(() => home.remove());
  vi.stubEnv("HOME", home.dir);
  undo.push(() => vi.unstubAllEnvs());
  if (policy !== undefined) writeFileSync(home.paths.policyFile, policy(home.dir), { mode: 0o600 });
  const file = path.join(home.dir, ".ssh/config");
  const write = (text: string): void => {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(file, text, { mode: 0o600 });
  };
  const agent = startTestAgent(home.paths, new MemoryHolder().open, DEFAULT_SETTINGS);
  undo.push(() => agent.stop());
  const link = await relay.link(0);
  return { file, write, ask: () => link.request({ t: "host.ssh-config", id: link.nextId() }) };
}

test("no file is no error, one without hosts is none either, and a Host is there as soon as it is written", async () => {
  const { file, write, ask } = await setUp();
  expect(await ask()).toMatchObject({ t: "reply", value: { path: file, exists: false, entries: [], truncated: false } });
  write("Host *\n User me\n");
  expect(await ask()).toMatchObject({ t: "reply", value: { exists: true, entries: [] } });
  write("Host gpu\n HostName 10.0.0.5\n");
  expect(await ask()).toMatchObject({ t: "reply", value: { exists: true, entries: [{ host: "gpu", hostName: "10.0.0.5" }] } });
});

test("a file that ssh would not take is refused with its place", async () => {
  const { file, write, ask } = await setUp();
  write('Host "gpu\n');
  expect(await ask()).toMatchObject({
    t: "reply-error",
    error: { code: "ssh_config_invalid", detail: `${file}:1: a quote is not closed.` },
  });
  write("Host gpu\n");
  chmodSync(file, 0o666);
  expect(await ask()).toMatchObject({ t: "reply-error", error: { code: "insecure_permissions", hint: `chmod go-w ${file}` } });
});

test.each([
  ["shell: deny", () => "shell: deny\n"],
  ["roots elsewhere", () => "roots: [/srv]\n"],
])("with %s in the host's policy nothing is told", async (_what, policy) => {
  const { write, ask } = await setUp(policy);
  write("Host gpu\n");
  expect(await ask()).toMatchObject({ t: "reply-error", error: { code: "policy_denied", hint: expect.stringContaining("policy file") } });
});

test("with roots that hold the file it is told", async () => {
  const { write, ask } = await setUp((home) => `roots: [${home}]\n`);
  write("Host gpu\n");
  expect(await ask()).toMatchObject({ t: "reply", value: { entries: [{ host: "gpu" }] } });
});
