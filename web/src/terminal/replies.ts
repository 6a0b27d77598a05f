/**
 * [VW2] Terminals answer questions found in output (DA, DSR, DECRQM, DECRQSS, colour queries, focus
 * reporting switched on). xterm.js sends those answers through the same event as typing, so each question
 * is stopped here unless the gate is open: this viewer writes, and the bytes are live output, not a
 * snapshot or a replay, whose questions were answered when they were asked.
 */
import type { IParser, Terminal } from "@xterm/xterm";

/** Everything in xterm.js 6 that answers; a test in a browser asks all of them. */
const CSI_QUESTIONS = [
  { final: "c" },
  { prefix: ">", final: "c" },
  { prefix: "=", final: "c" },
  { final: "n" },
  { prefix: "?", final: "n" },
  { intermediates: "$", final: "p" },
  { prefix: "?", intermediates: "$", final: "p" },
  { final: "t" },
  { prefix: ">", final: "q" },
  { prefix: "?", final: "u" },
] as const;
const OSC_COLOURS = [4, 10, 11, 12] as const;
const FOCUS_REPORTING = 1004;

export interface ReplyGate {
  /** Asked while the very bytes of the question are being parsed. */
  open(): boolean;
  /** Whatever the emulator emits until `resume` comes from output, not from a person. */
  suppress(): void;
}

export function guardReplies(parser: IParser, gate: ReplyGate): void {
  for (const id of CSI_QUESTIONS) parser.registerCsiHandler(id, () => !gate.open());
  parser.registerDcsHandler({ intermediates: "$", final: "q" }, () => !gate.open());
  parser.registerEscHandler({ final: "Z" }, () => !gate.open());
  for (const code of OSC_COLOURS) parser.registerOscHandler(code, (data) => data.includes("?") && !gate.open());
  parser.registerCsiHandler({ prefix: "?", final: "h" }, (params) => {
    // The mode itself has to be set; only the report that xterm sends along with it is held back.
    if (params.includes(FOCUS_REPORTING) && !gate.open()) gate.suppress();
    return false;
  });
}

/** [OSC 52] Reading the clipboard is never answered; writing becomes an offer a person may click. */
export function guardClipboard(terminal: Terminal, offer: (data: string) => void): void {
  terminal.parser.registerOscHandler(52, (data) => {
    offer(data);
    return true;
  });
}
