/** The daemon's way to its holder: the very same program, started detached where none runs. */
import type { Paths } from "../config/paths.ts";
import { holderPaths } from "../holder/paths.ts";
import { ensureHolder } from "../holder/spawn.ts";
import type { OpenHolder } from "./holder-keeper.ts";

/** @param program argv that starts this program. */
export function openHolderProcess(paths: Paths, program: readonly string[]): OpenHolder {
  const places = holderPaths(paths.home, paths.runDir);
  const [file = process.execPath, ...rest] = program;
  return (events, signal) => ensureHolder(places, [file, ...rest, "holder", "--home", paths.home], events, signal);
}
