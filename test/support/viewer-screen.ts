/** What a viewer would show: a headless terminal, where a test wants one. */
import headless, { type Terminal } from "@xterm/headless";

export interface ViewerScreenOptions {
  cols?: number;
  rows?: number;
  /** Also run a headless terminal, for `screenShows`; costs CPU, so off where bytes are counted. */
  screen?: boolean;
}

export class ViewerScreen {
  readonly terminal: Terminal | undefined;
  readonly #changed: () => void;

  constructor({ cols = 80, rows = 24, screen = false }: ViewerScreenOptions, changed: () => void) {
    this.terminal = screen ? new headless.Terminal({ cols, rows, allowProposedApi: true, scrollback: 10_000 }) : undefined;
    this.#changed = changed;
  }

  /** A whole screen follows. */
  begin(cols: number, rows: number): void {
    this.terminal?.reset();
    this.resize(cols, rows);
  }

  resize(cols: number, rows: number): void {
    this.terminal?.resize(cols, rows);
  }

  write(bytes: Uint8Array): void {
    this.terminal?.write(bytes, this.#changed);
  }

  /** Trailing blanks removed. */
  text(): string {
    const { terminal } = this;
    if (terminal === undefined) throw new Error("this viewer was opened without `screen: true`");
    const buffer = terminal.buffer.active;
    const lines = Array.from({ length: terminal.rows }, (_, row) => buffer.getLine(buffer.viewportY + row)?.translateToString(true) ?? "");
    return lines.join("\n").trimEnd();
  }
}
