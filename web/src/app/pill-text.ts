/** The words of the connection pill. Pure. */
import type { ConnectionState } from "../net/connection.ts";
import { isSilent, type Liveness } from "../net/liveness.ts";

export interface PillText {
  tone: "" | "bad" | "dead";
  text: string;
  title: string;
}

/** @param nowMs on the clock of `liveness` and `untilMs`. */
export function pillText(connection: ConnectionState, liveness: Readonly<Liveness>, nowMs: number, online: boolean): PillText {
  switch (connection.type) {
    case "open": {
      const { roundTripMs, lastByteMs } = liveness;
      const age = lastByteMs === undefined ? 0 : Math.max(0, nowMs - lastByteMs);
      const trip = roundTripMs === undefined ? "Connected" : `${roundTripMs < 10 ? roundTripMs.toFixed(1) : Math.round(roundTripMs)} ms`;
      const seconds = Math.round(age / 1000);
      const title = `Round trip ${roundTripMs === undefined ? "not measured yet" : trip}; last byte ${seconds} s ago.`;
      return isSilent(liveness, nowMs) ? { tone: "bad", text: `Silent for ${seconds} s`, title } : { tone: "", text: trip, title };
    }
    case "connecting":
      return connection.attempt === 0
        ? { tone: "bad", text: "Connecting…", title: "Connecting." }
        : { tone: "bad", text: "Reconnecting…", title: "Reconnecting." };
    case "waiting": {
      if (!online) return { tone: "dead", text: "Offline", title: "This device has no network." };
      const seconds = Math.max(0, Math.ceil((connection.untilMs - nowMs) / 1000));
      return {
        tone: "bad",
        text: seconds <= 1 ? "Reconnecting…" : `Reconnecting in ${seconds} s`,
        title: connection.why === "" ? "The connection was lost." : connection.why,
      };
    }
    case "stopped":
      return { tone: "dead", text: "Disconnected", title: connection.why.detail };
  }
}
