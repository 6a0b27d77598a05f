/** `$MAESTRO_HOME/bin/maestro`, so that the CLI works at once beside `up`. */
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import * as path from "node:path";
import type { Paths } from "../config/paths.ts";

export interface LauncherInput {
  paths: Paths;
  /** The argv that starts this program. */
  program: readonly string[];
  /** The home a program finds without MAESTRO_HOME. */
  defaultHome: string;
}

export function writeLauncher({ paths, program, defaultHome }: LauncherInput): void {
  const text = launcherText(program, paths.home === defaultHome ? undefined : paths.home);
  mkdirSync(paths.binDir, { recursive: true, mode: 0o700 });
  if (read(paths.cliFile) === text) return;
  const temporary = `${paths.cliFile}.${process.pid}.tmp`;
  writeFileSync(temporary, text, { mode: 0o755 });
  chmodSync(temporary, 0o755);
  renameSync(temporary, paths.cliFile);
}

export function launcherText(program: readonly string[], home: string | undefined): string {
  const lines = ["#!/bin/sh", "# Written by `maestro up`."];
  if (home !== undefined) lines.push(`MAESTRO_HOME="\${MAESTRO_HOME:-${quoteInDouble(home)}}"`, "export MAESTRO_HOME");
  lines.push(`exec ${program.map(quote).join(" ")} "$@"`);
  return `${lines.join("\n")}\n`;
}

/** The line that puts the CLI on PATH, undefined when it is there. */
export function pathLine({ binDir }: Paths, searchPath: string | undefined): string | undefined {
  return (searchPath ?? "").split(path.delimiter).includes(binDir) ? undefined : `export PATH="${quoteInDouble(binDir)}:$PATH"`;
}

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
const quoteInDouble = (text: string): string => text.replace(/[\\"$`]/g, "\\$&");

function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
