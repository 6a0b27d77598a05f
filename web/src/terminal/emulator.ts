/**
 * xterm.js as this console uses it: one ordered queue of writes, screens and sizes, every reply and every
 * request of the program behind a gate, nothing that opens, navigates or copies by itself.
 */
import { FitAddon } from "@xterm/addon-fit";
import { WebLinksAddon } from "@xterm/addon-web-links";
import { Terminal } from "@xterm/xterm";
import { MAX_COLS, MAX_ROWS } from "@maestro/shared/limits";
import type { Cursor } from "@maestro/shared/protocol/cursor";
import { boundRepeats } from "@maestro/shared/repeat-counts";
import { boundJoinedMarks } from "./bounded-marks.ts";
import { DARK, LIGHT } from "./palette.ts";
import { ReplyBudget } from "./reply-budget.ts";
import { guardClipboard, guardReplies } from "./replies.ts";

export interface EmulatorOwner {
  /** Typed, pasted or clicked by a person, or a permitted reply. */
  input(bytes: Uint8Array): void;
  /** Everything before `end` was parsed. */
  written(end: Cursor): void;
  /** Somebody scrolled up at the very top of what is here. */
  reachedTop(): void;
  linkClicked(uri: string): void;
  clipboardAsked(data: string): void;
  /** The screen has another size now. */
  resized(): void;
  /** A key was pressed while input is switched off. */
  keyWhileWatching(): void;
}

type Operation =
  | { type: "write"; bytes: Uint8Array; end: Cursor; live: boolean }
  | { type: "screen"; bytes: Uint8Array; end: Cursor; cols: number; rows: number; lines: number }
  | { type: "resize"; cols: number; rows: number };

export interface Size {
  cols: number;
  rows: number;
}

const FONT = 'ui-monospace, SFMono-Regular, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace';
const SCROLLBACK_LINES = 10_000;
/** Below it nobody reads; the watcher pans instead. */
const MIN_FONT_PX = 9;
/** CAN ends whatever sequence was open, RIS empties everything, 2026 shows nothing before all is there. */
const BEGIN_SCREEN = new TextEncoder().encode("\u0018\u001bc\u001b[?2026h");
const END_SCREEN = new TextEncoder().encode("\u001b[?2026l");
/** Between two slices the page may paint and take input. */
const SCREEN_SLICE_BYTES = 256 * 1024;

export class Emulator {
  readonly terminal: Terminal;
  readonly #owner: EmulatorOwner;
  readonly #host: HTMLElement;
  readonly #fit = new FitAddon();
  readonly #abort = new AbortController();
  #queue: Operation[] = [];
  /** Writes xterm has not parsed yet, oldest first: the first one is being parsed. */
  #parsing: { live: boolean }[] = [];
  #suppressed = false;
  readonly #replies = new ReplyBudget();
  readonly #baseFontPx: number;
  #translate: ((data: string) => string) | undefined;

  constructor(host: HTMLElement, fontPx: number, owner: EmulatorOwner) {
    this.#owner = owner;
    this.#host = host;
    this.#baseFontPx = fontPx;
    const scheme = window.matchMedia("(prefers-color-scheme: dark)");
    this.terminal = new Terminal({
      fontFamily: FONT,
      fontSize: fontPx,
      lineHeight: 1.2,
      scrollback: SCROLLBACK_LINES,
      cursorBlink: false,
      disableStdin: true,
      macOptionIsMeta: true,
      windowOptions: {},
      ...colours(scheme.matches),
      linkHandler: { activate: (_event, uri) => owner.linkClicked(uri), allowNonHttpProtocols: true },
    });
    scheme.addEventListener("change", () => Object.assign(this.terminal.options, colours(scheme.matches)), { signal: this.#abort.signal });
    this.terminal.loadAddon(this.#fit);
    this.terminal.loadAddon(new WebLinksAddon((_event, uri) => owner.linkClicked(uri)));
    boundRepeats(this.terminal);
    boundJoinedMarks(this.terminal);
    guardReplies(this.terminal.parser, { open: () => this.#mayReply(), suppress: () => this.#suppress() });
    guardClipboard(this.terminal, (data) => this.#parsing[0]?.live === true && owner.clipboardAsked(data));
    this.terminal.open(host);
    this.terminal.textarea?.setAttribute("aria-description", "Shift+Escape leaves the terminal.");
    this.terminal.onData((data) => this.#input(new TextEncoder().encode(this.#translate === undefined ? data : this.#translate(data))));
    this.terminal.onBinary((data) => this.#input(Uint8Array.from(data, (char) => char.charCodeAt(0))));
    this.terminal.attachCustomKeyEventHandler((event) => this.#key(event));
    host.addEventListener("wheel", (event) => event.deltaY < 0 && this.#atTop() && owner.reachedTop(), {
      passive: true,
      signal: this.#abort.signal,
    });
    host.addEventListener("touchmove", () => this.#atTop() && owner.reachedTop(), { passive: true, signal: this.#abort.signal });
  }

  write(operation: Operation): void {
    this.#queue.push(operation);
    this.#pump();
  }

  /** Only the writer's keys, clicks and replies leave the page. */
  set writable(on: boolean) {
    this.terminal.options.disableStdin = !on;
    this.terminal.options.cursorBlink = on;
  }

  /** The size this window has room for at the normal font size. */
  roomFor(): Size | undefined {
    this.#setFont(this.#baseFontPx);
    const proposed = this.#fit.proposeDimensions();
    if (proposed === undefined || !Number.isFinite(proposed.cols) || !Number.isFinite(proposed.rows)) return undefined;
    return { cols: Math.min(MAX_COLS, Math.max(2, proposed.cols)), rows: Math.min(MAX_ROWS, Math.max(2, proposed.rows)) };
  }

  /** [VW3] A watcher sees the writer's size: the letters get smaller until it fits, never larger than normal. */
  scaleTo(): void {
    this.#setFont(this.#baseFontPx);
    const screen = this.#host.querySelector<HTMLElement>(".xterm-screen");
    if (screen === null || screen.offsetWidth === 0 || screen.offsetHeight === 0) return;
    const ratio = Math.min(1, this.#host.clientWidth / (screen.offsetWidth + 14), this.#host.clientHeight / (screen.offsetHeight + 2));
    this.#setFont(Math.max(MIN_FONT_PX, Math.floor(this.#baseFontPx * ratio * 4) / 4));
  }

  /** The sticky Ctrl of the phone's key row: what is typed next is sent as `translate` makes it. Returns its undoing. */
  nextTyped(translate: (data: string) => string): () => void {
    this.#translate = translate;
    return () => {
      if (this.#translate === translate) this.#translate = undefined;
    };
  }

  focus(): void {
    this.terminal.focus();
  }

  dispose(): void {
    this.#abort.abort();
    this.#queue = [];
    this.terminal.dispose();
  }

  #setFont(px: number): void {
    if (this.terminal.options.fontSize !== px) this.terminal.options.fontSize = px;
  }

  /** Writes go to xterm at once; a size or a whole screen waits until everything before it was parsed. */
  #pump(): void {
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      if (next.type !== "write" && this.#parsing.length > 0) return;
      this.#queue.shift();
      switch (next.type) {
        case "write": {
          const { end } = next;
          this.#parse(next.bytes, next.live, () => this.#owner.written(end));
          break;
        }
        case "resize":
          this.#resize(next);
          break;
        case "screen":
          this.#screen(next);
          break;
      }
    }
  }

  #parse(bytes: Uint8Array, live: boolean, done: () => void): void {
    this.#parsing.push({ live });
    this.terminal.write(bytes, () => {
      this.#parsing.shift();
      done();
      this.#pump();
    });
  }

  #resize({ cols, rows }: Size): void {
    if (this.terminal.cols === cols && this.terminal.rows === rows) return;
    this.terminal.resize(cols, rows);
    this.#owner.resized();
  }

  #screen(screen: Extract<Operation, { type: "screen" }>): void {
    const buffer = this.terminal.buffer.active;
    const fromBottom = buffer.baseY - buffer.viewportY;
    const before = { cols: this.terminal.cols, rows: this.terminal.rows };
    this.terminal.options.scrollback = Math.max(SCROLLBACK_LINES, screen.lines);
    this.#parse(BEGIN_SCREEN, false, () => this.#resize(screen));
    for (let at = 0; at < screen.bytes.byteLength; at += SCREEN_SLICE_BYTES)
      this.#parse(screen.bytes.subarray(at, at + SCREEN_SLICE_BYTES), false, () => undefined);
    this.#parse(END_SCREEN, false, () => {
      // With history the same line stays under the eye; without, the end is what matters.
      if (screen.lines > 0 && fromBottom > 0) this.terminal.scrollToLine(Math.max(0, this.terminal.buffer.active.baseY - fromBottom));
      if (screen.lines > 0) this.#queue.unshift({ type: "resize", ...before });
      this.#owner.written(screen.end);
    });
  }

  #mayReply(): boolean {
    return this.#parsing[0]?.live === true && this.terminal.options.disableStdin !== true && this.#replies.take(performance.now());
  }

  #suppress(): void {
    this.#suppressed = true;
    // xterm parses without a pause inside one task, so no person can be typing before this runs.
    queueMicrotask(() => (this.#suppressed = false));
  }

  #input(bytes: Uint8Array): void {
    if (!this.#suppressed) this.#owner.input(bytes);
  }

  #atTop(): boolean {
    const { active } = this.terminal.buffer;
    return active.type === "normal" && active.viewportY === 0;
  }

  #key(event: KeyboardEvent): boolean {
    if (event.type !== "keydown") return true;
    if (event.ctrlKey && event.shiftKey && event.code === "KeyC") {
      const selected = this.terminal.getSelection();
      if (selected !== "") void navigator.clipboard?.writeText(selected).catch(() => undefined); // refused by the browser: nothing to add
      event.preventDefault();
      return false;
    }
    if (event.ctrlKey && event.shiftKey && event.code === "KeyV") return false; // the browser pastes, and paste has its own rule
    if (event.shiftKey && event.key === "Escape") {
      // Programs take Tab: who has no mouse needs another way out.
      this.terminal.blur();
      event.preventDefault();
      return false;
    }
    if (event.shiftKey && event.key === "PageUp" && this.#atTop()) this.#owner.reachedTop();
    const modifierOnly = ["Shift", "Control", "Alt", "Meta"].includes(event.key);
    if (this.terminal.options.disableStdin === true && !modifierOnly && !event.ctrlKey && !event.metaKey) this.#owner.keyWhileWatching();
    return true;
  }
}

/** Programs choose colours for dark screens; on a light one what could not be read is darkened. */
const colours = (dark: boolean) => (dark ? { theme: DARK, minimumContrastRatio: 1 } : { theme: LIGHT, minimumContrastRatio: 4.5 });
