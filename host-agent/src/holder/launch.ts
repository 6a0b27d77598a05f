/** From what was asked for to what is started: every refusal comes before anything was made. */
import { accessSync, constants, statSync } from "node:fs";
import { userInfo } from "node:os";
import * as path from "node:path";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { isId } from "@maestro/shared/ids";
import { MAX_COLS, MAX_ROWS } from "@maestro/shared/limits";
import { SESSION_NAME_PATTERN } from "@maestro/shared/names";
import { err, ok, type Result } from "@maestro/shared/result";
import { errnoOf } from "../daemon/durable-file.ts";
import type { LaunchPlan } from "./backend.ts";
import { bootstrapPath } from "./shell-path.ts";

/** As it comes from the socket: nothing is trusted yet. */
export interface LaunchRequest {
  id: string;
  name: string;
  orNumbered?: string | undefined;
  argv: readonly string[];
  cwd?: string | undefined;
  env: Readonly<Record<string, string>>;
  cols: number;
  rows: number;
  agent?: string | undefined;
}

export interface LaunchHost {
  /** The holder's own environment, already scrubbed. */
  env: Readonly<Record<string, string | undefined>>;
  nowMs: number;
}

const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const KEPT = ["HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "TMPDIR"];

export function planLaunch(request: LaunchRequest, host: LaunchHost): Result<LaunchPlan> {
  const refusal = refuseValues(request);
  if (refusal !== undefined) return err(refusal);
  const base = baseEnv(host.env);
  const env: Record<string, string> = { ...base, MAESTRO_SESSION: request.id, ...request.env };
  const cwd = request.cwd ?? env["HOME"] ?? "/";
  const badCwd = refuseCwd(cwd);
  if (badCwd !== undefined) return err(badCwd);
  const [first, ...rest] = request.argv;
  const shell = env["SHELL"] ?? "/bin/sh";
  const file = resolveProgram(first ?? shell, cwd, env["PATH"] ?? "");
  if (!file.ok) return file;
  const argv: [string, ...string[]] = first === undefined ? [file.value, "-l"] : [file.value, ...rest];
  return ok({
    id: request.id,
    name: request.name,
    argv,
    cwd,
    env: { ...env, PWD: cwd },
    cols: request.cols,
    rows: request.rows,
    createdMs: host.nowMs,
    agent: request.agent,
  });
}

/** What every session starts from: who the user is, where programs are, and nothing the host-agent knows. */
export function baseEnv(own: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const user = userInfo();
  const home = own["HOME"] ?? user.homedir;
  const base: Record<string, string> = { HOME: home, USER: user.username, LOGNAME: user.username, SHELL: user.shell ?? "/bin/sh" };
  for (const [name, value] of Object.entries(own)) {
    if (value !== undefined && value !== "" && (KEPT.includes(name) || name.startsWith("LC_"))) base[name] = value;
  }
  // Without any locale, tmux and most programs would take UTF-8 for bytes.
  if (base["LANG"] === undefined && base["LC_ALL"] === undefined && base["LC_CTYPE"] === undefined) base["LANG"] = "C.UTF-8";
  return { ...base, PATH: bootstrapPath(home, own["PATH"]), TERM: "xterm-256color", COLORTERM: "truecolor" };
}

function refuseValues({ id, name, argv, cwd, env, cols, rows }: LaunchRequest): MaestroError | undefined {
  if (!isId("session", id)) return maestroError("field_invalid", `'${id}' is not a session id.`, { field: "id" });
  if (!SESSION_NAME_PATTERN.test(name)) {
    return maestroError("field_invalid", `'${name.slice(0, 64)}' cannot be a session's name.`, {
      field: "name",
      hint: "Up to 63 letters, digits, blanks or _@+/-, beginning with a letter, digit or _.",
    });
  }
  for (const [field, value, max] of [
    ["cols", cols, MAX_COLS],
    ["rows", rows, MAX_ROWS],
  ] as const) {
    if (!Number.isInteger(value) || value < 1 || value > max)
      return maestroError("size_out_of_range", `${field} is ${value}; 1 to ${max} are possible.`, { field });
  }
  const nul = argv.findIndex((argument) => argument.includes("\0"));
  if (nul >= 0) return maestroError("nul_byte", "An argument holds a NUL byte, which no program can be given.", { field: `argv.${nul}` });
  if (argv[0] === "") return maestroError("field_invalid", "The program's name is empty.", { field: "argv.0" });
  if (cwd?.includes("\0") === true) return maestroError("nul_byte", "The working directory holds a NUL byte.", { field: "cwd" });
  for (const [key, value] of Object.entries(env)) {
    if (!ENV_NAME.test(key))
      return maestroError("env_name_invalid", `'${key.slice(0, 64)}' cannot name a variable.`, {
        field: "env",
        hint: "Letters, digits and _, not beginning with a digit.",
      });
    if (value.includes("\0")) return maestroError("nul_byte", `The value of ${key} holds a NUL byte.`, { field: `env.${key}` });
  }
  return undefined;
}

function refuseCwd(cwd: string): MaestroError | undefined {
  if (!path.isAbsolute(cwd))
    return maestroError("spawn_failed", `The working directory '${cwd}' is not an absolute path.`, { field: "cwd" });
  try {
    if (!statSync(cwd).isDirectory())
      return maestroError("spawn_failed", `The working directory '${cwd}' is not a directory.`, { field: "cwd" });
    accessSync(cwd, constants.X_OK);
    return undefined;
  } catch (cause) {
    return maestroError("spawn_failed", `The working directory '${cwd}' ${explain(cause)}.`, {
      field: "cwd",
      hint: "Create it, or choose another.",
    });
  }
}

/** As execvp would look, but told beforehand: names with a slash are paths, others are looked for. */
function resolveProgram(program: string, cwd: string, searchPath: string): Result<string> {
  if (program.includes("/")) {
    const file = path.resolve(cwd, program);
    const reason = whyNotExecutable(file);
    return reason === undefined ? ok(file) : err(maestroError("spawn_failed", `'${file}' ${reason}.`, { field: "argv.0" }));
  }
  let denied: string | undefined;
  for (const dir of searchPath.split(path.delimiter)) {
    const file = path.join(dir, program);
    const reason = whyNotExecutable(file);
    if (reason === undefined) return ok(file);
    if (reason !== "does not exist") denied ??= `'${file}' ${reason}`;
  }
  return err(
    maestroError("spawn_failed", denied === undefined ? `'${program}' was not found in ${searchPath}.` : `${denied}.`, {
      field: "argv.0",
      hint: "Install it, or give its whole path.",
    }),
  );
}

function whyNotExecutable(file: string): string | undefined {
  try {
    if (!statSync(file).isFile()) return "is not a file";
    accessSync(file, constants.X_OK);
    return undefined;
  } catch (cause) {
    return explain(cause);
  }
}

function explain(cause: unknown): string {
  const code = errnoOf(cause);
  switch (code) {
    case "ENOENT":
    case "ENOTDIR":
      return "does not exist";
    case "EACCES":
    case "EPERM":
      return "may not be entered or run by this user (EACCES)";
    case undefined:
    default:
      return `cannot be used (${code ?? "unknown reason"})`;
  }
}
