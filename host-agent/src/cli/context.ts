/** What a running command has at hand. Nothing is read before it is asked for, so `help` works on a broken machine. */
import { homedir, tmpdir } from "node:os";
import { MaestroFailure } from "@maestro/shared/errors";
import { REQUEST_TIMEOUT_MS } from "@maestro/shared/limits";
import { readSettings, type Settings } from "../config/env.ts";
import { derivePaths, type Paths, type PathScope } from "../config/paths.ts";
import { ApiClient } from "./api/client.ts";
import type { globalFlags } from "./args/globals.ts";
import type { FlagValues } from "./args/spec.ts";
import { readProfiles, type Profiles } from "./config/profiles.ts";
import { confirm } from "./config/secret-input.ts";
import { chooseTarget, given, type Target } from "./config/target.ts";
import type { Io } from "./io.ts";
import { Output } from "./render/output.ts";
import { thisHost } from "./this-host.ts";
import { unwrap } from "./unwrap.ts";
import { VERSION } from "./version.ts";

export interface Context {
  io: Io;
  globals: FlagValues<typeof globalFlags>;
  out: Output;
  paths: Paths;
  pathsOf(scope: PathScope): Paths;
  settings(): Settings;
  target(): Target;
  api(): ApiClient;
  /** Whatever fleet it is of: one that is logged in to, or made. */
  apiTo(target: Target): ApiClient;
  timeoutMs: number;
  /** Throws unless the user agrees. */
  confirm(question: string): Promise<void>;
}

/** A little longer than the server gives a host to answer, so that its answer is heard. */
const GRACE_MS = 5_000;

export function makeContext(io: Io, globals: FlagValues<typeof globalFlags>): Context {
  const mode = globals.json || globals.format === "json" ? "json" : globals.quiet ? "ids" : "table";
  const pathsOf = (scope: PathScope): Paths => pathsFor(io.env, scope);
  const paths = pathsOf("user");
  const timeoutMs = globals.timeout === undefined ? REQUEST_TIMEOUT_MS + GRACE_MS : globals.timeout * 1000;
  const clientOf = (target: Target, fleet: string | undefined): ApiClient =>
    new ApiClient({ ...target, userAgent: `maestro/${VERSION}`, timeoutMs, fleet });
  const context: Context = {
    io,
    globals,
    out: new Output(io, { mode, verbose: globals.verbose }),
    paths,
    pathsOf,
    settings: () => unwrap(readSettings(paths.configFile, io.env)),
    target: () =>
      unwrap(
        chooseTarget({
          flags: globals,
          env: io.env,
          profiles: profilesFor(paths, io),
          joined: thisHost(paths),
          allowHttp: context.settings().allowHttp,
        }),
      ),
    api: () => clientOf(context.target(), given(io.env["MAESTRO_FLEET"])),
    apiTo: (target) => clientOf(target, undefined),
    timeoutMs,
    confirm: (question) => confirm(io, question, globals.yes),
  };
  return context;
}

export const pathsFor = (env: Io["env"], scope: PathScope): Paths =>
  derivePaths({ env, userHome: homedir(), uid: process.getuid?.() ?? 0, tmpDir: tmpdir(), scope });

/** With address and token in the environment an unreadable profiles file is no obstacle. */
function profilesFor(paths: Paths, io: Io): Profiles {
  try {
    return readProfiles(paths);
  } catch (error) {
    const complete = io.env["MAESTRO_URL"] !== undefined && io.env["MAESTRO_TOKEN"] !== undefined;
    if (complete && error instanceof MaestroFailure) return { version: 1, profiles: {} };
    throw error;
  }
}
