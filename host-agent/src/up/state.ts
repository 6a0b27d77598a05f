/** What `maestro up` keeps under MAESTRO_HOME/control-plane: its secrets, and who runs now. */
import { createHash, randomBytes } from "node:crypto";
import { accessSync, closeSync, constants, openSync, rmSync, writeSync } from "node:fs";
import * as path from "node:path";
import * as z from "zod";
import { fail } from "@maestro/shared/errors";
import { formatToken } from "@maestro/shared/token";
import { parseJson } from "../config/json.ts";
import { ensurePrivateDir, type Paths } from "../config/paths.ts";
import { errnoOf, readPrivate, writeDurably } from "../daemon/durable-file.ts";
import { ProcessIdentity, isAlive } from "./process-identity.ts";

export interface UpPaths {
  dir: string;
  /** D1 and the Durable Objects. */
  state: string;
  tls: string;
  /** The build that is served, copied: see served-build.ts. */
  builds: string;
  secretsFile: string;
  runFile: string;
  /** Which host of this control plane this machine is. */
  hostFile: string;
}

export function upPaths({ home }: Paths): UpPaths {
  const dir = path.join(home, "control-plane");
  const at = (name: string): string => path.join(dir, name);
  return {
    dir,
    state: at("state"),
    tls: at("tls"),
    builds: at("builds"),
    secretsFile: at("secrets.json"),
    runFile: at("run.json"),
    hostFile: at("host.json"),
  };
}

/** Refuses early and in words where nothing can be written. */
export function openState(paths: Paths): UpPaths {
  const up = upPaths(paths);
  try {
    for (const dir of [paths.home, up.dir, up.state, paths.logsDir, paths.binDir]) {
      ensurePrivateDir(dir, process.getuid?.() ?? 0);
      accessSync(dir, constants.R_OK | constants.W_OK | constants.X_OK);
    }
    return up;
  } catch (cause) {
    const code = errnoOf(cause);
    if (code === undefined) throw cause;
    if (code === "ENOSPC") throw fail("disk_full", `No space left for '${paths.home}'.`, { field: paths.home }, cause);
    throw fail(
      "state_unwritable",
      `'${paths.home}' cannot be used for state (${code}).`,
      { field: paths.home, hint: "Set MAESTRO_HOME to a directory this user may write." },
      cause,
    );
  }
}

const Secrets = z.object({ version: z.literal(1), root: z.string().regex(/^[\w-]{43}$/), bootstrap: z.string() });

export interface UpSecrets {
  /** Root of the pepper and of every signing key: base64url, 32 bytes. */
  root: string;
  /** `mst_boot_…`, good for one bootstrap. */
  bootstrap: string;
  bootstrapSha256: string;
}

/** Made once: losing them invalidates every token and host. */
export function readSecrets({ secretsFile, state }: UpPaths): UpSecrets {
  const text = readPrivate(secretsFile);
  const secrets = text === undefined ? makeSecrets(secretsFile) : parseSecrets(secretsFile, text, state);
  return {
    root: secrets.root,
    bootstrap: secrets.bootstrap,
    bootstrapSha256: createHash("sha256").update(secrets.bootstrap).digest("hex"),
  };
}

function makeSecrets(file: string): z.infer<typeof Secrets> {
  const secrets = { version: 1 as const, root: randomBytes(32).toString("base64url"), bootstrap: formatToken("boot", randomBytes(96)) };
  writeDurably(file, `${JSON.stringify(secrets)}\n`);
  return secrets;
}

function parseSecrets(file: string, text: string, state: string): z.infer<typeof Secrets> {
  const parsed = Secrets.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw fail("state_unwritable", `'${file}' is damaged: without it no token or host can be checked.`, {
    field: file,
    hint: `Restore it from a backup, or move it and '${state}' away to begin anew.`,
  });
}

export const RunRecord = z.object({
  version: z.literal(1),
  supervisor: ProcessIdentity,
  url: z.string(),
  /** Names what it serves, so that the next `up` can tell whether it would serve something else. */
  build: z.string().optional(),
  /** Found and ended by the next `up` if this one is killed. */
  children: z.array(ProcessIdentity.extend({ name: z.string() })),
});
export type RunRecord = z.infer<typeof RunRecord>;

export function readRun({ runFile }: UpPaths): RunRecord | undefined {
  const text = readPrivate(runFile);
  const parsed = text === undefined ? undefined : RunRecord.safeParse(parseJson(text));
  return parsed?.success === true ? parsed.data : undefined;
}

/** Takes the place of the one `up` of this home. Two that start together: one of them is told. */
export function claimRun(up: UpPaths, record: RunRecord): RunRecord | undefined {
  const existing = readRun(up);
  if (existing !== undefined && isAlive(existing.supervisor)) return existing;
  rmSync(up.runFile, { force: true });
  try {
    const fd = openSync(up.runFile, "wx", 0o600);
    writeSync(fd, `${JSON.stringify(record)}\n`);
    closeSync(fd);
    return undefined;
  } catch (cause) {
    if (errnoOf(cause) === "EEXIST") return readRun(up) ?? record;
    throw cause;
  }
}

export const writeRun = (up: UpPaths, record: RunRecord): void => writeDurably(up.runFile, `${JSON.stringify(record)}\n`);
export const dropRun = (up: UpPaths): void => rmSync(up.runFile, { force: true });
