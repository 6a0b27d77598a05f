/** The daemon's settings: flags > environment > file > default, parsed once. */
import { readFileSync } from "node:fs";
import * as z from "zod";
import { maestroError } from "@maestro/shared/errors";
import { nearest } from "@maestro/shared/names";
import { err, ok, type Result } from "@maestro/shared/result";

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface Settings {
  logLevel: LogLevel;
  workspaceRoot: string;
  /** Tasks at once on this host. */
  maxConcurrent: number;
  /** Looked at before PATH. */
  kilocodeBin: string;
  /** Below it no task is taken: `disk_low`. */
  minFreeMb: number;
  /** Days after which workspaces of ended tasks go with a `shutdown`. */
  snapshotRetention: number;
  /** Waits are multiplied by it, deadlines for an answer too, but not below some seconds; 1 but in tests. */
  timeScale: number;
  /** Networks (CIDR) that plain http may be spoken to besides loopback. */
  allowHttp: readonly string[];
}

export const DEFAULT_SETTINGS: Settings = {
  logLevel: "info",
  workspaceRoot: "/tmp/maestro-workspaces",
  maxConcurrent: 4,
  kilocodeBin: "/usr/local/bin/kilo",
  minFreeMb: 16,
  snapshotRetention: 7,
  timeScale: 1,
  allowHttp: [],
};

const Cidrs = z.array(z.string().regex(/^[0-9a-fA-F.:]+\/\d{1,3}$/, "must be networks such as 100.64.0.0/10")).max(32);

/** In the same words whatever is wrong with it. */
function within(min: number, max: number, type: typeof z.int | typeof z.number = z.number) {
  const words = `must be a ${type === z.int ? "whole " : ""}number from ${min} to ${max}`;
  return type(words).min(min, words).max(max, words).optional();
}

/** `config.json`; one schema for every source, so each is refused in the same words. */
export const SettingsFile = z.strictObject({
  logLevel: z.enum(LOG_LEVELS).optional(),
  workspaceRoot: z.string().startsWith("/", "must be an absolute path").max(1024).optional(),
  maxConcurrent: within(1, 1000, z.int),
  kilocodeBin: z.string().min(1).max(4096).optional(),
  minFreeMb: within(0, 1_000_000),
  snapshotRetention: within(0, 3650),
  timeScale: within(0.0001, 100),
  allowHttp: Cidrs.optional(),
});
export type SettingsFile = z.infer<typeof SettingsFile>;

/** Where each may stand in the environment. */
export const VARIABLES = {
  MAESTRO_LOG_LEVEL: "logLevel",
  MAESTRO_WORKSPACE_ROOT: "workspaceRoot",
  MAESTRO_MAX_CONCURRENT: "maxConcurrent",
  MAESTRO_KILOCODE_BIN: "kilocodeBin",
  MAESTRO_MIN_FREE_MB: "minFreeMb",
  MAESTRO_SNAPSHOT_RETENTION: "snapshotRetention",
  MAESTRO_TIME_SCALE: "timeScale",
  MAESTRO_ALLOW_HTTP: "allowHttp",
} as const satisfies Record<string, keyof Settings>;

export interface SettingsSources {
  flags: SettingsFile;
  env: Readonly<Record<string, string | undefined>>;
  /** Text of the configuration file, undefined when there is none. */
  file: { name: string; text: string } | undefined;
}

export function parseSettings({ flags, env, file }: SettingsSources): Result<Settings> {
  const fromFile = file === undefined ? ok({}) : parseFile(file.name, file.text);
  if (!fromFile.ok) return fromFile;
  const fromEnv = parseEnv(env);
  if (!fromEnv.ok) return fromEnv;
  return ok({ ...DEFAULT_SETTINGS, ...withoutUndefined(fromFile.value), ...withoutUndefined(fromEnv.value), ...withoutUndefined(flags) });
}

export function readSettings(configFile: string, env: SettingsSources["env"], flags: SettingsFile = {}): Result<Settings> {
  return parseSettings({ flags, env, file: readIfThere(configFile) });
}

/** What stands in the file, and nothing else. */
export function readSettingsFile(configFile: string): Result<SettingsFile> {
  const file = readIfThere(configFile);
  return file === undefined ? ok({}) : parseFile(file.name, file.text);
}

function parseFile(name: string, text: string): Result<SettingsFile> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    return err(maestroError("json_invalid", `${name} is not JSON: ${cause instanceof Error ? cause.message : "unreadable"}.`));
  }
  return check(name, json);
}

function parseEnv(env: SettingsSources["env"]): Result<SettingsFile> {
  const values: Record<string, unknown> = {};
  for (const [variable, key] of Object.entries(VARIABLES)) {
    const text = env[variable];
    if (text === undefined || text === "") continue;
    const checked = parseSetting(variable, key, text);
    if (!checked.ok)
      return err(
        maestroError("field_invalid", `${variable}='${text.slice(0, 64)}' is not usable: ${checked.error.detail}`, { field: variable }),
      );
    Object.assign(values, checked.value);
  }
  return check("environment", values);
}

const NUMBERS: ReadonlySet<keyof Settings> = new Set(["maxConcurrent", "timeScale", "minFreeMb", "snapshotRetention"]);

/** One setting as it is typed. @param place for the words of a refusal. */
export function parseSetting(place: string, key: keyof Settings, text: string): Result<SettingsFile> {
  if (NUMBERS.has(key)) return check(place, { [key]: text.trim() === "" ? Number.NaN : Number(text) });
  return check(place, { [key]: key === "allowHttp" ? text.split(",").map((part) => part.trim()) : text });
}

function check(place: string, value: unknown): Result<SettingsFile> {
  const parsed = SettingsFile.safeParse(value);
  if (parsed.success) return ok(parsed.data);
  const issue = parsed.error.issues[0];
  if (issue?.code === "unrecognized_keys") {
    const key = issue.keys[0] ?? "";
    const [near] = nearest(key, Object.keys(SettingsFile.shape), 1);
    return err(
      maestroError("unknown_field", `${place}: '${key}' is not a setting.`, {
        field: key,
        ...(near === undefined ? {} : { hint: `Did you mean '${near}'?` }),
      }),
    );
  }
  const field = issue?.path.join(".") ?? "";
  return err(maestroError("field_invalid", `${place}: ${field}: ${issue?.message ?? "invalid"}.`, field === "" ? {} : { field }));
}

const withoutUndefined = <T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } => {
  const out: { [K in keyof T]?: Exclude<T[K], undefined> } = {};
  for (const [key, entry] of Object.entries(value)) if (entry !== undefined) Object.assign(out, { [key]: entry });
  return out;
};

function readIfThere(file: string): { name: string; text: string } | undefined {
  try {
    return { name: file, text: readFileSync(file, "utf8") };
  } catch {
    // Absent or unreadable: defaults hold, and `doctor` tells about permissions.
    return undefined;
  }
}
