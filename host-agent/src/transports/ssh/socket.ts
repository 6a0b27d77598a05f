/** The bytes below a connection when nothing is in between: a TCP connection, made within its time. */
import { lookup } from "node:dns/promises";
import { connect, isIP, type Socket } from "node:net";
import { err, ok, type Result } from "@maestro/shared/result";
import type { SshTarget } from "../ssh-target.ts";
import { within, type Limits } from "./deadline.ts";
import { classifyConnect, gaveUp, timedOut } from "./failures.ts";
import { sendTogether } from "./send-together.ts";

/** Errors: `name_unresolved`, `ssh_timeout`. */
export async function resolveName(target: SshTarget, limits: Limits): Promise<Result<string>> {
  if (isIP(target.hostName) !== 0) return ok(target.hostName);
  try {
    const found = await within(lookup(target.hostName), target.connectTimeoutMs, limits);
    switch (found.type) {
      case "done":
        return ok(found.value.address);
      case "deadline":
        return err(timedOut(target, "its name did not resolve"));
      case "aborted":
        return err(gaveUp(target));
    }
  } catch (cause) {
    return err(classifyConnect(target, cause));
  }
}

/** @param address of `resolveName`: connecting by name goes through all of its addresses, as ssh does. Errors: `ssh_unreachable`, `ssh_timeout`. */
export async function connectTcp(target: SshTarget, limits: Limits): Promise<Result<Socket>> {
  const socket = connect({ host: target.hostName, port: target.port, noDelay: true, autoSelectFamily: true });
  // Late errors of a socket that nobody waits for any more must not become uncaught ones.
  socket.on("error", () => {});
  const connected = new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  try {
    const waited = await within(connected, target.connectTimeoutMs, limits);
    if (waited.type === "done") {
      sendTogether(socket);
      return ok(socket);
    }
    socket.destroy();
    return err(waited.type === "deadline" ? timedOut(target, "no TCP connection came about") : gaveUp(target));
  } catch (cause) {
    socket.destroy();
    return err(classifyConnect(target, cause));
  }
}
