/** Whether more is to come, in two words. Pure. */
import { byteCount } from "../tasks/figures.ts";
import type { LogState } from "./log-reader.ts";

/** @param end so much of the log is known. @param lives whether the attempt may still write. */
export function logStateText(state: LogState, end: number, lives: boolean): { tone: "" | "live" | "bad"; text: string } {
  switch (state.type) {
    case "opening":
      return { tone: "", text: "Opening…" };
    case "following":
    case "empty":
      // Its host has what is missing, and sends it when it can.
      if (!lives) return { tone: "", text: `Waiting for the rest · ${byteCount(end)}` };
      return { tone: "live", text: end === 0 ? "Live" : `Live · ${byteCount(end)}` };
    case "waiting":
      return { tone: "bad", text: "Reconnecting…" };
    case "complete":
      return { tone: "", text: `Complete · ${byteCount(state.bytes)}` };
    case "failed":
      return { tone: "bad", text: "Not readable" };
  }
}
