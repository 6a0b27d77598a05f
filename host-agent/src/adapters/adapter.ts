/** What Maestro knows of one agent CLI. Adding an agent is adding one file and its line in `builtin.ts`. */
import type { AdapterName } from "@maestro/shared/contract/agent-types";
import type { Result } from "@maestro/shared/result";
import type { EventReader, Findings } from "./headless/findings.ts";

export type Permissions = "plan" | "edit" | "full";

export interface InteractiveRequest {
  model: string | undefined;
  /** The CLI's own mode, where it has modes. */
  mode: string | undefined;
  /** What the agent may do unasked; undefined leaves it to the CLI's own configuration. */
  permissions: Permissions | undefined;
  /** As detected; undefined when it is not known. */
  version: string | undefined;
}

export interface Interactive {
  /** Arguments after the binary; the agent's own extra arguments follow them. */
  args: readonly string[];
  env: Readonly<Record<string, string>>;
}

export interface HeadlessRequest extends InteractiveRequest {
  prompt: string;
  /** Files that go with it: absolute, in a directory of their own. */
  images: readonly string[];
  /** The resolved workspace. */
  cwd: string;
  /** The CLI's own session to go on from. */
  resume: string | undefined;
  /** The agent's own extra arguments. */
  args: readonly string[];
  /** Whoever runs it is root. */
  root: boolean;
}

export interface HeadlessLaunch {
  /** All arguments after the binary. */
  args: readonly string[];
  env: Readonly<Record<string, string>>;
  stdin?: string;
}

/** How the CLI is asked once, without a terminal, and how its answer is understood. */
export interface Headless {
  launch(request: HeadlessRequest): Result<HeadlessLaunch>;
  /**
   * `events`: JSON lines, read by a fresh reader each time; `text`: what it printed is the answer; `plain`: that too, and
   * nothing in it tells why it failed.
   */
  output: { kind: "events"; reader(): EventReader } | { kind: "text"; reader?(): TextReader } | { kind: "plain" };
}

/** Finds in the end of the output what a CLI says beside its answer. */
export type TextReader = (tail: string) => Findings;

export interface Adapter {
  name: AdapterName;
  title: string;
  /** Names looked for on the bootstrap path, first found wins. Empty: nothing has to be installed. */
  binaries: readonly string[];
  /** They were set for an agent: what the host's settings say of this CLI is of another one. */
  chosen?: true;
  versionArgs: readonly string[];
  parseVersion(output: string): string | undefined;
  /** The one line that installs it. */
  install: string;
  interactive(request: InteractiveRequest): Interactive;
  headless: Headless;
}

/** The first thing that looks like a version; every CLI decorates it differently. */
export function firstVersion(output: string): string | undefined {
  return /(?<![\d.])\d+\.\d+(?:\.\d+)?(?:[-+.][0-9A-Za-z.+-]*[0-9A-Za-z])?/.exec(output)?.[0];
}

export const withValue = (flag: string, value: string | undefined): string[] => (value === undefined || value === "" ? [] : [flag, value]);

/** Arguments of a permission level; a level the CLI has no word for asks the user instead, never the other way. */
export const levelArgs = (levels: Readonly<Record<Permissions, readonly string[]>>, level: Permissions | undefined): readonly string[] =>
  level === undefined ? [] : levels[level];
