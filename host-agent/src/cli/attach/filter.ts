/**
 * Terminal output of a foreign program, made safe for the user's own terminal: it may draw, and nothing else.
 * No clipboard, no printing, no window games, no notifications, no files; titles are cleaned, links are http(s)
 * only, and a question to the terminal gets through only while this user writes (the answer becomes input).
 * A streaming machine over decoded text: sequences may be cut anywhere.
 */
import { csiVerdict } from "./filter-csi.ts";
import { dcsVerdict, escVerdict, oscVerdict } from "./filter-strings.ts";
import type { Verdict } from "./verdict.ts";

type State =
  | { type: "ground" }
  /** After ESC, with intermediates so far. */
  | { type: "escape"; intermediates: string }
  | { type: "csi"; body: string; overflow: boolean }
  /** OSC and DCS are judged whole; the others only skipped. */
  | { type: "string"; kind: "osc" | "dcs" | "skipped"; body: string; overflow: boolean; escaped: boolean };

/** Longest parameter part of a CSI sequence that a sane program writes. */
const MAX_CSI_CHARS = 256;
/** Longest OSC or DCS looked at: a long hyperlink fits, an image or a clipboard full does not. */
const MAX_STRING_CHARS = 4096;
/** Questions let through between two `refill`s: a flood would become a flood of input. */
const QUESTIONS_PER_REFILL = 32;

const PLAIN = /[^\u0000-\u001f\u007f-\u009f]+/y;
const ALLOWED_C0 = "\u0007\b\t\n\u000b\f\r\u000e\u000f";

export class OutputFilter {
  #decoder = new TextDecoder("utf-8");
  #state: State = { type: "ground" };
  #questions = QUESTIONS_PER_REFILL;
  /** Whether the terminal's answers would go to the program: true for the writer only. */
  answering = false;

  /** What may be written to the user's terminal. */
  write(bytes: Uint8Array): string {
    const text = this.#decoder.decode(bytes, { stream: true });
    let out = "";
    for (let at = 0; at < text.length;) {
      if (this.#state.type === "ground") {
        PLAIN.lastIndex = at;
        const run = PLAIN.exec(text);
        if (run !== null) {
          out += run[0];
          at += run[0].length;
          continue;
        }
      }
      out += this.#step(text.charCodeAt(at));
      at++;
    }
    return out;
  }

  /** A new screen follows: nothing half-read belongs to it. */
  reset(): void {
    this.#decoder = new TextDecoder("utf-8");
    this.#state = { type: "ground" };
  }

  /** Called about once a second. */
  refill(): void {
    this.#questions = QUESTIONS_PER_REFILL;
  }

  #step(unit: number): string {
    // A C1 control is its two-character form.
    if (unit >= 0x80 && unit <= 0x9f && this.#state.type !== "string") return this.#step(0x1b) + this.#step(unit - 0x40);
    const state = this.#state;
    switch (state.type) {
      case "ground":
        return this.#ground(unit);
      case "escape":
        return this.#escape(state, unit);
      case "csi":
        return this.#csi(state, unit);
      case "string":
        return this.#string(state, unit);
    }
  }

  #ground(unit: number): string {
    if (unit === 0x1b) this.#state = { type: "escape", intermediates: "" };
    const char = String.fromCharCode(unit);
    return unit >= 0x20 && unit !== 0x7f ? char : ALLOWED_C0.includes(char) ? char : "";
  }

  #escape(state: Extract<State, { type: "escape" }>, unit: number): string {
    const control = this.#control(unit);
    if (control !== undefined) return control;
    const char = String.fromCharCode(unit);
    if (unit >= 0x20 && unit <= 0x2f) {
      state.intermediates += char;
      if (state.intermediates.length > 4) this.#state = { type: "ground" };
      return "";
    }
    this.#state = { type: "ground" };
    if (state.intermediates === "") {
      if (char === "[") this.#state = { type: "csi", body: "", overflow: false };
      else if (char === "]") this.#state = openString("osc");
      else if (char === "P") this.#state = openString("dcs");
      // SOS, PM, APC (kitty's graphics and files) and screen's title.
      else if ("X^_k".includes(char)) this.#state = openString("skipped");
      if (this.#state.type !== "ground") return "";
    }
    return this.#judge(escVerdict(state.intermediates, char));
  }

  #csi(state: Extract<State, { type: "csi" }>, unit: number): string {
    const control = this.#control(unit);
    if (control !== undefined) return control;
    if (unit >= 0x40 && unit <= 0x7e) {
      this.#state = { type: "ground" };
      return state.overflow ? "" : this.#judge(csiVerdict(state.body, String.fromCharCode(unit)));
    }
    if (unit > 0x7e || state.body.length >= MAX_CSI_CHARS) state.overflow = true;
    else state.body += String.fromCharCode(unit);
    return "";
  }

  /** Controls inside a sequence: ESC starts anew, CAN and SUB give up, the others act as if they came before it. */
  #control(unit: number): string | undefined {
    if (unit >= 0x20 && unit !== 0x7f) return undefined;
    if (unit === 0x1b) this.#state = { type: "escape", intermediates: "" };
    if (unit === 0x18 || unit === 0x1a) this.#state = { type: "ground" };
    const char = String.fromCharCode(unit);
    return ALLOWED_C0.includes(char) ? char : "";
  }

  #string(state: Extract<State, { type: "string" }>, unit: number): string {
    if (unit === 0x9c || (state.escaped && unit === 0x5c) || (unit === 0x07 && state.kind !== "skipped" && state.kind !== "dcs")) {
      this.#state = { type: "ground" };
      if (state.overflow || state.kind === "skipped") return "";
      return this.#judge(state.kind === "osc" ? oscVerdict(state.body) : dcsVerdict(state.body));
    }
    if (state.escaped) {
      // ESC and something else: the string is broken off and a new sequence begun.
      this.#state = { type: "escape", intermediates: "" };
      return this.#step(unit);
    }
    if (unit === 0x1b) state.escaped = true;
    else if (unit === 0x18 || unit === 0x1a) this.#state = { type: "ground" };
    else if (state.body.length >= MAX_STRING_CHARS) state.overflow = true;
    else if (state.kind !== "skipped") state.body += String.fromCharCode(unit);
    return "";
  }

  #judge(verdict: Verdict): string {
    switch (verdict.type) {
      case "pass":
        return verdict.text;
      case "drop":
        return "";
      case "question":
        if (!this.answering || this.#questions === 0) return "";
        this.#questions--;
        return verdict.text;
    }
  }
}

const openString = (kind: "osc" | "dcs" | "skipped"): State => ({ type: "string", kind, body: "", overflow: false, escaped: false });
