/**
 * Groups of the attempt's own below where the host-agent is, made while the shell of its runner starts: what that would
 * have to read byte by byte, and a process to make directories with, are most of what it does before its child begins.
 */
import { accessSync, constants, existsSync, mkdirSync, readFileSync } from "node:fs";
import { errnoOf } from "../daemon/durable-file.ts";
import type { Limits } from "./runner.ts";

export interface CgroupFacts {
  /** /proc/self/cgroup and /proc/mounts, as they are. */
  own: string;
  mounts: string;
}

export interface Place {
  mount: string;
  /** Where we are below it; of a container's mount it may be named as the host sees it, and not be there. */
  own: string;
}

/** Undefined: let the runner look for itself. The same choice as `make_groups` of the runner makes. */
export function chooseCgroupPlaces({ own, mounts }: CgroupFacts, cpus: boolean): Place[] | undefined {
  // Escaped names are rare: they are left to it.
  if (mounts.includes("\\")) return undefined;
  const wanted = ["memory", "pids", ...(cpus ? ["cpu"] : [])];
  const places: Place[] = [];
  for (const [mount, type, options] of mounts.split("\n").map((line) => line.split(" ").slice(1, 4))) {
    const controller = type === "cgroup" ? wanted.find((one) => options?.split(",").includes(one)) : undefined;
    const at = controller === undefined ? undefined : ownIn(own, controller);
    if (mount !== undefined && at !== undefined) places.push({ mount, own: at });
  }
  // With the unified hierarchy alone it has a look of its own: it may have to open that first.
  return places.length === 0 ? undefined : places;
}

function ownIn(own: string, controller: string): string | undefined {
  for (const line of own.split("\n")) {
    const [, names = "", ...path] = line.split(":");
    if (names.split(",").includes(controller)) return path.join(":");
  }
  return undefined;
}

/**
 * Those that could be made; none: the runner looks for itself. What stands already is of an earlier try of the same
 * attempt, and does as well.
 */
export function makeCgroups(attempt: string, { cpus }: Limits): string[] {
  const facts = factsHere();
  const places = facts === undefined ? undefined : chooseCgroupPlaces(facts, cpus !== undefined);
  return (places ?? []).flatMap((place) => makeOne(baseOf(place), attempt));
}

/** Of an attempt that is not begun: also those that a daemon which died had made ready. */
export function leftCgroups(attempt: string): string[] {
  const facts = factsHere();
  return ((facts === undefined ? undefined : chooseCgroupPlaces(facts, true)) ?? [])
    .map((place) => `${baseOf(place)}/maestro-${attempt}`)
    .filter((group) => existsSync(group));
}

function factsHere(): CgroupFacts | undefined {
  try {
    return { own: readFileSync("/proc/self/cgroup", "latin1"), mounts: readFileSync("/proc/mounts", "latin1") };
  } catch {
    return undefined;
  }
}

function baseOf({ mount, own }: Place): string {
  const base = `${mount}${own}`.replace(/\/$/, "");
  // Whatever keeps us from seeing it keeps us from making one in it.
  return existsSync(base) ? base : mount;
}

function makeOne(base: string, attempt: string): string[] {
  const group = `${base}/maestro-${attempt}`;
  try {
    accessSync(`${base}/cgroup.procs`, constants.W_OK);
    makeDir(group);
    accessSync(`${group}/cgroup.procs`, constants.W_OK);
    return [group];
  } catch {
    return [];
  }
}

function makeDir(dir: string): void {
  try {
    mkdirSync(dir, { mode: 0o700 });
  } catch (cause) {
    if (errnoOf(cause) !== "EEXIST") throw cause;
  }
}
