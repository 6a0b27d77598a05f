/** Commands that maestro starts itself with; not for people. */
import { createInterface } from "node:readline";
import { EXIT } from "@maestro/shared/errors";
import type { ControlPlaneEvent } from "../../up/control-plane-wire.ts";
import { flag, param } from "../args/spec.ts";
import { defineCommand } from "../command.ts";
import { pathsFor } from "../context.ts";
import { holderPaths } from "../../holder/paths.ts";

export const controlPlane = defineCommand({
  group: "internal",
  name: "control-plane",
  summary: "The embedded control plane, as `maestro up` starts it",
  flags: {},
  params: {},
  examples: ["maestro up", "maestro down"],
  async run({ io }) {
    // Ctrl-C reaches the whole group; only the end of our input stops us, so that the host-agent can say goodbye first.
    process.on("SIGINT", () => undefined);
    const lines = createInterface({ input: io.stdin });
    const first = await new Promise<string | undefined>((resolve) => {
      lines.once("line", resolve);
      lines.once("close", () => resolve(undefined));
    });
    if (first === undefined) return EXIT.usage;
    const ended = new Promise<void>((resolve) => {
      lines.once("close", () => resolve());
      process.once("SIGTERM", () => resolve());
    });
    const { runControlPlane } = await import("../../up/control-plane.ts");
    const report = (event: ControlPlaneEvent): void => void io.stdout.write(`${JSON.stringify(event)}\n`);
    await runControlPlane(first, report, ended);
    process.exit(EXIT.ok);
  },
});

export const holder = defineCommand({
  group: "internal",
  name: "holder",
  summary: "The process that holds this machine's terminals, as the host-agent starts it",
  flags: { home: flag.text("its MAESTRO_HOME", "path") },
  params: {},
  examples: ["maestro host run", "maestro session list --local"],
  async run({ io, paths }, { flags }) {
    const places = flags.home === undefined ? paths : pathsFor({ ...io.env, MAESTRO_HOME: flags.home }, "user");
    const { runHolder } = await import("../../holder/main.ts");
    // Timers of ended sessions would keep a stopped holder alive for nothing.
    process.exit(await runHolder({ paths: holderPaths(places.home, places.runDir) }));
  },
});

export const hostTerminal = defineCommand({
  group: "internal",
  name: "host terminal",
  summary: "The program of a session on a remote host, as the holder starts it",
  flags: {},
  params: { file: param.required("what says where it leads") },
  examples: ["maestro session new --host gpu", "maestro session list"],
  async run({ io }, { params }) {
    const { runTerminal } = await import("../../carrier/terminal-main.ts");
    // Nothing of a connection that is still being closed keeps a session from ending.
    process.exit(await runTerminal(params.file, io.env));
  },
});
