/** The supervisor's side of the control-plane process: starts it, hands it its configuration, hears what it says. */
import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { fail, isErrorCode, type MaestroFailure } from "@maestro/shared/errors";
import { ControlPlaneEvent, type ControlPlaneConfig } from "./control-plane-wire.ts";
import { describeOwner } from "./port-owner.ts";

export interface ControlPlaneChild {
  process: ChildProcess;
  /** Resolves when it serves; rejects with what it said, or when it ended without a word. */
  ready: Promise<void>;
}

export interface ControlPlaneHooks {
  program: readonly string[];
  log(text: string): void;
  note(line: string): void;
  /** workerd's pid, also after it restarted. */
  onRuntime(pid: number): void;
}

export function startControlPlane(config: ControlPlaneConfig, { program, log, note, onRuntime }: ControlPlaneHooks): ControlPlaneChild {
  const [command = process.execPath, ...args] = program;
  const child = spawn(command, [...args, "control-plane"], { stdio: ["pipe", "pipe", "pipe"], env: scrubbed(process.env) });
  child.stdin.on("error", () => undefined);
  child.stdin.write(`${JSON.stringify(config)}\n`);
  child.stderr.on("data", (data: Buffer) => log(data.toString("utf8")));
  const ready = new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      const event = parseEvent(line);
      switch (event?.t) {
        case undefined:
          return log(`${line}\n`);
        case "migrated":
          return note(`Prepared the database (${event.names.length} migration${event.names.length === 1 ? "" : "s"}).`);
        case "restarted":
          note("The Workers runtime ended and was started again.");
          return onRuntime(event.runtimePid);
        case "ready":
          onRuntime(event.runtimePid);
          return resolve();
        case "failed":
          log(`${event.code}: ${event.detail}\n`);
          return reject(described(event, config.port));
      }
    });
    child.once("error", (cause) => reject(fail("internal", `The control plane could not be started: ${cause.message}`, {}, cause)));
    child.once("exit", (code, signal) =>
      reject(
        fail("internal", `The control plane ended while it started (${signal ?? `exit code ${code}`}).`, {
          hint: "Its log is logs/up.log under MAESTRO_HOME.",
        }),
      ),
    );
  });
  // Told to whoever waits for the first start; later ones are the supervisor's.
  ready.catch(() => undefined);
  return { process: child, ready };
}

function described({ code, detail, hint }: Extract<ControlPlaneEvent, { t: "failed" }>, port: number): MaestroFailure {
  const known = isErrorCode(code) ? code : "internal";
  const owner = known === "port_in_use" ? describeOwner(port) : undefined;
  const place = hint ?? (known === "port_in_use" ? "Choose another one: --port <n>, or 0 for any." : undefined);
  return fail(known, owner === undefined ? detail : `${detail} ${owner} listens there.`, place === undefined ? {} : { hint: place });
}

function parseEvent(line: string): ControlPlaneEvent | undefined {
  try {
    return ControlPlaneEvent.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}

/** A token of the caller has no business in a server process, nor may Node options from outside. */
function scrubbed(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { MAESTRO_TOKEN: _token, NODE_OPTIONS: _options, ...rest } = env;
  return rest;
}
