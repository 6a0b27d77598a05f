/** What goes wrong on the way to an SSH server, in the words of the error table. Pure. */
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { escapeUnsafe } from "@maestro/shared/sanitize";
import { errnoOf } from "../../daemon/durable-file.ts";
import type { SshTarget } from "../ssh-target.ts";
import { HINTS } from "../hints.ts";
import { placeOf } from "./host-key.ts";

const FIELD = { field: "address" };

/** Of DNS and TCP. */
export function classifyConnect(target: SshTarget, cause: unknown): MaestroError {
  const errno = errnoOf(cause);
  const place = placeOf(target);
  switch (errno) {
    case "ENOTFOUND":
    case "EAI_AGAIN":
    case "EAI_NODATA":
    case "ENODATA":
      return maestroError("name_unresolved", `The name ${target.hostName} does not resolve (${errno}).`, {
        ...FIELD,
        hint: HINTS.name_unresolved,
      });
    case "ETIMEDOUT":
      return timedOut(target, "no TCP connection came about");
    case "ECONNREFUSED":
      return maestroError("ssh_unreachable", `${place} refuses connections.`, {
        ...FIELD,
        hint: HINTS.ssh_unreachable,
      });
    case undefined:
    default:
      return maestroError("ssh_unreachable", `${place} cannot be reached (${errno ?? messageOf(cause)}).`, {
        ...FIELD,
        hint: HINTS.ssh_unreachable,
      });
  }
}

export const timedOut = (target: SshTarget, what: string): MaestroError =>
  maestroError("ssh_timeout", `${placeOf(target)}: ${what} within ${target.connectTimeoutMs / 1000} s.`, {
    ...FIELD,
    hint: HINTS.ssh_timeout,
  });

/** Whoever asked does not want it any more. */
export const gaveUp = (target: SshTarget): MaestroError =>
  maestroError("ssh_lost", `The connection to ${placeOf(target)} was given up.`, FIELD);

export const lost = (target: SshTarget, why: string): MaestroError =>
  maestroError("ssh_lost", `The connection to ${placeOf(target)} was lost: ${why}.`, {
    ...FIELD,
    hint: HINTS.ssh_lost,
  });

/** What a server says in passing goes to people as well, but not to their terminals. */
export const messageOf = (cause: unknown): string => escapeUnsafe(cause instanceof Error ? cause.message : String(cause)).slice(0, 512);

export type Stage = "handshake" | "authentication";

/** @param cause of ssh2; undefined where the connection ended without one. */
export function classifyHandshake(target: SshTarget, stage: Stage, cause: unknown): MaestroError {
  const place = placeOf(target);
  const said = cause === undefined ? "" : messageOf(cause);
  if (/too many authentication failures/i.test(said))
    return maestroError("ssh_auth_failed", `${place} does not let ${target.user} in: too many keys were tried.`, {
      field: "identity",
      hint: "Name the right key and set IdentitiesOnly=yes, so that the agent's others are not tried first.",
    });
  if (/no matching/i.test(said))
    return maestroError("ssh_protocol", `${place} and this host-agent have no algorithm in common: ${said}.`, {
      ...FIELD,
      hint: HINTS.ssh_protocol,
    });
  if (stage === "authentication")
    return maestroError(
      "ssh_auth_failed",
      `${place} closed the connection while ${target.user} was let in${said === "" ? "" : `: ${said}`}.`,
      {
        field: "user",
        hint: "See the log of its sshd: AllowUsers, the account's shell, MaxAuthTries.",
      },
    );
  if (cause === undefined || /before handshake|ECONNRESET|EPIPE|ended|closed/i.test(`${said} ${errnoOf(cause) ?? ""}`))
    return maestroError("ssh_unreachable", `${place} closed the connection before it said that it is an SSH server.`, {
      ...FIELD,
      hint: "It may be busy (MaxStartups), block this address, or serve something else on this port.",
    });
  return maestroError("ssh_protocol", `${place} does not speak SSH as expected: ${said}.`, {
    ...FIELD,
    hint: "Is it the port of an SSH server?",
  });
}
