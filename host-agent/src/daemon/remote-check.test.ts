/** `host.check` over a link: what the control plane asks of a carrier, against a real sshd. */
import { readFileSync } from "node:fs";
import { userInfo } from "node:os";
import * as path from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { CHECKS, HostCheck, AcceptHostKey, type RemoteRecord } from "@maestro/shared/contract/remote-hosts";
import { DEFAULT_SETTINGS } from "../config/env.ts";
import { Sshd, sshdPath } from "../transports/ssh/testing/sshd.ts";
import { FakeRelay } from "./testing/fake-relay.ts";
import { joinedHome, startTestAgent } from "./testing/host-home.ts";
import { MemoryHolder } from "./testing/memory-holder.ts";

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function setUp() {
  const relay = await new FakeRelay().listen();
  undo.push(() => relay.close());
  const home = joinedHome(relay.origin);
  undo.push(() => home.remove());
  const agent = startTestAgent(home.paths, new MemoryHolder().open, DEFAULT_SETTINGS);
  undo.push(() => agent.stop());
  const link = await relay.link(0);
  const check = async (record: Partial<RemoteRecord> & { address: string }, acceptHostKey?: AcceptHostKey) => {
    const answer = await link.request({
      t: "host.check",
      id: link.nextId(),
      record: { transport: "ssh", sshConfig: false, options: {}, env: {}, container: "none", ...record },
      ...(acceptHostKey === undefined ? {} : { acceptHostKey }),
    });
    if (answer.t !== "reply") throw new Error(answer.error.detail);
    const found = HostCheck.parse(answer.value);
    return { ...found, failed: found.steps.find(({ state }) => state === "failed") };
  };
  return { home, check };
}

test("[SSH21] a record that leads nowhere fails at its first step, in the words of what is wrong", async () => {
  const { check } = await setUp();
  const { ok, steps, failed } = await check({ address: "10.0.0.5", options: { ProxyCommand: "touch /tmp/x" } });
  expect(ok).toBe(false);
  expect(failed).toMatchObject({ name: "name", code: "field_invalid", detail: expect.stringContaining("ProxyCommand") });
  expect(steps.map(({ name }) => name)).toEqual([...CHECKS]);
  expect(steps.slice(1).every(({ state }) => state === "skipped")).toBe(true);
});

describe.skipIf(sshdPath() === undefined)("over ssh", () => {
  test("[87] an unknown key is shown and nothing more is asked; accepted, it is remembered and all is looked at", async () => {
    const { home, check } = await setUp();
    await using sshd = await Sshd.start();
    const record = {
      address: "127.0.0.1",
      port: sshd.port,
      user: userInfo().username,
      identity: sshd.at("user"),
      options: { IdentitiesOnly: "yes" },
    };
    const first = await check(record);
    expect(first.failed).toMatchObject({ name: "host-key", code: "host_key_unknown" });
    expect(first.hostKey).toMatchObject({ state: "unknown", sha256: expect.stringMatching(/^SHA256:/) });
    expect(sshd.log).not.toContain("Accepted publickey");
    const accepted = await check(record, AcceptHostKey.parse(first.hostKey?.sha256));
    expect(accepted.failed?.name).not.toBe("host-key");
    expect(accepted.steps.find(({ name }) => name === "shell")).toMatchObject({ state: "ok" });
    const known = path.join(home.paths.hostDir, "known_hosts");
    expect(readFileSync(known, "utf8")).toContain("ssh-ed25519");
    expect((await check(record)).hostKey).toMatchObject({ state: "known" });
  });
});
