import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, type Server } from "node:http";
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { installScript } from "./install-script.ts";

/** Stands in for the CLI at the far end of the script: notes how it was called, then does what a daemon does. */
const PROGRAM = `
const fs = require("node:fs"), path = require("node:path");
const home = process.env.MAESTRO_HOME;
const args = process.argv.slice(2);
if (args[0] === "--version") { console.log("0.1.0"); process.exit(0); }
fs.appendFileSync(path.join(home, "calls"), JSON.stringify({ args, join: process.env.MAESTRO_JOIN, input: args[1] === "join" ? fs.readFileSync(0, "utf8") : "" }) + "\\n");
if (args[1] === "run") { fs.writeFileSync(path.join(home, "run.pid"), String(process.pid)); setTimeout(() => {}, 20000); }
`;

let dir = "";
let server: Server;
let origin = "";
let tarball = Buffer.alloc(0);

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "mi-"));
  mkdirSync(join(dir, "package/dist"), { recursive: true });
  writeFileSync(join(dir, "package/dist/bin.js"), PROGRAM);
  execFileSync("tar", ["-czf", join(dir, "p.tgz"), "-C", dir, "package"]);
  tarball = readFileSync(join(dir, "p.tgz"));
  server = createServer((_, answer) => void answer.end(tarball)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  origin = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
});

afterEach(() => {
  const pid = runPid();
  // Not so when there is none, or it is being written: 0 is this very process and its group.
  if (pid > 0) process.kill(pid, "SIGKILL");
  server.close();
  rmSync(dir, { recursive: true, force: true });
});

/** Runs it as the join line does: on sh's stdin, the token in the environment. */
async function install(script: string, env: Record<string, string>, args: string[] = []): Promise<{ code: number | null; output: string }> {
  const child = spawn("sh", ["-s", "--", ...args], {
    env: { PATH: `${process.execPath.replace(/\/node$/, "")}:/usr/bin:/bin`, HOME: dir, MAESTRO_HOME: join(dir, "home"), ...env },
    detached: true,
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stdin.end(script);
  const [code] = await once(child, "exit");
  return { code: typeof code === "number" ? code : null, output };
}

/** Of the daemon that was started; 0 while there is none. */
function runPid(): number {
  const file = join(dir, "home", "run.pid");
  return existsSync(file) ? Number(readFileSync(file, "utf8")) : 0;
}

const calls = (): { args: string[]; join?: string; input: string }[] =>
  readFileSync(join(dir, "home", "calls"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

describe("the install script", () => {
  it("is valid POSIX sh", () => {
    const checked = spawnSync("sh", ["-n"], { input: installScript("https://m.example", "0.1.0", "sha256//x=") });
    expect(checked.stderr.toString()).toBe("");
    expect(checked.status).toBe(0);
  });

  it("installs, joins with the token on stdin and starts the daemon in the background", async () => {
    const { code, output } = await install(installScript(origin, "0.1.0", undefined), {
      MAESTRO_JOIN: "mst_join_secret",
      MAESTRO_NAME: "box",
    });
    expect(output).toContain("Installed Maestro 0.1.0");
    expect(code).toBe(0);
    const [join0] = calls();
    await expect.poll(() => runPid()).toBeGreaterThan(0);
    expect(join0).toEqual({ args: ["host", "join", origin, "--token-file", "-", "--name", "box"], input: "mst_join_secret\n" });
    expect(statSync(join(dir, "home")).mode & 0o077).toBe(0);
    expect(execFileSync(join(dir, "home/bin/maestro"), ["--version"]).toString()).toBe("0.1.0\n");
    expect(readdirSync(join(dir, "home")).filter((name) => name.startsWith(".install"))).toEqual([]);
  });

  it("leaves everything as it was when the download is no archive", async () => {
    tarball = Buffer.from("<!doctype html>");
    const { code, output } = await install(installScript(origin, "0.1.0", undefined), { MAESTRO_JOIN: "t" });
    expect(code).toBe(1);
    expect(output).toContain("is no program archive");
    expect(readdirSync(join(dir, "home"))).toEqual([]);
  });

  it("replaces the same version and swaps the current link", async () => {
    await install(installScript(origin, "0.1.0", undefined), { MAESTRO_JOIN: "t" }, ["--service"]);
    const { code } = await install(installScript(origin, "0.2.0", undefined), { MAESTRO_JOIN: "t" }, ["--service"]);
    expect(code).toBe(0);
    expect(readdirSync(join(dir, "home/versions")).sort()).toEqual(["0.1.0", "0.2.0"]);
    expect(calls().map((call) => call.args.at(-1))).toEqual(["--service", "--service"]);
    expect(
      execFileSync("readlink", [join(dir, "home/current")])
        .toString()
        .trim(),
    ).toBe("versions/0.2.0");
  });

  it("does nothing when it arrives cut off", async () => {
    const whole = installScript(origin, "0.1.0", undefined);
    const { output } = await install(whole.slice(0, whole.lastIndexOf('main "$@"')), { MAESTRO_JOIN: "t" });
    expect(output).toBe("");
    expect(existsSync(join(dir, "home"))).toBe(false);
  });

  it("says how to get Node.js where neither it nor npm is there", async () => {
    const { code, output } = await install(installScript(origin, "0.1.0", undefined), { MAESTRO_JOIN: "t", PATH: bareBin() });
    expect(code).toBe(1);
    expect(output).toContain("Node.js >= 22.12 is needed; found: none. Install Node.js");
  });

  it("quotes an origin whatever it holds", () => {
    expect(installScript("https://x'; rm -rf /; '", "0.1.0", undefined)).toContain(`ORIGIN='https://x'\\''; rm -rf /; '\\'''`);
  });
});

/** A PATH with what every Unix has, and no node. */
function bareBin(): string {
  const bin = join(dir, "bin");
  mkdirSync(bin);
  for (const tool of ["sh", "tar", "gzip", "mkdir", "mktemp", "rm", "mv", "ln", "sed", "curl"]) {
    const found = spawnSync("sh", ["-c", 'command -v "$1"', "sh", tool]).stdout.toString().trim();
    execFileSync("ln", ["-s", found, join(bin, tool)]);
  }
  return bin;
}
