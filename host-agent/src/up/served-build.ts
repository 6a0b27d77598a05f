/**
 * The Worker, console and migrations that a running control plane serves: its own copy, named by content. A build
 * made meanwhile in the clone changes nothing under it; the next `up` takes it.
 */
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from "node:fs";
import * as path from "node:path";
import { fail } from "@maestro/shared/errors";
import { errnoOf } from "../daemon/durable-file.ts";
import { buildIsChanging, type Artifacts } from "./artifacts.ts";

/** Bytes of the digest that name a copy: enough for the handful of builds one machine ever keeps. */
const ID_CHARS = 16;
const PARTS = ["worker", "manifestFile", "migrations", "console"] as const;

/** Names the build by what is in it: equal files, equal name. */
export const buildId = (artifacts: Artifacts): string => fromBuild(() => digestOf(artifacts));

function digestOf(artifacts: Artifacts): string {
  const hash = createHash("sha256");
  for (const part of PARTS) {
    const place = artifacts[part];
    for (const file of filesIn(place)) {
      const bytes = readFileSync(path.join(place, file));
      hash.update(`${part}\0${file}\0${bytes.byteLength}\0`).update(bytes);
    }
  }
  return hash.digest("hex").slice(0, ID_CHARS);
}

/** What is read of the build, apart from what is written: only here does a missing file mean that somebody builds. */
function fromBuild<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const code = errnoOf(cause);
    if (code === "ENOENT" || code === "ENOTDIR" || code === "EISDIR") throw buildIsChanging(cause);
    if (code === "EACCES" || code === "EPERM")
      throw fail(
        "backend_unavailable",
        `The build of the control plane cannot be read (${code}).`,
        { hint: "Build it as this user." },
        cause,
      );
    throw cause;
  }
}

/** Copies the build below `dir` unless it lies there whole, and drops the others: one `up` at a time has this home, so nobody serves them. */
export function serveOwnCopy(dir: string, artifacts: Artifacts): Artifacts & { id: string } {
  const id = buildId(artifacts);
  const own = placed(path.join(dir, id), artifacts);
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(dir)) if (name !== id) rmSync(path.join(dir, name), { recursive: true, force: true });
    if (!isWhole(own, id)) copy(artifacts, dir, id);
    return { ...own, id };
  } catch (cause) {
    const code = errnoOf(cause);
    if (code === undefined) throw cause;
    if (code === "ENOSPC") throw fail("disk_full", `No space left for a copy of the console in '${dir}'.`, { field: dir }, cause);
    throw fail("state_unwritable", `'${dir}' takes no copy of the console (${code}).`, { field: dir }, cause);
  }
}

const placed = (dir: string, { manifest }: Artifacts): Artifacts => ({
  worker: path.join(dir, "worker.js"),
  manifestFile: path.join(dir, "manifest.json"),
  migrations: path.join(dir, "migrations"),
  console: path.join(dir, "console"),
  manifest,
});

/** A power cut may have kept the name and lost the bytes. */
const isWhole = (own: Artifacts, id: string): boolean => PARTS.every((part) => existsSync(own[part])) && digestOf(own) === id;

function copy(artifacts: Artifacts, dir: string, id: string): void {
  const temporary = path.join(dir, `${id}.partial`);
  const target = placed(temporary, artifacts);
  mkdirSync(temporary, { mode: 0o700 });
  fromBuild(() => {
    for (const part of PARTS) cpSync(artifacts[part], target[part], { recursive: true });
  });
  if (digestOf(target) !== id) throw buildIsChanging();
  rmSync(path.join(dir, id), { recursive: true, force: true });
  renameSync(temporary, path.join(dir, id));
}

/** Relative to `place`, sorted; a file is its own one member, under the empty name. */
function filesIn(place: string): string[] {
  const found = readdirIfDirectory(place);
  return found === undefined ? [""] : found.sort();
}

function readdirIfDirectory(place: string): string[] | undefined {
  try {
    return readdirSync(place, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(place, path.join(entry.parentPath, entry.name)));
  } catch (error) {
    if (errnoOf(error) === "ENOTDIR") return undefined;
    throw error;
  }
}
