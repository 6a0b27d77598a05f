/** `maestro host …` for this very machine: join, run, and the holder behind it. */
import { EXIT, MaestroFailure } from "@maestro/shared/errors";
import { hostname } from "node:os";
import { suggestedHostName } from "../../daemon/host-name.ts";
import { createLog } from "../../daemon/log.ts";
import { joinHost } from "../../daemon/join.ts";
import { serviceProblem } from "../../daemon/service.ts";
import { rootProblem } from "../../daemon/service-user.ts";
import { thisProgram } from "../../up/program.ts";
import { flag, param } from "../args/spec.ts";
import { defineCommand } from "../command.ts";
import { readSecret } from "../config/secret-input.ts";
import { VERSION } from "../version.ts";
import { installHere } from "./service.ts";

export const hostJoin = defineCommand({
  group: "host",
  name: "host join",
  summary: "Enrol this machine with a join token",
  flags: {
    "token-file": flag.text("where the token is; - for standard input; default: MAESTRO_JOIN, else a prompt", "file"),
    name: flag.text("this machine's name in the fleet", "name"),
    label: flag.pairs("labels of this machine"),
    pin: flag.text("the server's key, for a self-signed certificate (MAESTRO_PIN)", "sha256"),
    service: flag.toggle("install the host-agent as a service"),
    system: flag.toggle("as the machine, with root: state in /var/lib/maestro"),
    force: flag.toggle("replace the identity this machine has"),
  },
  params: { url: param.required("the control plane's address") },
  examples: [
    "maestro host join https://maestro.example.com",
    "maestro host join https://maestro.example.com --token-file - --name gpu-1 --label gpu=yes",
  ],
  async run(context, { params, flags }) {
    const { io, out } = context;
    const scope = flags.system ? "system" : "user";
    const paths = context.pathsOf(scope);
    const forbidden = rootProblem(scope, process.getuid?.() ?? 0, "maestro host join");
    if (forbidden !== undefined) throw new MaestroFailure(forbidden);
    const problem = flags.service ? serviceProblem(paths) : undefined;
    if (problem !== undefined)
      throw new MaestroFailure({
        ...problem,
        detail: `${problem.detail} Nothing was joined.`,
        hint: "Join without --service, and let what runs this machine start: maestro host run",
      });
    const given = io.env["MAESTRO_JOIN"];
    const token =
      flags["token-file"] === undefined && given !== undefined && given !== ""
        ? given
        : await readSecret(io, { file: flags["token-file"], prompt: "Join token: " });
    const pin = flags.pin ?? (io.env["MAESTRO_PIN"] === "" ? undefined : io.env["MAESTRO_PIN"]);
    const joined = await joinHost({
      paths,
      url: params.url,
      token,
      labels: flags.label,
      allowHttp: context.settings().allowHttp,
      force: flags.force,
      ...(flags.name === undefined ? { suggestedName: suggestedHostName(hostname()) } : { name: flags.name }),
      ...(pin === undefined ? {} : { pin }),
    });
    if (!joined.ok) throw new MaestroFailure(joined.error);
    const { hostId, name, origin } = joined.value;
    const start = flags.system ? "sudo maestro host install --system" : "maestro host run";
    const service = flags.service ? await installHere(context, scope) : undefined;
    for (const note of service?.notes ?? []) out.note(note);
    out.one(
      { id: hostId, name, url: origin, service: flags.service },
      () => `This machine is host '${name}' of ${origin}.${flags.service ? "" : ` Its host-agent is started by: ${start}`}`,
      hostId,
    );
    return EXIT.ok;
  },
});

export const hostRun = defineCommand({
  group: "host",
  name: "host run",
  summary: "Run this machine's host-agent in the foreground",
  flags: {
    "exit-on-stdin-end": flag.toggle("end when the parent does"),
    system: flag.toggle("as the machine's service: state in /var/lib/maestro"),
  },
  params: {},
  examples: ["maestro host run", "MAESTRO_LOG_LEVEL=debug maestro host run"],
  async run({ io, settings, pathsOf }, { flags }) {
    const { runHostAgent } = await import("../../daemon/run.ts");
    const own = settings();
    const log = createLog(own.logLevel, { write: (line) => void io.stderr.write(line) }, () => new Date(io.nowMs()));
    const reason = await runHostAgent({
      paths: pathsOf(flags.system ? "system" : "user"),
      settings: own,
      version: VERSION,
      log,
      program: thisProgram(),
      args: process.argv.slice(2),
      exitOnStdinEnd: flags["exit-on-stdin-end"],
    });
    return reason.type === "signal" && reason.signal === "SIGINT" ? EXIT.interrupted : EXIT.ok;
  },
});
