/** Ways to a real sshd, and everything that may stand in them. */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../daemon/clock.ts";
import { VirtualClock } from "../../daemon/testing/virtual-clock.ts";
import type { SshTarget } from "../ssh-target.ts";
import { dial } from "./dial.ts";
import type { DialEvent, DialOptions } from "./dial-options.ts";
import { exec } from "./exec.ts";
import { makeKey, Sshd, sshdPath } from "./testing/sshd.ts";

const run = promisify(execFile);
const never = new AbortController().signal;
const sockets = () => process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;

describe.skipIf(sshdPath() === undefined)("dialling", () => {
  let sshd: Sshd;
  let dir: string;
  let events: DialEvent[];

  beforeAll(async () => {
    sshd = await Sshd.start();
  });
  afterAll(() => sshd[Symbol.asyncDispose]());
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "mdial-"));
    events = [];
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  const at = (name: string) => join(dir, name);
  const options = (over: Partial<DialOptions> = {}): DialOptions => ({
    hostKeysFile: at("hosts/known_hosts"),
    env: {},
    clock: systemClock,
    signal: never,
    accept: undefined,
    observe: (event) => events.push(event),
    ...over,
  });
  /** What came of it: a word said there, or the error. */
  const outcome = async (target: SshTarget, over: Partial<DialOptions> = {}) => {
    const made = await dial(target, options(over));
    if (!made.ok) return made.error;
    await using connection = made.value;
    const done = await exec(connection, { script: "echo in", deadlineMs: 10_000, maxOutputBytes: 100, signal: never }, systemClock);
    return done.ok ? done.value.stdout.toString() : done.error;
  };
  const stranger = (over: Partial<SshTarget> = {}) => sshd.target({ knownHostsFiles: [at("hosts/known_hosts")], ...over });
  const fingerprintOf = async (file: string) => (await run("ssh-keygen", ["-lf", file])).stdout.split(" ")[1] ?? "";

  test("tells what it comes through, in order", async () => {
    expect(await outcome(sshd.target())).toBe("in\n");
    expect(events).toEqual([
      { type: "resolved", address: "127.0.0.1", by: "us" },
      { type: "connected", via: undefined },
      { type: "host-key", key: { type: "ssh-ed25519", sha256: await fingerprintOf(sshd.at("host.pub")), state: "known" }, enrolled: false },
      { type: "authenticated", how: sshd.at("user") },
    ]);
  });

  describe("the host's key", () => {
    test("[87] unknown: nothing of ours is shown to it, and the way to accept it is told", async () => {
      const log = sshd.log.length;
      const error = await outcome(stranger());
      const sha256 = await fingerprintOf(sshd.at("host.pub"));
      expect(error).toMatchObject({ code: "host_key_unknown", hint: expect.stringContaining(sha256) });
      expect(sshd.log.slice(log)).not.toContain("ublickey");
    });

    test("accepted by its fingerprint or as a new one, it is known from then on", async () => {
      const sha256 = await fingerprintOf(sshd.at("host.pub"));
      expect(await outcome(stranger(), { accept: "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" })).toMatchObject({
        code: "host_key_unknown",
      });
      expect(await outcome(stranger(), { accept: sha256 })).toBe("in\n");
      expect(events).toContainEqual({ type: "host-key", key: { type: "ssh-ed25519", sha256, state: "known" }, enrolled: true });
      expect(statSync(at("hosts/known_hosts")).mode & 0o777).toBe(0o600);
      expect(await outcome(stranger())).toBe("in\n");
      expect(events.at(-2)).toMatchObject({ key: { state: "known" } });
      rmSync(at("hosts/known_hosts"));
      expect(await outcome(stranger(), { accept: "new" })).toBe("in\n");
      expect(readFileSync(at("hosts/known_hosts"), "utf8")).toContain(readFileSync(sshd.at("host.pub"), "utf8").split(" ")[1]);
    });

    test("[86] changed: both fingerprints are told, nothing is shown to it, and no acceptance helps", async () => {
      await makeKey(at("other"));
      writeFileSync(at("kh"), `[127.0.0.1]:${sshd.port} ${readFileSync(at("other.pub"), "utf8")}`);
      const log = sshd.log.length;
      const error = await outcome(sshd.target({ knownHostsFiles: [at("kh")] }), { accept: "new" });
      expect(error).toMatchObject({ code: "host_key_changed" });
      const detail = typeof error === "string" ? "" : error.detail;
      for (const file of [sshd.at("host.pub"), at("other.pub")]) expect(detail).toContain(await fingerprintOf(file));
      expect(sshd.log.slice(log)).not.toContain("ublickey");
    });

    test("revoked", async () => {
      writeFileSync(at("kh"), `@revoked * ${readFileSync(sshd.at("host.pub"), "utf8")}`);
      expect(await outcome(sshd.target({ knownHostsFiles: [sshd.at("known_hosts"), at("kh")] }))).toMatchObject({
        code: "host_key_revoked",
      });
    });

    test("of the type that is known is asked for, where the server has several", async () => {
      await makeKey(at("rsa"), "", "rsa");
      await using both = await Sshd.start({ HostKey: `${sshd.at("host")}\nHostKey ${at("rsa")}` });
      writeFileSync(at("kh"), `[127.0.0.1]:${both.port} ${readFileSync(at("rsa.pub"), "utf8")}`);
      expect(await outcome(both.target({ knownHostsFiles: [at("kh")] }))).toBe("in\n");
    });
  });

  describe("our keys", () => {
    const withKey = (path: string, required = true) => sshd.target({ identityFiles: [{ path, required }] });

    test("[85] missing, too open, none at all, locked", async () => {
      expect(await outcome(withKey(at("none")))).toMatchObject({ code: "key_file_missing", field: "identity" });
      await makeKey(at("open"));
      chmodSync(at("open"), 0o644);
      expect(await outcome(withKey(at("open")))).toMatchObject({ code: "key_file_permissions", hint: `chmod 600 ${at("open")}` });
      writeFileSync(at("text"), "no key\n", { mode: 0o600 });
      expect(await outcome(withKey(at("text")))).toMatchObject({ code: "key_file_invalid" });
      for (const type of ["ed25519", "rsa"]) {
        await makeKey(at(type), "secret", type);
        expect(await outcome(withKey(at(type)))).toMatchObject({
          code: "key_passphrase_needed",
          hint: expect.stringContaining(`ssh-add ${at(type)}`),
        });
        expect(await outcome(withKey(at(type), false))).toMatchObject({ code: "key_passphrase_needed" });
      }
    });

    test("are tried in order; those that may be absent are passed over, and a refusal names what was tried", async () => {
      await makeKey(at("wrong"));
      const files = [at("none"), at("wrong"), sshd.at("user")].map((path) => ({ path, required: false }));
      expect(await outcome(sshd.target({ identityFiles: files }))).toBe("in\n");
      const error = await outcome(sshd.target({ identityFiles: files.slice(0, 2) }));
      expect(error).toMatchObject({
        code: "ssh_auth_failed",
        detail: expect.stringContaining(`refused were ${at("wrong")} (${at("none")} does not exist)`),
      });
      expect(await outcome(sshd.target({ identityFiles: files.slice(0, 1) }))).toMatchObject({
        code: "ssh_auth_failed",
        detail: expect.stringContaining("no key to offer"),
      });
    });

    test("a server that goes by certificates lets nobody in, and is told that none was shown", async () => {
      for (const name of ["ca", "signed", "named"]) await makeKey(at(name));
      const { username } = userInfo();
      await run("ssh-keygen", ["-q", "-s", at("ca"), "-I", "one", "-n", username, at("signed.pub")]);
      await using other = await Sshd.start({ TrustedUserCAKeys: at("ca.pub"), AuthorizedKeysFile: "none" });
      const signed = other.target({ identityFiles: [{ path: at("signed"), required: true }] });
      expect(await outcome(signed)).toMatchObject({
        code: "ssh_auth_failed",
        detail: expect.stringContaining(`${at("signed-cert.pub")} is a certificate, which was not shown`),
        hint: expect.stringContaining("no certificates"),
      });
      const named = other.target({ identityFiles: [{ path: at("named"), required: true }], certificateFiles: [at("signed-cert.pub")] });
      expect(await outcome(named)).toMatchObject({ hint: expect.stringContaining("no certificates") });
    });

    test("of the types that servers take by now: RSA signs with SHA-2, ECDSA", async () => {
      for (const type of ["rsa", "ecdsa"]) {
        await makeKey(at(type), "", type);
        await using other = await Sshd.start({ AuthorizedKeysFile: at(`${type}.pub`) });
        expect(await outcome(other.target({ identityFiles: [{ path: at(type), required: true }] }))).toBe("in\n");
      }
    });

    test("more than the server has patience for: it is told, and how to name the right one", async () => {
      await using impatient = await Sshd.start({ MaxAuthTries: "2" });
      const wrong = ["a", "b", "c"].map(at);
      for (const file of wrong) await makeKey(file);
      const identityFiles = wrong.map((path) => ({ path, required: false }));
      expect(await outcome(impatient.target({ identityFiles }))).toMatchObject({
        code: "ssh_auth_failed",
        hint: expect.stringContaining("IdentitiesOnly"),
      });
    });

    test("a server that takes passwords only gets none", async () => {
      await using other = await Sshd.start({ PubkeyAuthentication: "no", PasswordAuthentication: "yes" });
      expect(await outcome(other.target())).toMatchObject({ code: "ssh_auth_failed", detail: expect.stringContaining("only: password") });
    });

    test("a user who is not there is refused like any other", async () => {
      expect(await outcome(sshd.target({ user: "nobody-at-all" }))).toMatchObject({
        code: "ssh_auth_failed",
        detail: expect.stringContaining("nobody-at-all"),
      });
    });

    describe("in an agent", () => {
      let agent: ChildProcess;
      beforeEach(async () => {
        agent = spawn("ssh-agent", ["-D", "-a", at("agent")], { stdio: ["ignore", "pipe", "ignore"] });
        if (agent.stdout !== null) await once(agent.stdout, "data");
      });
      afterEach(async () => {
        const gone = once(agent, "exit");
        agent.kill();
        await gone;
      });
      const add = (file: string) => run("ssh-add", ["-q", file], { env: { ...process.env, SSH_AUTH_SOCK: at("agent") } });
      const byAgent = (over: Partial<SshTarget> = {}) =>
        sshd.target({ identityFiles: [], identitiesOnly: false, agent: { kind: "socket", path: at("agent") }, ...over });

      test("are offered, by SSH_AUTH_SOCK as well, after the configured and before files", async () => {
        await makeKey(at("other"));
        await add(at("other"));
        await add(sshd.at("user"));
        expect(await outcome(byAgent())).toBe("in\n");
        expect(await outcome(byAgent({ agent: { kind: "environment" } }), { env: { SSH_AUTH_SOCK: at("agent") } })).toBe("in\n");
        expect(await outcome(byAgent({ agent: { kind: "none" } }), { env: { SSH_AUTH_SOCK: at("agent") } })).toMatchObject({
          code: "ssh_auth_failed",
        });
      });

      test("IdentitiesOnly leaves out those that are not configured", async () => {
        await add(sshd.at("user"));
        await makeKey(at("other"));
        const only = { identitiesOnly: true, identityFiles: [{ path: at("other"), required: true }] };
        expect(await outcome(byAgent(only))).toMatchObject({
          code: "ssh_auth_failed",
          detail: expect.stringContaining(`refused were ${at("other")}.`),
        });
        expect(await outcome(byAgent({ ...only, identityFiles: [{ path: sshd.at("user.pub"), required: true }] }))).toBe("in\n");
      });

      test("a locked file is as good as open where the agent holds it", async () => {
        const other = at("locked");
        writeFileSync(other, readFileSync(sshd.at("user")), { mode: 0o600 });
        await add(other);
        await run("ssh-keygen", ["-q", "-p", "-P", "", "-N", "secret", "-f", other]);
        expect(await outcome(byAgent({ identitiesOnly: true, identityFiles: [{ path: other, required: true }] }))).toBe("in\n");
      });

      test("one that takes questions and answers none costs its deadline, and nothing stays open", async () => {
        const clock = new VirtualClock();
        const asked = Promise.withResolvers<Socket>();
        const silent = createServer((socket) => asked.resolve(socket.on("error", () => {}))).listen(at("silent"));
        const target = byAgent({
          agent: { kind: "socket", path: at("silent") },
          identityFiles: [{ path: sshd.at("user"), required: true }],
        });
        const made = dial(target, options({ clock }));
        const socket = await asked.promise;
        const gone = once(socket.resume(), "close");
        clock.advance(3_000);
        const dialled = await made;
        expect(dialled.ok).toBe(true);
        await gone;
        if (dialled.ok) await dialled.value.close();
        silent.close();
      });

      test("one that does not answer is passed over, and told of where nothing else helps", async () => {
        const silent = { agent: { kind: "socket", path: at("nothing") } } as const;
        expect(await outcome(byAgent({ ...silent, identityFiles: [{ path: sshd.at("user"), required: true }] }))).toBe("in\n");
        expect(await outcome(byAgent(silent))).toMatchObject({
          code: "ssh_auth_failed",
          detail: expect.stringContaining("does not answer"),
        });
      });
    });
  });

  describe("the way", () => {
    const listening = async (serve: (server: Server) => void) => {
      const server = createServer();
      serve(server);
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      const { port } = server.address() as AddressInfo;
      return { port, [Symbol.asyncDispose]: async () => void (await new Promise((done) => server.close(done))) };
    };

    test("refused, unresolvable, no SSH, closed at once", async () => {
      let port: number;
      {
        await using gone = await listening(() => {});
        port = gone.port;
      }
      expect(await outcome(sshd.target({ port }))).toMatchObject({ code: "ssh_unreachable" });
      expect(await outcome(sshd.target({ hostName: "no-such-host.invalid" }))).toMatchObject({ code: "name_unresolved" });
      await using web = await listening((server) =>
        server.on("connection", (socket) => socket.on("error", () => {}).end("HTTP/1.1 400 Bad Request\r\n\r\n")),
      );
      expect(await outcome(sshd.target({ port: web.port }))).toMatchObject({ code: expect.stringMatching(/ssh_unreachable|ssh_protocol/) });
      await using closing = await listening((server) => server.on("connection", (socket) => socket.destroy()));
      expect(await outcome(sshd.target({ port: closing.port }))).toMatchObject({ code: "ssh_unreachable" });
    });

    test("[F33] a server that takes the connection and says nothing costs its deadline; giving up costs nothing", async () => {
      const before = sockets();
      const taken: { destroy(): unknown }[] = [];
      const silent = await listening((server) => server.on("connection", (socket) => taken.push(socket.on("error", () => {}))));
      expect(await outcome(sshd.target({ port: silent.port, connectTimeoutMs: 300 }))).toMatchObject({ code: "ssh_timeout" });
      const stop = new AbortController();
      const given = outcome(sshd.target({ port: silent.port }), {
        signal: stop.signal,
        observe: (event) => event.type === "connected" && stop.abort(),
      });
      expect(await given).toMatchObject({ code: "ssh_lost" });
      for (const socket of taken) socket.destroy();
      await silent[Symbol.asyncDispose]();
      await expect.poll(sockets).toBe(before);
    });

    test("[F33] a connection that falls silent is lost after its keep-alives, and what runs over it ends", async () => {
      const made = await dial(sshd.target({ aliveIntervalMs: 100, aliveCountMax: 2 }), options());
      if (!made.ok) throw new Error(made.error.detail);
      await using connection = made.value;
      // The session's process stands still: its socket is open and nobody answers.
      const done = await exec(
        connection,
        { script: 'kill -STOP "$PPID"; (sleep 3; kill -CONT "$PPID") & cat', deadlineMs: 20_000, maxOutputBytes: 10, signal: never },
        systemClock,
      );
      expect(done).toMatchObject({ ok: false, error: { code: "ssh_lost", detail: expect.stringContaining("Keepalive") } });
    });

    test("through jump hosts, each with its own keys, and all are closed with it", async () => {
      const before = sockets();
      await using first = await Sshd.start();
      await using second = await Sshd.start();
      const hops = [first.target({ alias: "first" }), second.target({ alias: "second" })];
      expect(await outcome(sshd.target({ route: { kind: "jump", hops } }))).toBe("in\n");
      expect(events).toContainEqual({ type: "connected", via: "second" });
      await expect.poll(sockets).toBe(before);
      expect(
        await outcome(sshd.target({ route: { kind: "jump", hops: [first.target({ alias: "first", knownHostsFiles: [] })] } })),
      ).toMatchObject({
        code: "host_key_unknown",
        detail: expect.stringContaining("Jump host first"),
      });
      expect(await outcome(sshd.target({ port: 1, route: { kind: "jump", hops: [hops[0] ?? sshd.target()] } }))).toMatchObject({
        code: "ssh_unreachable",
      });
      await expect.poll(sockets).toBe(before);
    });

    test("through a proxy command, which sees none of our secrets and ends with it", async () => {
      const line = `sh -c 'env > ${at("env")}; echo $$ > ${at("pid")}; exec ${process.execPath} -e "const s=require(\\"net\\").connect(${sshd.port},\\"127.0.0.1\\");process.stdin.pipe(s).pipe(process.stdout)"'`;
      expect(
        await outcome(sshd.target({ route: { kind: "command", line } }), {
          env: { PATH: process.env["PATH"], MAESTRO_TOKEN: "hush", ANTHROPIC_API_KEY: "hush" },
        }),
      ).toBe("in\n");
      expect(readFileSync(at("env"), "utf8")).not.toContain("hush");
      const pid = Number(readFileSync(at("pid"), "utf8"));
      const isGone = () => {
        try {
          return readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
        } catch {
          return true;
        }
      };
      await expect.poll(isGone).toBe(true);
    });

    test("through a proxy command that fails: what it said is told", async () => {
      expect(await outcome(sshd.target({ route: { kind: "command", line: "sh -c 'echo no tunnel today >&2; exit 1'" } }))).toMatchObject({
        code: "ssh_unreachable",
        detail: expect.stringContaining("no tunnel today"),
      });
    });

    test("outdated algorithms are not spoken", async () => {
      await using old = await Sshd.start({ Ciphers: "aes128-cbc" });
      expect(await outcome(old.target())).toMatchObject({ code: "ssh_protocol" });
      expect(await outcome(sshd.target({ algorithms: { ...sshd.target().algorithms, ciphers: ["3des-cbc"] } }))).toMatchObject({
        code: "ssh_protocol",
      });
    });
  });
});
