/** What goes wrong with `tailscale ssh`, in the words of the error table. Pure. */
import { maestroError, type ErrorCode, type MaestroError } from "@maestro/shared/errors";
import { escapeUnsafe } from "@maestro/shared/sanitize";
import { classifyConnection } from "../classify.ts";
import { HINTS } from "../hints.ts";
import type { TailscaleWay } from "./way.ts";

const FIELD = { field: "address" };

/** @param said by ssh, by Tailscale or by a login shell, before anything of ours ran there. */
export function endedEarly(way: TailscaleWay, said: string): MaestroError {
  const { asked } = way.peer;
  const by = `tailscale ssh ${way.user}@${asked}`;
  const words = escapeUnsafe(said.slice(-512));
  // Check mode of Tailscale's access rules; it waits until somebody has done so.
  if (/requires an additional check/i.test(said))
    return maestroError("ssh_auth_failed", `Tailscale wants somebody to confirm that ${way.user} may enter ${asked}: ${words}`, {
      field: "user",
      hint: `Do so once, on the linked host: ${by}. Or let its access rules accept without a check.`,
    });
  if (/(?:policy|acl).* not permit|not permitted by/i.test(said))
    return maestroError("ssh_auth_failed", `The tailnet's access rules do not let ${way.user} into ${asked}: ${words}`, {
      field: "user",
      hint: "See the `ssh` part of the tailnet's policy.",
    });
  const error = classifyConnection(said, asked);
  const hint = REFUSED.has(error.code)
    ? `Does Tailscale SSH run there (tailscale set --ssh)? Try it on the linked host: ${by}. Where a usual sshd serves: --transport ssh.`
    : `On the linked host: tailscale ping ${asked}, then ${by}`;
  return maestroError(error.code, error.detail, { field: error.code === "ssh_auth_failed" ? "user" : "address", hint });
}

/** As by a server that is not Tailscale's own, or by none. */
const REFUSED: ReadonlySet<ErrorCode> = new Set(["host_key_unknown", "host_key_changed", "ssh_auth_failed", "ssh_unreachable"]);

export const cannotStart = ({ program }: TailscaleWay, cause: Error): MaestroError =>
  maestroError("spawn_failed", `${program} cannot be started: ${cause.message}.`, { field: "via" });

export const lostOnTheWay = ({ peer }: TailscaleWay, why: string): MaestroError =>
  maestroError("ssh_lost", `The connection to ${peer.asked} was lost: ${escapeUnsafe(why).replace(/\.$/, "")}.`, {
    ...FIELD,
    hint: HINTS.ssh_lost,
  });

export const gaveUp = ({ peer }: TailscaleWay): MaestroError =>
  maestroError("ssh_lost", `The connection to ${peer.asked} was given up.`, FIELD);

export const overdue = ({ peer }: TailscaleWay, deadlineMs: number): MaestroError =>
  maestroError("timeout", `A script on ${peer.asked} did not end within ${deadlineMs / 1000} s; it was killed.`, FIELD);

export const notBegun = ({ user, peer }: TailscaleWay, said: string): MaestroError =>
  maestroError(
    "remote_shell_broken",
    `The login shell of ${user} on ${peer.asked} did not start /bin/sh${said === "" ? " and said nothing" : `; it said: ${escapeUnsafe(said.slice(-512))}`}.`,
    { field: "user", hint: HINTS.remote_shell_broken },
  );

export const incomplete = ({ user, peer }: TailscaleWay): MaestroError =>
  maestroError("remote_shell_broken", `The login shell of ${user} on ${peer.asked} took a part of what was meant for Maestro.`, {
    field: "user",
    hint: "A file such as ~/.bashrc reads from stdin there; let it do so in interactive shells only.",
  });
