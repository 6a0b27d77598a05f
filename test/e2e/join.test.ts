/**
 * A second machine, as far as the network can tell: its own namespace with one cable to the first and nothing
 * else, a home of its own, curl and Node. It joins by the line that `POST /hosts/joins` answers, and by nothing else.
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ArgvWatch } from "../support/argv-watch.ts";
import { Machine } from "../support/machine.ts";
import { BUNDLE, requireBundle } from "../support/maestro.ts";
import { NetPair } from "../support/netns.ts";
import { lacking } from "../support/system.ts";
import { poll } from "../support/wait.ts";

const missing = lacking("netns", "curl", "openssl");
const Ready = z.looseObject({ console: z.string(), login: z.string(), pin: z.string().optional() });
const Invite = z.looseObject({ line: z.string(), token: z.string(), url: z.string(), pin: z.string().optional() });
const Hosts = z.array(z.looseObject({ name: z.string(), status: z.string() }));
const Session = z.looseObject({ id: z.string() });
const Problem = z.looseObject({ error: z.looseObject({ code: z.string(), hint: z.string().optional() }) });

describe.skipIf(missing !== undefined)(`a second machine${missing === undefined ? "" : ` (skipped: ${missing})`}`, () => {
  let cable: NetPair;
  let first: Machine;
  let second: Machine;

  beforeEach(async () => {
    requireBundle();
    cable = await NetPair.create();
    first = new Machine(cable.left, "desk");
    second = new Machine(cable.right, "GPU-Box.example");
  });
  afterEach(async () => {
    await second[Symbol.asyncDispose]();
    await first[Symbol.asyncDispose]();
    await cable[Symbol.asyncDispose]();
  });

  const up = (...args: string[]) => first.up(["--bind", cable.left.address, ...args], (line) => Ready.parse(JSON.parse(line)));
  const answer = async <T>(schema: z.ZodType<T>, ...args: string[]): Promise<T> => {
    const { code, stdout, stderr } = await first.cli(...args, "--json");
    if (code !== 0) throw new Error(`maestro ${args.join(" ")}: exit ${code}\n${stderr}`);
    return schema.parse(JSON.parse(stdout));
  };
  const invite = (...flags: string[]) => answer(Invite, "host", "invite", ...flags);
  const online = (name: string) =>
    poll(
      `'${name}' online`,
      async () => ((await answer(Hosts, "host", "list")).find((host) => host.name === name)?.status === "online" ? true : undefined),
      {
        timeoutMs: 30_000,
        everyMs: 250,
      },
    );
  /** Runs a program on the second machine from the first one's CLI, and reads its screen. */
  const sessionThere = async (wanted: string): Promise<void> => {
    const { id } = Session.parse(
      JSON.parse(
        (await first.cli("session", "new", "--json", "--host", "gpu-box", "--", "/bin/sh", "-c", "ip -4 -oneline address; exec sleep 600"))
          .stdout,
      ),
    );
    await poll("its screen", async () => ((await first.cli("session", "screen", id)).stdout.includes(wanted) ? true : undefined), {
      timeoutMs: 20_000,
      everyMs: 250,
    });
  };
  const installed = () => (existsSync(second.maestroHome) ? readdirSync(second.maestroHome).filter((name) => name !== "logs") : []);
  const codeOf = (stderr: string) => Problem.parse(JSON.parse(stderr)).error.code;

  test(
    "joins a server with a certificate of its own by one pasted line, which pins its key; the token is in no argv",
    { timeout: 240_000 },
    async () => {
      const { ready } = await up("--tls", "auto");
      expect(ready.console).toBe(`https://${cable.left.address}:23000`);
      const { line, token, pin } = await invite();
      expect(pin).toBe(ready.pin);
      using watch = new ArgvWatch(token);
      const argvs = second.recordArgv({ curl: "/usr/bin/curl", tar: "/bin/tar", sed: "/bin/sed", node: process.execPath });
      const pasted = await second.paste(line);
      expect(pasted, `${pasted.stdout}\n${pasted.stderr}`).toMatchObject({ code: 0 });
      expect(pasted.stdout).toContain("The host-agent runs in the background");
      await online("gpu-box");
      expect(watch.leaks).toEqual([]);
      const ran = argvs();
      expect(ran.filter((argv) => argv.includes(token))).toEqual([]);
      expect(ran.some((argv) => /^curl .*install\.sh/.test(argv))).toBe(true);
      expect(ran.some((argv) => /^node .*host join/.test(argv))).toBe(true);
      // The watch sees a token where there is one.
      const planted = second.start(["sh", "-c", "read -r wait", token]);
      await poll("the planted token seen", () => (watch.leaks.length > 0 ? true : undefined), { everyMs: 5 });
      planted.signal("SIGKILL");
      await sessionThere(cable.right.address);
      expect(readdirSync(join(second.maestroHome, "versions"))).toHaveLength(1);
      expect(installed().filter((name) => name.startsWith(".install"))).toEqual([]);

      // Its CLI knows the server that it joined, and that server's key.
      const doctor = await second.run(["sh", "-c", '"$HOME/.maestro/bin/maestro" doctor']);
      expect(doctor, `${doctor.stdout}\n${doctor.stderr}`).toMatchObject({ code: 0 });
      expect(doctor.stdout).toMatch(/ok +host +'gpu-box' of https/);

      // The same line again enrols nobody else, and leaves what runs alone.
      const again = await second.paste(line);
      expect(again.code).not.toBe(0);
      expect(again.stderr).toMatch(/already|used/);
      await online("gpu-box");
    },
  );

  test("a wrong pin ends with nothing installed and nothing half-done", { timeout: 240_000 }, async () => {
    await up("--tls", "auto");
    const { line, token, pin = "", url } = await invite();
    const wrong = `sha256//${Buffer.alloc(32, 9).toString("base64")}`;
    const curl = await second.paste(line.replaceAll(pin, wrong), ["sh"]);
    expect(curl.stderr).toMatch(/public key/);
    expect(installed()).toEqual([]);
    // The script came by the right pin, and the program would have come by the wrong one.
    const [fetch = "", run = ""] = line.split(" | ");
    const script = await second.paste(`${fetch} | ${run.replaceAll(pin, wrong)}`);
    expect(script.code).not.toBe(0);
    expect(script.stderr).toMatch(/Could not download/);
    expect(installed()).toEqual([]);
    const direct = await second.run(
      [process.execPath, BUNDLE, "host", "join", url, "--pin", wrong, "--token-file", "-", "--json"],
      { stdin: `${token}\n` },
      10_000,
    );
    expect(direct.code).toBe(11);
    expect(codeOf(direct.stderr)).toBe("tls_pin_mismatch");
    expect(existsSync(join(second.maestroHome, "host", "identity.json"))).toBe(false);
    // The token was not spent on any of it.
    expect((await second.paste(line)).code).toBe(0);
    await online("gpu-box");
  });

  test(
    "with --allow-http its network may join and log in over plain http, and nobody else gets an answer",
    { timeout: 240_000 },
    async () => {
      const outsider = cable.right.address.replace(/\.2$/, ".77");
      await second.run(["ip", "address", "add", `${outsider}/24`, "dev", (await deviceOf(second)) ?? ""]);
      const { ready } = await up("--allow-http", `${cable.right.address}/32`);
      expect(ready.console).toBe(`http://${cable.left.address}:23000`);
      const { line } = await invite();
      const pasted = await second.paste(line);
      expect(pasted, `${pasted.stdout}\n${pasted.stderr}`).toMatchObject({ code: 0 });
      await online("gpu-box");
      await sessionThere(cable.right.address);

      const login = (from: string, link: string) =>
        second.run([
          "curl",
          "-sS",
          "-i",
          "--interface",
          from,
          "-H",
          "content-type: application/json",
          "-H",
          `origin: ${ready.console}`,
          "-H",
          "sec-fetch-site: same-origin",
          "--data",
          JSON.stringify({ link }),
          `${ready.console}/api/v1/login`,
        ]);
      const link = ready.login.split("#")[1] ?? "";
      const refused = await login(outsider, link);
      expect(refused.stdout).toMatch(/^HTTP\/1\.1 403 [\s\S]*insecure_url/);
      const granted = await login(cable.right.address, link);
      expect(granted.stdout).toMatch(/^HTTP\/1\.1 200/);
      const cookies = [...granted.stdout.matchAll(/^set-cookie: ([^\r\n]*)/gim)].map(([, cookie]) => cookie ?? "");
      expect(cookies).toHaveLength(1);
      expect(cookies[0]).toMatch(/HttpOnly/i);
      expect(cookies[0]).not.toMatch(/__Host-|; *Secure/i);
    },
  );

  test("a certificate made by hand serves, and is pinned because nobody vouches for it", { timeout: 240_000 }, async () => {
    const at = (name: string) => join(first.home.directory("tls"), name);
    const made = await first.run([
      "openssl",
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-days",
      "2",
      "-subj",
      "/CN=maestro",
      "-addext",
      `subjectAltName=IP:${cable.left.address}`,
      "-keyout",
      at("key.pem"),
      "-out",
      at("cert.pem"),
    ]);
    expect(made, made.stderr).toMatchObject({ code: 0 });
    await up("--tls", `${at("cert.pem")},${at("key.pem")}`);
    const { line } = await invite("--name", "by-hand");
    expect(await second.paste(line)).toMatchObject({ code: 0 });
    await online("by-hand");
    const swapped = await second.cli(
      "up",
      "--no-open",
      "--json",
      "--bind",
      cable.right.address,
      "--tls",
      `${at("key.pem")},${at("cert.pem")}`,
    );
    expect(swapped.code).not.toBe(0);
    expect(codeOf(swapped.stderr)).toBe("tls_invalid");
  });

  test("listening beyond this machine without protection is refused before anything starts", async () => {
    const refused = await first.cli("up", "--no-open", "--json", "--bind", cable.left.address);
    expect(refused).toMatchObject({ code: 11, stdout: "" });
    expect(codeOf(refused.stderr)).toBe("tls_required");
    expect(existsSync(join(first.maestroHome, "control-plane"))).toBe(false);
  });
});

/** The one end of the cable in this namespace. */
async function deviceOf(machine: Machine): Promise<string | undefined> {
  const { stdout } = await machine.run(["ip", "-4", "-oneline", "address", "show", "scope", "global"]);
  return /^\d+: (\S+)/.exec(stdout)?.[1];
}
