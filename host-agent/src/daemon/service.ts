/** Installs the host-agent as a service of systemd or launchd, for a user or for the machine. */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir, userInfo } from "node:os";
import * as path from "node:path";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";
import type { Paths } from "../config/paths.ts";
import { errnoOf } from "./durable-file.ts";
import { LAUNCHD_LABEL, launchdPlist, SYSTEMD_NAME, systemdUnit, type ServiceSpec } from "./service-units.ts";
import { serviceUser } from "./service-user.ts";

export interface ServiceOptions {
  /** `scope` of these decides between a user's service and the machine's. */
  paths: Paths;
  /** `[process.execPath, …, "bin.js"]`, through the `current` link where there is one. */
  program: readonly string[];
  /** `["host", "run", …]` */
  args: readonly string[];
}

export interface InstalledService {
  file: string;
  /** Things the user should know or do. */
  notes: string[];
}

const COMMAND_TIMEOUT_MS = 30_000;

/** Why no service can be had here, asked before anything that cannot be taken back. */
export function serviceProblem(paths: Paths): MaestroError | undefined {
  const place = servicePlace(paths);
  return place.ok ? undefined : place.error;
}

export async function installService(options: ServiceOptions): Promise<Result<InstalledService>> {
  const place = servicePlace(options.paths);
  if (!place.ok) return place;
  const { file, kind } = place.value;
  const { scope, home } = options.paths;
  const user = scope === "system" ? await machineUser(options.paths) : ok(undefined);
  if (!user.ok) return user;
  const spec = serviceSpec(options, user.value);
  const written = write(file, kind === "systemd" ? systemdUnit(spec) : launchdPlist(spec));
  if (written !== undefined) return err(written);
  const handedOver = user.value === undefined ? [] : [["chown", "-RPh", "--", `${user.value}:`, home]];
  for (const argv of [...handedOver, ...startCommands(kind, scope, file)]) {
    const done = await run(argv);
    if (!done.ok) return done;
  }
  const whose = user.value === undefined ? [] : [`It and its agents run as '${user.value}', who has '${home}'.`];
  return ok({ file, notes: [...whose, ...(await linger(kind, scope))] });
}

async function machineUser({ home, identityFile }: Paths): Promise<Result<string>> {
  const { uid } = statSync(identityFile);
  const named = await run(["id", "-un", String(uid)]);
  return serviceUser({ home, owner: { uid, name: named.ok ? named.value.trim() : undefined }, sudoUser: process.env["SUDO_USER"] });
}

/** True when there was one. */
export async function uninstallService(paths: Paths): Promise<Result<boolean>> {
  const place = servicePlace(paths);
  if (!place.ok) return place;
  const { file, kind } = place.value;
  if (!existsSync(file)) return ok(false);
  for (const argv of stopCommands(kind, paths.scope)) await run(argv);
  try {
    rmSync(file);
  } catch (cause) {
    return err(unwritable(file, cause));
  }
  if (kind === "systemd") await run([...systemctl(paths.scope), "daemon-reload"]);
  return ok(true);
}

/** @param user of the machine's service. */
export function serviceSpec({ paths, program, args }: ServiceOptions, user: string | undefined): ServiceSpec {
  return {
    argv: [...program, ...args],
    env: paths.scope === "user" ? { MAESTRO_HOME: paths.home } : {},
    user,
    scope: paths.scope,
    logFile: paths.hostLog,
  };
}

type Kind = "systemd" | "launchd";

function servicePlace({ scope }: Paths): Result<{ kind: Kind; file: string }> {
  if (process.platform === "darwin") {
    const dir = scope === "system" ? "/Library/LaunchDaemons" : path.join(homedir(), "Library/LaunchAgents");
    return ok({ kind: "launchd", file: path.join(dir, `${LAUNCHD_LABEL}.plist`) });
  }
  if (!existsSync("/run/systemd/system")) {
    return err(
      maestroError("backend_unavailable", "This machine is not run by systemd, so no service can be installed.", {
        hint: "Start it by what runs this machine: maestro host run",
      }),
    );
  }
  const configHome = process.env["XDG_CONFIG_HOME"] ?? path.join(homedir(), ".config");
  return ok({
    kind: "systemd",
    file: path.join(scope === "system" ? "/etc/systemd/system" : path.join(configHome, "systemd/user"), SYSTEMD_NAME),
  });
}

const systemctl = (scope: Paths["scope"]): string[] => (scope === "system" ? ["systemctl"] : ["systemctl", "--user"]);
const launchdDomain = (scope: Paths["scope"]): string => (scope === "system" ? "system" : `gui/${process.getuid?.() ?? 0}`);

function startCommands(kind: Kind, scope: Paths["scope"], file: string): string[][] {
  switch (kind) {
    case "systemd":
      return [
        [...systemctl(scope), "daemon-reload"],
        [...systemctl(scope), "enable", SYSTEMD_NAME],
        [...systemctl(scope), "restart", SYSTEMD_NAME],
      ];
    case "launchd":
      return [["launchctl", "bootstrap", launchdDomain(scope), file]];
  }
}

function stopCommands(kind: Kind, scope: Paths["scope"]): string[][] {
  switch (kind) {
    case "systemd":
      return [[...systemctl(scope), "disable", "--now", SYSTEMD_NAME]];
    case "launchd":
      return [["launchctl", "bootout", `${launchdDomain(scope)}/${LAUNCHD_LABEL}`]];
  }
}

/** Without lingering, a user's services end with the last login. */
async function linger(kind: Kind, scope: Paths["scope"]): Promise<string[]> {
  if (kind !== "systemd" || scope !== "user") return [];
  const done = await run(["loginctl", "enable-linger", userInfo().username]);
  return done.ok ? [] : [`The service stops when you log out. To keep it: sudo loginctl enable-linger ${userInfo().username}`];
}

function write(file: string, text: string): MaestroError | undefined {
  try {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text, { mode: 0o644 });
    return undefined;
  } catch (cause) {
    return unwritable(file, cause);
  }
}

const unwritable = (file: string, cause: unknown): MaestroError =>
  maestroError("state_unwritable", `'${file}' cannot be written (${errnoOf(cause) ?? "unknown reason"}).`, {
    field: file,
    hint: "A system service needs root: use sudo, or --user.",
  });

function run(argv: readonly string[]): Promise<Result<string>> {
  const [file = "", ...args] = argv;
  return new Promise((resolve) => {
    execFile(file, args, { timeout: COMMAND_TIMEOUT_MS, encoding: "utf8" }, (error, stdout, stderr) => {
      if (error === null) return resolve(ok(stdout));
      const said = stderr.trim().split("\n").at(-1) ?? "";
      resolve(err(maestroError("spawn_failed", `\`${argv.join(" ")}\` failed: ${said === "" ? error.message : said}.`)));
    });
  });
}
