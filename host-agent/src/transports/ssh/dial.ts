/** From a target to a connection: the route, the handshake, the host's key, then our own keys; each wait has an end. */
import type { Duplex } from "node:stream";
import { err, ok, type Result } from "@maestro/shared/result";
import { escapeUnsafe } from "@maestro/shared/sanitize";
import type { SshTarget } from "../ssh-target.ts";
import type { SshConnection } from "./connection.ts";
import type { DialOptions } from "./dial-options.ts";
import { gaveUp } from "./failures.ts";
import { handshake } from "./handshake.ts";
import { runProxyCommand } from "./proxy-command.ts";
import { connectTcp, resolveName } from "./socket.ts";

/** Errors: of the table's remote hosts, as far as they concern connecting. Nothing is left open after one. */
export async function dial(target: SshTarget, options: DialOptions): Promise<Result<SshConnection>> {
  switch (target.route.kind) {
    case "direct":
      return dialThrough([], target, options);
    case "jump":
      return dialThrough(target.route.hops, target, options);
    case "command": {
      options.observe({ type: "resolved", address: target.hostName, by: "proxy" });
      const { stream, said } = runProxyCommand(target.route.line, options.env);
      options.observe({ type: "connected", via: "ProxyCommand" });
      const made = await handshake(target, stream, undefined, options);
      const words = made.ok ? "" : await said(options);
      if (made.ok || words === "") return made;
      return err({
        ...made.error,
        detail: `${made.error.detail} ProxyCommand said: ${escapeUnsafe(words.split("\n").at(-1) ?? "").slice(0, 512)}`,
      });
    }
  }
}

async function dialThrough(hops: readonly SshTarget[], target: SshTarget, options: DialOptions): Promise<Result<SshConnection>> {
  let below: SshConnection | undefined;
  for (const hop of [...hops, target]) {
    const quiet = hop === target ? options : { ...options, observe: () => {} };
    const made: Result<SshConnection> = await dialOne(hop, below, quiet);
    if (!made.ok) {
      await below?.close();
      return hop === target ? made : err({ ...made.error, detail: `Jump host ${hop.alias}: ${made.error.detail}` });
    }
    below = made.value;
  }
  return below === undefined ? err(gaveUp(target)) : ok(below);
}

async function dialOne(target: SshTarget, below: SshConnection | undefined, options: DialOptions): Promise<Result<SshConnection>> {
  const stream = await reach(target, below, options);
  return stream.ok ? handshake(target, stream.value, below, options) : stream;
}

async function reach(target: SshTarget, below: SshConnection | undefined, options: DialOptions): Promise<Result<Duplex>> {
  if (below !== undefined) {
    options.observe({ type: "resolved", address: target.hostName, by: "proxy" });
    const forwarded = await below.forward(target.hostName, target.port, target.connectTimeoutMs, options.signal);
    if (forwarded.ok) options.observe({ type: "connected", via: below.target.alias });
    return forwarded;
  }
  const resolved = await resolveName(target, options);
  if (!resolved.ok) return resolved;
  options.observe({ type: "resolved", address: resolved.value, by: "us" });
  const socket = await connectTcp(target, options);
  if (socket.ok) options.observe({ type: "connected", via: undefined });
  return socket;
}
