/** Real agent CLIs at pinned versions, installed once per machine in a cache outside the repository. */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, openSync, closeSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { poll } from "./wait.ts";

const run = promisify(execFile);

export type AgentCliName = "claude" | "opencode" | "codex";

interface Pin {
  npm: string;
  version: string;
  /** The package's own install step, run by hand: npm may refuse install scripts. */
  postinstall: readonly string[];
}

const PINS: Record<AgentCliName, Pin> = {
  claude: { npm: "@anthropic-ai/claude-code", version: "2.1.329", postinstall: ["install.cjs"] },
  opencode: { npm: "opencode-ai", version: "1.18.33", postinstall: ["postinstall.mjs"] },
  codex: { npm: "@openai/codex", version: "0.169.0", postinstall: [] },
};

export interface AgentCli {
  name: AgentCliName;
  version: string;
  /** The program. */
  binary: string;
  /** Holds only this program under its own name: put it first in a PATH. */
  binDirectory: string;
}

const INSTALL_TIMEOUT_MS = 600_000;

export const agentCliVersion = (name: AgentCliName): string => PINS[name].version;

const cacheRoot = (): string => process.env["MAESTRO_TEST_AGENTS"] ?? join(homedir(), ".cache", "maestro-test-agents");

/** Installs on first use; a second process waits for the first instead of installing beside it. */
export async function agentCli(name: AgentCliName): Promise<AgentCli> {
  const pin = PINS[name];
  const target = join(cacheRoot(), `${name}@${pin.version}`);
  const found: AgentCli = { name, version: pin.version, binary: join(target, "node_modules", ".bin", name), binDirectory: join(target, "node_modules", ".bin") };
  if (existsSync(target)) return found;
  mkdirSync(cacheRoot(), { recursive: true });
  const lock = `${target}.lock`;
  if (await takeLock(lock, target)) {
    try {
      await install(pin, target);
    } finally {
      rmSync(lock, { force: true });
    }
  }
  return found;
}

/** True: this process installs. False: another one has, meanwhile. A lock of a dead process is taken over. */
async function takeLock(lock: string, target: string): Promise<boolean> {
  return poll(
    `installation of ${target}`,
    () => {
      if (existsSync(target)) return false;
      try {
        const file = openSync(lock, "wx");
        writeSync(file, String(process.pid));
        closeSync(file);
        return true;
      } catch {
        const owner = Number(readFileSync(lock, "utf8"));
        if (owner > 0 && !existsSync(`/proc/${owner}`)) rmSync(lock, { force: true });
        return undefined;
      }
    },
    { timeoutMs: INSTALL_TIMEOUT_MS, everyMs: 500 },
  );
}

/** Installs beside the target and renames, so that a killed install never looks like a whole one. */
async function install(pin: Pin, target: string): Promise<void> {
  const staging = `${target}.${process.pid}.tmp`;
  mkdirSync(staging, { recursive: true });
  try {
    const options = { cwd: staging, timeout: INSTALL_TIMEOUT_MS, maxBuffer: 16 * 1024 * 1024 };
    await run("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", staging, `${pin.npm}@${pin.version}`], options);
    const packageDirectory = join(staging, "node_modules", ...pin.npm.split("/"));
    for (const script of pin.postinstall) await run(process.execPath, [script], { ...options, cwd: packageDirectory });
    renameSync(staging, target);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}
