/** `--forward-agent`: real runners, and a real sshd that shows them a real ssh-agent, over connections that break. */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ok } from "@maestro/shared/result";
import { systemClock } from "../daemon/clock.ts";
import { silentLog } from "../daemon/log.ts";
import { openPolicy } from "../daemon/policy.ts";
import { VirtualClock } from "../daemon/testing/virtual-clock.ts";
import type { SshTarget } from "../transports/ssh-target.ts";
import type { SshConnection } from "../transports/ssh/connection.ts";
import { dial } from "../transports/ssh/dial.ts";
import { refuseForwarding } from "../transports/ssh/forwarding.ts";
import { SshAgent } from "../transports/ssh/testing/ssh-agent.ts";
import { Sshd, sshdPath } from "../transports/ssh/testing/sshd.ts";
import { createShownAgents } from "./shown-agents.ts";
import { agentShell } from "./ssh-shell.ts";
import { RemoteRig, undoAll } from "./testing/remote-rig.ts";

const missing = sshdPath() === undefined ? "sshd" : undefined;
const policy = { ...openPolicy, forwardAgent: ["127.0.0.*"] };

describe.skipIf(missing !== undefined)(`an ssh-agent is forwarded${missing === undefined ? "" : ` (skipped: no ${missing})`}`, () => {
  let dir: string;
  let home: string;
  let agent: SshAgent;
  let sshd: Sshd;
  let dialled: SshConnection[];

  beforeEach(async () => {
    dir = mkdtempSync(path.join(tmpdir(), "magent-"));
    // A path that no socket could have.
    home = path.join(dir, "a home of a long name, longer than some");
    sshd = await Sshd.start({ SetEnv: `"HOME=${home}"` });
    dialled = [];
    agent = await SshAgent.start();
  });
  afterEach(async () => {
    await undoAll();
    await agent[Symbol.asyncDispose]();
    await sshd[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true, force: true });
  });

  const open = (over: Partial<SshTarget> = {}, allowed: readonly string[] = policy.forwardAgent) => {
    const env = { SSH_AUTH_SOCK: agent.socket };
    const shell = agentShell(
      {
        async dial(target, signal) {
          const options = { hostKeysFile: "/dev/null", env, clock: systemClock, accept: undefined, observe: () => {}, signal };
          const made = await dial(target, options);
          if (made.ok) dialled.push(made.value);
          return made;
        },
        env,
        allowed,
      },
      () => Promise.resolve(ok(sshd.target({ agent: { kind: "environment" }, ...over }))),
      systemClock,
    );
    const common = { open: shell, clock: systemClock, timeScale: 0.05, log: silentLog };
    return RemoteRig.open({ home, policy, agents: (script) => createShownAgents({ ...common, script }) });
  };

  /** Tells the agent's keys at each of its gates. */
  const asking = (rig: RemoteRig, gates: readonly string[]) =>
    rig.task(["sh", "-c", gates.map((gate) => `until [ -e '${dir}/${gate}' ]; do sleep 0.05; done; ssh-add -L; echo ${gate}`).join("; ")], {
      forwardAgent: true,
    });
  const letGo = (gate: string) => writeFileSync(path.join(dir, gate), "");
  const links = () => readdirSync(path.join(home, ".maestro-remote", "agents"));
  /** What it leads to is there. */
  const isShown = () => links().length === 1 && existsSync(path.join(home, ".maestro-remote", "agents", links()[0] ?? ""));

  test("to the task that asks for it, over a connection of its own, which ends with it", async () => {
    const rig = await open();
    const task = asking(rig, ["one"]);
    expect(await task.offer()).toEqual({ answer: "accepted" });
    await task.start();
    letGo("one");
    expect(await task.ended()).toMatchObject({ outcome: "completed" });
    expect(rig.log(task.attempt)).toBe(`${agent.key}\none\n`);
    expect(dialled.length).toBe(1);
    await rig.until(() => dialled[0]?.lost !== undefined && links().length === 0);
    const other = rig.task(["sh", "-c", 'echo "${SSH_AUTH_SOCK:-none}"']);
    await other.offer();
    await other.start();
    await other.ended();
    expect(rig.log(other.attempt)).toBe("none\n");
    expect(dialled.length).toBe(1);
  });

  test("anew when its connection is lost, and when the carrier is", async () => {
    const rig = await open();
    const task = asking(rig, ["one", "two", "three"]);
    await task.offer();
    await task.start();
    letGo("one");
    await rig.until(() => rig.log(task.attempt).endsWith("one\n"));
    await dialled[0]?.close();
    await rig.until(() => dialled.length === 2 && isShown());
    letGo("two");
    await rig.until(() => rig.log(task.attempt).endsWith("two\n"));
    await rig.stop();
    await rig.until(() => dialled.every(({ lost }) => lost !== undefined));
    await rig.begin();
    rig.tasks.secrets({ t: "task.secrets", attempt: task.attempt, fence: 1 });
    await rig.until(() => dialled.length === 3 && isShown());
    letGo("three");
    expect(await task.ended()).toMatchObject({ outcome: "completed" });
    expect(rig.log(task.attempt)).toBe(["one", "two", "three"].map((gate) => `${agent.key}\n${gate}\n`).join(""));
    await rig.until(() => dialled.every(({ lost }) => lost !== undefined) && links().length === 0);
  });

  test("or what is in the way is told before anything runs", async () => {
    const reason = async (rig: RemoteRig, code: string, detail: string) => {
      const task = rig.task(["sh", "-c", `echo ran >>'${dir}/ran'`], { forwardAgent: true });
      expect(await task.offer()).toEqual({ answer: "accepted" });
      await task.start();
      expect(await task.ended()).toMatchObject({ outcome: "failed", reason: { code, detail: expect.stringContaining(detail) } });
      expect(existsSync(path.join(dir, "ran"))).toBe(false);
    };
    await reason(await open({ agent: { kind: "none" } }), "no_capable_host", "no ssh-agent to forward");
    await reason(await open({ agent: { kind: "socket", path: path.join(dir, "nobody") } }), "no_capable_host", "does not answer");
    await reason(await open({}, ["10.*"]), "policy_denied", "policy");
    await using strict = await Sshd.start({ SetEnv: `"HOME=${home}"`, AllowAgentForwarding: "no" });
    await reason(await open({ ...strict.target(), agent: { kind: "environment" } }), "no_capable_host", "lets no ssh-agent be used");
    await reason(await open({ port: 1 }), "internal", "refuses");
  });
});

test("nothing is forwarded that the policy says nothing of, nor into a container", async () => {
  const silent = await RemoteRig.open();
  expect(await silent.task(["true"], { forwardAgent: true }).offer()).toMatchObject({
    answer: "refused",
    reason: { code: "policy_denied" },
  });
  const rig = await RemoteRig.open({ policy });
  const task = rig.task(["true"], { forwardAgent: true, container: "dev" });
  await task.offer();
  await task.start();
  expect(await task.ended()).toMatchObject({ reason: { code: "no_capable_host", detail: expect.stringContaining("container") } });
  await undoAll();
});

test("where its session ends as soon as it has begun, it is begun again ever less often", async () => {
  const clock = new VirtualClock();
  let begun = 0;
  const agents = createShownAgents({
    open: (_script, _args, { data }) => {
      begun += 1;
      data(Buffer.from("shown\n"));
      return Promise.resolve(ok({ write: () => {}, close: () => {}, closed: Promise.resolve(undefined) }));
    },
    script: "",
    clock,
    timeScale: 1,
    log: silentLog,
  });
  const stop = new AbortController();
  expect(await agents.show("att_one-0", stop.signal)).toEqual(ok(undefined));
  for (let seconds = 0; seconds < 300; seconds++) {
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(1_000);
  }
  expect(begun).toBeGreaterThan(5);
  expect(begun).toBeLessThan(20);
  stop.abort();
});

test("the policy goes by where ssh connects to, and by whose key it is known", () => {
  const at = (hostName: string, hostKeyAlias?: string) => ({ hostName, hostKeyAlias, port: 22 });
  const allowed = ["gpu.example.com", "*.lab", "!evil.lab"];
  expect(refuseForwarding(at("GPU.example.com"), allowed)).toBeUndefined();
  expect(refuseForwarding(at("one.lab", "two.lab"), allowed)).toBeUndefined();
  for (const target of [at("evil.lab"), at("10.0.0.1"), at("gpu.example.com", "mine.example.com"), at("gpu.example.com.evil.org")])
    expect(refuseForwarding(target, allowed)).toMatchObject({ code: "policy_denied", field: "forwardAgent" });
  expect(refuseForwarding(at("gpu.example.com"), [])).toMatchObject({ code: "policy_denied" });
});
