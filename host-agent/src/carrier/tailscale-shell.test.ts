/** Scripts over `tailscale ssh`: a stand-in for the program, whose ssh is the real client to a real sshd. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { RemoteRecord } from "@maestro/shared/contract/remote-hosts";
import { maestroError } from "@maestro/shared/errors";
import { err } from "@maestro/shared/result";
import { systemClock } from "../daemon/clock.ts";
import { openPolicy } from "../daemon/policy.ts";
import { checkRemote } from "../daemon/remote-check.ts";
import { Sshd, sshdPath } from "../transports/ssh/testing/sshd.ts";
import { BOX, StandIn } from "../transports/tailscale/testing/stand-in.ts";
import { Tailnet } from "../transports/tailscale/way.ts";
import type { RemoteShell } from "./remote-shell.ts";
import { tailscaleShell } from "./tailscale-shell.ts";

const record: RemoteRecord = { transport: "tailscale", address: BOX, sshConfig: false, options: {}, env: {}, container: "none" };
const alive = () => new AbortController().signal;
const user = userInfo().username;

describe.skipIf(sshdPath() === undefined)("over a stand-in for tailscale, with a real ssh and sshd", () => {
  let sshd: Sshd;
  let cli: StandIn;
  let home: string;
  beforeEach(async () => {
    home = mkdtempSync(join(tmpdir(), "mtsh-"));
    sshd = await Sshd.start({ SetEnv: `HOME=${home}` });
    cli = new StandIn({ port: sshd.port, identity: sshd.at("user"), knownHosts: sshd.at("known_hosts") });
  });
  afterEach(async () => {
    cli[Symbol.dispose]();
    await sshd[Symbol.asyncDispose]();
    rmSync(home, { recursive: true, force: true });
  });

  /** What would go by plain ssh says so. */
  const refusing = () => Promise.resolve(err(maestroError("ssh_failed", "plain ssh")));
  const plain: RemoteShell = { run: refusing, open: refusing };
  const shell = (over: Partial<RemoteRecord> = {}, path = cli.path): RemoteShell => {
    const env = { PATH: path, HOME: home };
    const tailnet = new Tailnet(env, systemClock);
    return tailscaleShell({
      way: () => tailnet.wayTo({ ...record, ...over }, sshd.target({ hostName: BOX })),
      plain,
      env,
      clock: systemClock,
    });
  };
  const run = (script: string, args: readonly string[] = [], over: Partial<Parameters<RemoteShell["run"]>[2]> = {}) =>
    shell().run(script, args, { deadlineMs: 20_000, signal: alive(), ...over });
  const check = (over: Partial<RemoteRecord> = {}, path = cli.path) =>
    checkRemote({ ...record, ...over }, undefined, {
      policy: openPolicy,
      hostKeysFile: join(home, "known"),
      env: { PATH: path, HOME: home },
      clock: systemClock,
      signal: alive(),
    });

  test("a script has its arguments and its stdin, byte for byte, and neither is in an argv", async () => {
    const odd = ["a b", "$(id)", "';\"`", "ü", ""];
    const stdin = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 256));
    const ran = await run('printf "%s|" "$@"; cat; tr "\\0" "\\n" </proc/$$/cmdline >"$HOME/argv"; echo bad >&2', odd, { stdin });
    expect(ran.ok && ran.value).toMatchObject({ exit: { type: "exit", code: 0 }, stderr: "bad\n" });
    expect(ran.ok && Buffer.from(ran.value.stdout).equals(Buffer.concat([Buffer.from(`${odd.join("|")}|`), stdin]))).toBe(true);
    const argv = readFileSync(join(home, "argv"), "utf8");
    expect(argv).toContain("maestro");
    expect(argv).not.toContain("$(id)");
    expect(cli.destinations).toEqual([`${user}@${BOX}`]);
  });

  test.each([0, 7, 96, 255])("a script that ends with %i has ended so, also by exec", async (code) => {
    for (const script of [`exit ${code}`, `exec /bin/sh -c 'exit ${code}'`])
      expect(await run(script)).toMatchObject({ ok: true, value: { exit: { type: "exit", code } } });
  });

  test("what a login shell says first is dropped, and one that ends or takes what is not its own is told as such", async () => {
    const rc = (lines: string) => writeFileSync(join(home, ".bashrc"), `${lines}\n`);
    rc("echo hello; echo 'Permission denied (publickey)' >&2");
    const ran = await run("echo said; echo bad >&2");
    expect(ran).toMatchObject({ ok: true, value: { stderr: "bad\n" } });
    expect(ran.ok && Buffer.from(ran.value.stdout).toString()).toBe("said\n");
    rc("echo goodbye; exit 3");
    expect(await run("exit 0")).toMatchObject({
      ok: false,
      error: { code: "remote_shell_broken", detail: expect.stringContaining("goodbye") },
    });
    rc("head -c 10 >/dev/null");
    expect(await run("exit 0")).toMatchObject({
      ok: false,
      error: { code: "remote_shell_broken", hint: expect.stringContaining("stdin") },
    });
  });

  test("what a script leaves behind with its output open keeps nobody waiting", async () => {
    const ran = await run('sleep 1000 & echo $! >"$HOME/left"; echo said');
    expect(ran.ok && Buffer.from(ran.value.stdout).toString()).toBe("said\n");
    process.kill(Number(readFileSync(join(home, "left"), "utf8")), "SIGKILL");
  });

  test("a client that is killed is a line that broke, and no end of the script", async () => {
    const said = Promise.withResolvers<void>();
    const opened = await shell().open("echo up; cat", [], { data: () => said.resolve(), signal: alive() });
    await said.promise;
    cli.cut();
    expect(opened.ok && (await opened.value.closed)).toMatchObject({ code: "ssh_lost" });
  });

  test("what stays open takes words and ends with its stdin", async () => {
    let text = "";
    const heard = Promise.withResolvers<void>();
    const data = (chunk: Uint8Array) => {
      text += Buffer.from(chunk).toString();
      if (text.includes("got two")) heard.resolve();
    };
    const opened = await shell().open('while read -r l; do echo "got $l"; done; echo over', [], { data, signal: alive() });
    if (!opened.ok) throw new Error(opened.error.detail);
    opened.value.write("one\n");
    opened.value.write("two\n");
    await heard.promise;
    opened.value.close();
    expect(await opened.value.closed).toBeUndefined();
    expect(text).toBe("got one\ngot two\nover\n");
  });

  test("at its deadline, or when it is given up, the script there and the client here are ended", async () => {
    expect(await run('echo $$ >"$HOME/pid"; sleep 1000', [], { deadlineMs: 2000 })).toMatchObject({
      ok: false,
      error: { code: "timeout" },
    });
    const stop = new AbortController();
    const begun = Promise.withResolvers<void>();
    const opened = await shell().open('echo $$ >"$HOME/pid2"; echo up; sleep 1000', [], {
      data: () => begun.resolve(),
      signal: stop.signal,
    });
    await begun.promise;
    stop.abort();
    expect(opened.ok && (await opened.value.closed)).toMatchObject({ code: "ssh_lost" });
    for (const name of ["pid", "pid2"])
      await expect.poll(() => isThere(Number(readFileSync(join(home, name), "utf8"))), { timeout: 8000 }).toBe(false);
    await expect.poll(() => cli.clients, { timeout: 8000 }).toEqual([]);
  });

  test("no more than four run at once", async () => {
    const one = shell();
    const counting = 'mkdir "$HOME/$1"; ls -d "$HOME"/n* | wc -l; read -r _ <"$HOME/gate" || :; rmdir "$HOME/$1"';
    const first = await run('mkfifo "$HOME/gate"');
    expect(first.ok).toBe(true);
    const all = ["n1", "n2", "n3", "n4", "n5", "n6"].map((name) => one.run(counting, [name], { deadlineMs: 30_000, signal: alive() }));
    await expect.poll(() => ["n1", "n2", "n3", "n4"].every((name) => existsSync(join(home, name))), { timeout: 15_000 }).toBe(true);
    expect(existsSync(join(home, "n5"))).toBe(false);
    // Each that opens it for writing lets the readers of that moment go.
    const done = Promise.all(all);
    for (let waits = true; waits;) {
      const opened = run('[ ! -p "$HOME/gate" ] || timeout 1 sh -c \': >"$HOME/gate"\' || :').then(() => true);
      waits = await Promise.race([done.then(() => false), opened]);
    }
    const counts = (await done).map((ran) => (ran.ok ? Number(Buffer.from(ran.value.stdout).toString()) : Number.NaN));
    expect(Math.max(...counts)).toBeLessThanOrEqual(4);
  });

  test.each([
    ["Permission denied (publickey).", "ssh_auth_failed", "tailscale set --ssh"],
    ["Host key verification failed.", "host_key_unknown", "--transport ssh"],
    ["ssh: connect to host box port 22: Connection timed out", "ssh_timeout", `tailscale ping ${BOX}`],
    [
      "# Tailscale SSH requires an additional check.\n# To authenticate, visit: https://login.tailscale.com/a/x",
      "ssh_auth_failed",
      "on the linked host",
    ],
    ["tailscale: tailnet policy does not permit you to SSH to this node", "ssh_auth_failed", "policy"],
    ["something else\u001b[2J", "ssh_failed", `tailscale ssh ${user}@${BOX}`],
  ])("it fails with %j", async (words, code, hint) => {
    cli.fails(words);
    const ran = await run("exit 0");
    expect(ran).toMatchObject({ ok: false, error: { code, hint: expect.stringContaining(hint) } });
    expect(!ran.ok && ran.error.detail).not.toContain("\u001b");
  });

  test("nothing is dialled where the tailnet says that it is in vain", async () => {
    cli.says({ peer: { Online: false } });
    expect(await run("exit 0")).toMatchObject({ ok: false, error: { code: "tailscale_peer_offline" } });
    cli.says({ BackendState: "NeedsLogin" });
    expect(await run("exit 0")).toMatchObject({ ok: false, error: { code: "tailscale_login_needed" } });
    rmSync(cli.at("status.json"));
    expect(await run("exit 0")).toMatchObject({
      ok: false,
      error: { code: "tailscale_not_running", detail: expect.stringContaining("failed to connect to local tailscaled") },
    });
    expect(cli.destinations).toEqual([]);
  });

  test("plain ssh is the way without the program, and for what it does not take", async () => {
    const options = { deadlineMs: 20_000, signal: alive() };
    const bySsh = { ok: false, error: { detail: "plain ssh" } };
    expect(await shell({}, "/nowhere").run("exit 0", [], options)).toMatchObject(bySsh);
    for (const over of [{ port: 2222 }, { identity: "~/key" }, { options: { ConnectTimeout: "3" } }])
      expect(await shell(over).run("exit 0", [], options)).toMatchObject(bySsh);
    cli.says({ peer: { Online: false } });
    expect(await shell({ port: 2222 }).run("exit 0", [], options)).toMatchObject({ error: { code: "tailscale_peer_offline" } });
  });

  test("its check tells all thirteen steps, those of the way by Tailscale", async () => {
    const checked = await check();
    expect(checked.ok).toBe(true);
    expect(checked.steps).toHaveLength(13);
    expect(checked.steps.slice(0, 5).map(({ name, state, detail }) => [name, state, detail])).toEqual([
      ["name", "ok", "100.64.0.7, online in the tailnet"],
      ["tcp", "ok", "By Tailscale."],
      ["host-key", "ok", "By Tailscale."],
      ["authentication", "ok", `${user} by Tailscale`],
      ["shell", "ok", expect.stringContaining(`${user} on `)],
    ]);
  });

  test("its check fails at the step that is at fault", async () => {
    const failed = async (over: Partial<RemoteRecord> = {}, path?: string) =>
      (await check(over, path)).steps.find(({ state }) => state === "failed");
    expect(await failed({ address: "other.tailnet.ts.net" })).toMatchObject({ name: "name", code: "tailscale_peer_unknown" });
    cli.fails("Permission denied (publickey).");
    expect(await failed()).toMatchObject({ name: "authentication", code: "ssh_auth_failed" });
    cli.fails("Host key verification failed.");
    expect(await failed()).toMatchObject({ name: "host-key", code: "host_key_unknown" });
    cli.fails("ssh: connect to host box port 22: Connection refused");
    expect(await failed()).toMatchObject({ name: "tcp", code: "ssh_unreachable" });
    // Without the program it is ssh that does not know the name.
    expect(await failed({}, "/nowhere")).toMatchObject({ name: "name", code: "name_unresolved" });
  });
});

function isThere(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return false;
  }
}
