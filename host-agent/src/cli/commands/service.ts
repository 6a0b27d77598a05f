/** `maestro host install`, `maestro host uninstall`: the host-agent as a service of this user or of the machine. */
import { EXIT, fail, maestroError, MaestroFailure, type MaestroError } from "@maestro/shared/errors";
import type { Paths, PathScope } from "../../config/paths.ts";
import { installService, uninstallService, type InstalledService } from "../../daemon/service.ts";
import { rootProblem } from "../../daemon/service-user.ts";
import { thisProgram } from "../../up/program.ts";
import { flag } from "../args/spec.ts";
import { defineCommand } from "../command.ts";
import type { Context } from "../context.ts";
import { thisHost } from "../this-host.ts";
import { unwrap } from "../unwrap.ts";

export async function installHere({ pathsOf }: Context, scope: PathScope): Promise<InstalledService> {
  return unwrap(
    await installService({
      paths: pathsOf(scope),
      program: thisProgram(),
      args: ["host", "run", ...(scope === "system" ? ["--system"] : [])],
    }),
  );
}

const scopeFlags = { user: flag.toggle("of this user (the default)"), system: flag.toggle("of the machine, as root") } as const;

/** An identity of a user's is no machine's: two services with one identity would lock it. */
export function notJoined(paths: Paths, users: Paths): MaestroError {
  const detail = `This machine has not joined a fleet (no identity in ${paths.hostDir}).`;
  if (paths.scope === "user") return maestroError("host_unknown", detail, { hint: "Join first: maestro host join <url>" });
  const own = thisHost(users);
  return maestroError(
    "host_unknown",
    own === undefined ? detail : `${detail} The one in ${users.hostDir}, host '${own.name}', is a user's.`,
    {
      hint: "Join first: sudo maestro host join --system <url>; or, for a service of the user who joined: maestro host install",
    },
  );
}

export const hostInstall = defineCommand({
  group: "host",
  name: "host install",
  summary: "Install this machine's host-agent as a service",
  flags: scopeFlags,
  params: {},
  conflicts: [["user", "system"]],
  examples: ["maestro host install", "sudo maestro host install --system"],
  async run(context, { flags }) {
    const scope = flags.system ? "system" : "user";
    const paths = context.pathsOf(scope);
    const forbidden = rootProblem(scope, process.getuid?.() ?? 0, "maestro host install");
    if (forbidden !== undefined) throw new MaestroFailure(forbidden);
    // A unit that can only fail would be restarted for ever.
    if (thisHost(paths) === undefined) throw new MaestroFailure(notJoined(paths, context.paths));
    const { file, notes } = await installHere(context, scope);
    context.out.one({ installed: true, scope, file, notes }, () => `The host-agent runs as a service (${file}).`);
    for (const note of notes) context.out.note(note);
    return EXIT.ok;
  },
});

export const hostUninstall = defineCommand({
  group: "host",
  name: "host uninstall",
  summary: "Stop and remove the service; identity and sessions stay",
  flags: scopeFlags,
  params: {},
  conflicts: [["user", "system"]],
  examples: ["maestro host uninstall", "sudo maestro host uninstall --system"],
  async run({ out, pathsOf }, { flags }) {
    const scope = flags.system ? "system" : "user";
    if (!unwrap(await uninstallService(pathsOf(scope))))
      throw fail("not_running", "No such service is installed.", { hint: "Another one may be: --user, --system" });
    out.one({ installed: false, scope }, () => "The service is removed. Sessions that run go on until they end.");
    return EXIT.ok;
  },
});
