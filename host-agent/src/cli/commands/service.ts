/** `maestro host install`, `maestro host uninstall`: the host-agent as a service of this user or of the machine. */
import { EXIT, fail } from "@maestro/shared/errors";
import type { PathScope } from "../../config/paths.ts";
import { installService, uninstallService, type InstalledService } from "../../daemon/service.ts";
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
    // A unit that can only fail would be restarted for ever.
    if (thisHost(paths) === undefined) {
      const home = scope === "system" ? `sudo MAESTRO_HOME=${paths.home} ` : "";
      throw fail("host_unknown", `This machine has not joined a fleet (no identity in ${paths.hostDir}).`, {
        hint: `Join first: ${home}maestro host join <url>`,
      });
    }
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
