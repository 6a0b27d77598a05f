/** Programs from npm at pinned versions, installed once per machine in a cache outside the repository. */
import { execFile } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { poll } from "./wait.ts";

const run = promisify(execFile);

export interface CachedPackage {
  /** Folder in the cache, before the version. */
  name: string;
  npm: string;
  version: string;
  /** Other packages in place of dependencies, as npm's `overrides`. */
  overrides?: Readonly<Record<string, string>>;
  /** The package's own install scripts, run by hand: npm may refuse them. */
  postinstall?: readonly string[];
}

const INSTALL_TIMEOUT_MS = 600_000;

const cacheRoot = (): string => process.env["MAESTRO_TEST_AGENTS"] ?? join(homedir(), ".cache", "maestro-test-agents");

/** The installed directory, with `node_modules` in it. A second process waits for the first instead of installing beside it. */
export async function npmCached(pin: CachedPackage): Promise<string> {
  const target = join(cacheRoot(), `${pin.name}@${pin.version}`);
  if (existsSync(target)) return target;
  mkdirSync(cacheRoot(), { recursive: true });
  const lock = `${target}.lock`;
  if (await takeLock(lock, target)) {
    try {
      await install(pin, target);
    } finally {
      rmSync(lock, { force: true });
    }
  }
  return target;
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
async function install({ npm, version, overrides = {}, postinstall = [] }: CachedPackage, target: string): Promise<void> {
  const staging = `${target}.${process.pid}.tmp`;
  mkdirSync(staging, { recursive: true });
  try {
    writeFileSync(join(staging, "package.json"), JSON.stringify({ private: true, dependencies: { [npm]: version }, overrides }));
    const options = { cwd: staging, timeout: INSTALL_TIMEOUT_MS, maxBuffer: 16 * 1024 * 1024 };
    await run("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], options);
    const packageDirectory = join(staging, "node_modules", ...npm.split("/"));
    for (const script of postinstall) await run(process.execPath, [script], { ...options, cwd: packageDirectory });
    renameSync(staging, target);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}
