/**
 * A session of the user's, seen through `tmux attach -f ignore-size` in a PTY of ours, and only while
 * somebody looks: the client takes no part in sizing, changes no option and leaves no trace.
 */
import { MAX_COLS, MAX_ROWS } from "@maestro/shared/limits";
import type { Seed, Terminal, TerminalEvents } from "./backend.ts";
import type { UserTmuxParts } from "./user-tmux.ts";

/** How often the window's size is looked at while somebody watches. */
const SIZE_EVERY_MS = 1_000;

export class UserTmuxTerminal implements Terminal {
  readonly pausable = true;
  readonly answersQueries = false;
  readonly leader = undefined;
  readonly #parts: UserTmuxParts;
  readonly #id: string;
  readonly #name: string;
  readonly #events: TerminalEvents;
  #size: { cols: number; rows: number };
  #wanted = false;
  #busy = false;
  #client: Terminal | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: UserTmuxParts, id: string, name: string, size: { cols: number; rows: number }, events: TerminalEvents) {
    this.#parts = parts;
    this.#id = id;
    this.#name = name;
    this.#size = size;
    this.#events = events;
  }

  get streaming(): boolean {
    return this.#client !== undefined;
  }

  pause(): void {
    this.#client?.pause();
  }

  resume(): void {
    this.#client?.resume();
  }

  write(bytes: Uint8Array): boolean {
    return this.#client?.write(bytes) ?? false;
  }

  resize(): void {
    // [VW3] Its size is the user's.
  }

  watched(by: boolean): void {
    this.#wanted = by;
    void this.#settle();
  }

  async kill(): Promise<void> {
    await this.#client?.kill();
  }

  async cwd(): Promise<string | undefined> {
    return (await this.#display("#{pane_current_path}"))?.trim();
  }

  capture(take: (seed: Seed | undefined) => void): void {
    void this.#capture().then(take, () => take(undefined));
  }

  release(): void {
    this.#wanted = false;
    void this.#settle();
  }

  /** Brings the client to what is wanted, one step at a time. */
  async #settle(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      while (this.#wanted !== (this.#client !== undefined)) {
        if (this.#wanted) {
          if (!(await this.#attach())) return;
        } else {
          const client = this.#client;
          this.#client = undefined;
          clearInterval(this.#timer);
          await client?.kill();
        }
      }
    } finally {
      this.#busy = false;
    }
  }

  async #attach(): Promise<boolean> {
    await this.#followSize();
    const now = this.#parts.nowMs();
    const plan = {
      id: this.#id,
      name: this.#name,
      argv: this.#parts.attachArgv(this.#name),
      cwd: "/",
      env: this.#parts.env,
      ...this.#size,
      createdMs: now,
      agent: undefined,
    };
    let gone = false;
    const started = await this.#parts.pty.start(plan, {
      output: (bytes) => this.#events.output(bytes),
      restarted: () => undefined,
      resized: (cols, rows) => this.#events.resized(cols, rows),
      ended: () => {
        gone = true;
        this.#client = undefined;
        clearInterval(this.#timer);
      },
    });
    if (!started.ok || gone) {
      this.#wanted = false;
      return false;
    }
    this.#client = started.value;
    this.#timer = setInterval(() => void this.#followSize(), SIZE_EVERY_MS);
    return true;
  }

  async #followSize(): Promise<void> {
    const [width, height, status] = ((await this.#display("#{window_width} #{window_height} #{status}")) ?? "").trim().split(" ");
    const cols = Number(width);
    // The client shows the user's status lines below the window.
    const rows = Number(height) + statusLines(status);
    if (!(cols >= 1 && rows >= 1 && cols <= MAX_COLS && rows <= MAX_ROWS)) return;
    const changed = cols !== this.#size.cols || rows !== this.#size.rows;
    this.#size = { cols, rows };
    if (changed && this.#client !== undefined) this.#client.resize(cols, rows);
    else if (changed) this.#events.resized(cols, rows);
  }

  async #capture(): Promise<Seed | undefined> {
    await this.#followSize();
    const shown = await this.#parts.server.query(["capture-pane", "-epJ", "-t", this.#target]);
    if (shown === undefined) return undefined;
    const lines = shown.replace(/\n+$/, "").split("\n");
    return { bytes: Buffer.from(`${lines.join("\x1b[0m\r\n")}\x1b[0m`), ...this.#size };
  }

  #display(format: string): Promise<string | undefined> {
    return this.#parts.server.query(["display-message", "-p", "-t", this.#target, format]);
  }

  /** Exact name, its current window and pane. */
  get #target(): string {
    return `=${this.#name}:`;
  }
}

function statusLines(status: string | undefined): number {
  if (status === "off") return 0;
  return status === "on" || status === undefined ? 1 : Number(status) || 1;
}
