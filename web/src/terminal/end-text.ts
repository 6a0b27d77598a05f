/** How a session ended, in words. */
import type { SessionEnd } from "@maestro/shared/protocol/session";
import { stripUnsafe } from "@maestro/shared/sanitize";

export function endText(end: SessionEnd): string {
  switch (end.reason) {
    case "exited":
      if (end.signal !== undefined) return `Ended by ${stripUnsafe(end.signal)}`;
      return (end.code ?? 0) === 0 ? "Finished" : `Exited with code ${end.code}`;
    case "killed":
      return end.signal === undefined ? "Ended on request" : `Ended on request (${stripUnsafe(end.signal)})`;
    case "holder_lost":
      return "Lost: the process that kept it on the host was killed";
    case "host_reboot":
      return "Lost: the host was restarted";
    case "spawn_failed":
      return "Could not be started";
    case "server_lost":
      return "Lost: the host's tmux server ended";
  }
}
