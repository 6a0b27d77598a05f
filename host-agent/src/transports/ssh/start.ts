/** Starts a script on a remote host and answers once it runs there, whatever its login shell and rc files say first. */
import { randomBytes } from "node:crypto";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { escapeUnsafe } from "@maestro/shared/sanitize";
import { err, ok, type Result } from "@maestro/shared/result";
import type { Clock } from "../../daemon/clock.ts";
import { quote } from "../quote.ts";
import { AfterMark } from "./after-mark.ts";
import { bootstrap, INCOMPLETE_EXIT } from "./bootstrap.ts";
import type { SshConnection } from "./connection.ts";
import { within } from "./deadline.ts";
import { gaveUp } from "./failures.ts";
import { placeOf } from "./host-key.ts";
import { RemoteProcess, type RemoteEnd, type Sinks } from "./process.ts";

export interface StartRequest extends Sinks {
  /** POSIX sh. Its stdin is what `write` and `stdin` give; nothing of it is in an argv there. */
  script: string;
  /** `$1` and on. */
  args: readonly string[];
  /** What stdin begins with, sent along with the script. */
  stdin: Uint8Array;
  /** The agent is shown to everything of this connection, if the target allows it; `tried`: refused by the server, the script runs without. */
  forwardAgent: "no" | "tried" | "required";
  clock: Clock;
  /** Aborted, the process is killed. */
  signal: AbortSignal;
}

/** How long a login shell may take until the script begins: some rc files start whole environments. */
const BEGIN_DEADLINE_MS = 20_000;

/** Errors: `nul_byte`, `value_too_large`, `forwarding_unsupported`, `ssh_lost`, `ssh_timeout`, `ssh_protocol`, `remote_shell_broken`. */
export async function startScript(connection: SshConnection, request: StartRequest): Promise<Result<RemoteProcess>> {
  const { script, args, clock, signal } = request;
  const made = bootstrap(args.length === 0 ? script : `set -- ${args.map(quote).join(" ")}\n${script}`, randomBytes(8).toString("hex"));
  if (!made.ok) return made;
  const forward = request.forwardAgent !== "no" && connection.target.forwardAgent;
  let opened = await connection.run(made.value.command, forward, signal);
  if (!opened.ok && opened.error.code === "forwarding_unsupported" && request.forwardAgent === "tried")
    opened = await connection.run(made.value.command, false, signal);
  if (!opened.ok) return opened;

  const out = new AfterMark(made.value.mark);
  const errors = new AfterMark(made.value.mark);
  const begun = Promise.withResolvers<void>();
  const sinks: Sinks = {
    stdout(chunk) {
      const rest = out.push(chunk);
      if (out.pid !== undefined) begun.resolve();
      if (out.tooMuch) process.kill(broken(connection, out, errors));
      return rest.length === 0 ? undefined : request.stdout(rest);
    },
    stderr(chunk) {
      const rest = errors.push(chunk);
      if (rest.length > 0) request.stderr(rest);
    },
  };
  const process = new RemoteProcess(connection, opened.value, sinks, clock);
  const kill = () => process.kill(gaveUp(connection.target));
  signal.addEventListener("abort", kill, { once: true });
  void process.ended.then(() => signal.removeEventListener("abort", kill));
  if (signal.aborted) kill();

  void process.write(Buffer.concat([made.value.script, request.stdin]));
  const first = Promise.race([begun.promise, process.ended]);
  const waited = await within(first, BEGIN_DEADLINE_MS, { clock, signal });
  process.pid = out.pid;
  if (out.pid !== undefined) return ok(process);
  const end: RemoteEnd | undefined = waited.type === "done" ? (waited.value ?? undefined) : undefined;
  if (end?.type === "lost") return err(end.error);
  if (signal.aborted) return err(gaveUp(connection.target));
  const error = broken(connection, out, errors);
  process.kill(error);
  return err(error);
}

/** A script of which only a part came: an rc file has read from stdin. */
export const cameIncomplete = (end: RemoteEnd, stderr: Buffer): boolean =>
  end.type === "exited" && end.code === INCOMPLETE_EXIT && stderr.toString("latin1").startsWith("maestro: incomplete");

export const incomplete = (connection: SshConnection): MaestroError =>
  maestroError(
    "remote_shell_broken",
    `The login shell of ${connection.target.user} on ${placeOf(connection.target)} took a part of what was meant for Maestro.`,
    {
      field: "user",
      hint: "A file such as ~/.bashrc reads from stdin there; let it do so in interactive shells only.",
    },
  );

function broken(connection: SshConnection, out: AfterMark, errors: AfterMark): MaestroError {
  const said = [out.noise, errors.noise].filter((text) => text !== "").join(" / ");
  return maestroError(
    "remote_shell_broken",
    `The login shell of ${connection.target.user} on ${placeOf(connection.target)} did not start /bin/sh${said === "" ? " and said nothing" : `; it said: ${escapeUnsafe(said.slice(-512))}`}.`,
    { field: "user", hint: "Try it: ssh there and run `/bin/sh -c 'echo ok'`. A file such as ~/.bashrc may end or hang." },
  );
}
