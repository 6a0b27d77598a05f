/** The far side over ssh: short scripts and the one that stays share the target's connection. */
import { ok, type Result } from "@maestro/shared/result";
import type { Clock } from "../daemon/clock.ts";
import { startForwarding, type ForwardingDeps } from "../transports/ssh/forwarding.ts";
import type { RemoteProcess } from "../transports/ssh/process.ts";
import type { SshTarget } from "../transports/ssh-target.ts";
import type { SshPool } from "../transports/ssh/pool.ts";
import type { OpenScript, RemoteShell } from "./remote-shell.ts";

const MAX_OUTPUT_BYTES = 1024 * 1024;

/** @param targetOf asked each time: what it depends on may change.
 * @param requester whose turn it is, where several wait for the same connection. */
export function sshShell(pool: SshPool, targetOf: () => Promise<Result<SshTarget>>, requester: string, clock: Clock): RemoteShell {
  return {
    async run(script, args, { stdin = new Uint8Array(), deadlineMs, signal }) {
      const target = await targetOf();
      if (!target.ok) return target;
      const done = await pool.exec(target.value, { script, args, stdin, deadlineMs, maxOutputBytes: MAX_OUTPUT_BYTES, signal }, requester);
      if (!done.ok) return done;
      const { end, stdout, stderr } = done.value;
      return ok({
        exit: end.type === "exited" ? { type: "exit", code: end.code } : { type: "signal", signal: end.signal },
        stdout,
        stderr: stderr.toString("utf8"),
      });
    },
    async open(script, args, { data, signal }) {
      const target = await targetOf();
      if (!target.ok) return target;
      const request = { script, args, stdin: new Uint8Array(), stdout: data, stderr: () => {}, clock, signal };
      return opened(await pool.start(target.value, request, requester));
    },
  };
}

/** The same for one script that sees the ssh-agent, over a connection of its own. */
export function agentShell(deps: ForwardingDeps, targetOf: () => Promise<Result<SshTarget>>, clock: Clock): RemoteShell["open"] {
  return async (script, args, { data, signal }) => {
    const target = await targetOf();
    if (!target.ok) return target;
    const request = { script, args, stdin: new Uint8Array(), stdout: data, stderr: () => {}, clock, signal };
    return opened(await startForwarding(target.value, request, deps));
  };
}

function opened(started: Result<RemoteProcess>): Result<OpenScript> {
  if (!started.ok) return started;
  const { value: process } = started;
  return ok({
    write: (text) => void process.write(Buffer.from(text)),
    close: () => process.end(),
    closed: process.ended.then((end) => (end.type === "lost" ? end.error : undefined)),
  });
}
