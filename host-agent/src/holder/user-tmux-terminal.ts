/**
 * A session of the user's, seen through `tmux attach -E -f ignore-size` in a PTY of ours, and only while
 * somebody looks: the client takes no part in sizing, changes no option and leaves no trace.
 */
import { existsSync } from "node:fs";
import { MAX_COLS, MAX_ROWS } from "@maestro/shared/limits";
import type { Seed, Terminal, TerminalEvents } from "./backend.ts";
import type { UserTmuxParts } from "./user-tmux.ts";

/** How often the window's size is looked at while somebody watches, and whether its session is there. */
const LOOK_EVERY_MS = 1_000;
/** A client that was detached comes back after this time; each one that does not last doubles it. */
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 10_000;
/** A client that lasted this long begins anew with the first. */
const STEADY_MS = 10_000;

/** A session as tmux names it: ids are given again after the server's end, but hardly in the same second. */
export interface TmuxName {
  /** `$3`: exact as a target, and the same whatever the session is called. */
  id: string;
  /** Seconds, as tmux writes them. */
  created: string;
}

export interface WindowSize {
  cols: number;
  rows: number;
}

type Client =
  | { type: "none" }
  | { type: "attached"; terminal: Terminal; sinceMs: number }
  /** The last one ended by itself, or could not be made, while somebody watches. */
  | { type: "waiting" }
  /** There is nothing to attach to any more. */
  | { type: "gone" };

type Answer = { type: "told"; text: string } | { type: "gone"; end: "exited" | "server_lost" } | { type: "silent" };

export class UserTmuxTerminal implements Terminal {
  readonly pausable = true;
  readonly answersQueries = false;
  readonly leader = undefined;
  readonly #parts: UserTmuxParts;
  readonly #session: string;
  readonly #tmux: TmuxName;
  readonly #events: TerminalEvents;
  #size: WindowSize;
  #wanted = false;
  #paused = false;
  #busy = false;
  #client: Client = { type: "none" };
  #attempts = 0;
  #retryMs = FIRST_RETRY_MS;
  /** Of the next look, or of the next try. */
  #cancel: () => void = () => undefined;

  constructor(parts: UserTmuxParts, session: string, tmux: TmuxName, size: WindowSize, events: TerminalEvents) {
    this.#parts = parts;
    this.#session = session;
    this.#tmux = tmux;
    this.#size = size;
    this.#events = events;
  }

  get streaming(): boolean {
    return this.#client.type === "attached";
  }

  pause(): void {
    this.#paused = true;
    this.#terminal?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#terminal?.resume();
  }

  write(bytes: Uint8Array): boolean {
    return this.#terminal?.write(bytes) ?? false;
  }

  resize(): void {
    // [VW3] Its size is the user's.
  }

  watched(by: boolean): void {
    this.#wanted = by;
    void this.#settle();
  }

  async kill(force: boolean): Promise<void> {
    await this.#terminal?.kill(force);
  }

  async cwd(): Promise<string | undefined> {
    const answer = await this.#ask("#{pane_current_path}");
    return answer.type === "told" ? answer.text : undefined;
  }

  capture(take: (seed: Seed | undefined) => void): void {
    void this.#capture().then(take, () => take(undefined));
  }

  release(): void {
    this.#wanted = false;
    void this.#settle();
  }

  get #terminal(): Terminal | undefined {
    return this.#client.type === "attached" ? this.#client.terminal : undefined;
  }

  /** Brings the client to what is wanted, one step at a time. */
  async #settle(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (let step = this.#nextStep(); step !== undefined; step = this.#nextStep()) await step();
    } finally {
      this.#busy = false;
    }
  }

  #nextStep(): (() => Promise<void>) | undefined {
    switch (this.#client.type) {
      case "none":
        return this.#wanted ? () => this.#attach() : undefined;
      case "attached":
      case "waiting":
        return this.#wanted ? undefined : () => this.#detach();
      case "gone":
        return undefined;
    }
  }

  async #attach(): Promise<void> {
    // Of an id that was given again, the new session must not get what is typed for the old one.
    if ((await this.#look()) === "gone" || !this.#wanted) return;
    const { pty, env, clock, attachArgv } = this.#parts;
    const plan = {
      id: this.#session,
      name: this.#session,
      argv: attachArgv(this.#tmux.id),
      cwd: "/",
      env,
      ...this.#size,
      createdMs: clock.now(),
      agent: undefined,
    };
    const attempt = ++this.#attempts;
    let over = false;
    const started = await pty.start(plan, {
      output: (bytes) => {
        if (this.#client.type !== "gone") this.#events.output(bytes);
      },
      restarted: () => undefined,
      resized: (cols, rows) => this.#events.resized(cols, rows),
      ended: () => {
        over = true;
        if (this.#client.type === "attached" && attempt === this.#attempts) this.#lost(this.#client.sinceMs);
      },
    });
    if (!started.ok || over) return this.#tryAgain();
    const terminal = started.value;
    this.#client = { type: "attached", terminal, sinceMs: clock.monotonicMs() };
    // What is held is held, whoever shows it.
    if (this.#paused) terminal.pause();
    this.#keepLooking();
  }

  async #detach(): Promise<void> {
    const terminal = this.#terminal;
    this.#cancel();
    this.#client = { type: "none" };
    await terminal?.kill(false);
  }

  /** Detached by a key or from elsewhere, or its session ended: the next try finds out. */
  #lost(sinceMs: number): void {
    if (this.#parts.clock.monotonicMs() - sinceMs >= STEADY_MS) this.#retryMs = FIRST_RETRY_MS;
    this.#tryAgain();
  }

  #tryAgain(): void {
    this.#cancel();
    this.#client = { type: "waiting" };
    this.#cancel = this.#parts.clock.after(this.#retryMs, () => {
      this.#client = { type: "none" };
      void this.#settle();
    });
    this.#retryMs = Math.min(MAX_RETRY_MS, this.#retryMs * 2);
    void this.#settle();
  }

  #keepLooking(): void {
    this.#cancel = this.#parts.clock.after(LOOK_EVERY_MS, () => {
      const client = this.#client;
      void this.#look().finally(() => {
        if (this.#client === client && client.type === "attached") this.#keepLooking();
      });
    });
  }

  /** The window's size, and whether there is a session to have one. */
  async #look(): Promise<"there" | "gone"> {
    const answer = await this.#ask("#{window_width} #{window_height} #{status}");
    if (answer.type === "gone") {
      this.#leave(answer.end);
      return "gone";
    }
    const size = answer.type === "told" ? windowSize(answer.text.split(" ")) : undefined;
    if (size === undefined || (size.cols === this.#size.cols && size.rows === this.#size.rows)) return "there";
    this.#size = size;
    if (this.#terminal !== undefined) this.#terminal.resize(size.cols, size.rows);
    else this.#events.resized(size.cols, size.rows);
    return "there";
  }

  /** With `detach-on-destroy off` the client lives on, in a session that nobody here asked for. */
  #leave(reason: "exited" | "server_lost"): void {
    if (this.#client.type === "gone" || !this.#wanted) return;
    const terminal = this.#terminal;
    this.#cancel();
    this.#client = { type: "gone" };
    void terminal?.kill(false);
    this.#events.ended({ reason });
  }

  async #capture(): Promise<Seed | undefined> {
    if ((await this.#look()) === "gone") return undefined;
    const shown = await this.#parts.server.query(["capture-pane", "-epJ", "-t", this.#target]);
    if (shown === undefined) return undefined;
    const lines = shown.replace(/\n+$/, "").split("\n");
    return { bytes: Buffer.from(`${lines.join("\x1b[0m\r\n")}\x1b[0m`), ...this.#size };
  }

  /** tmux answers for a target that is not there as well, with nothing. */
  async #ask(format: string): Promise<Answer> {
    const { server, socket } = this.#parts;
    const said = await server.query(["display-message", "-p", "-t", this.#target, `#{session_created} ${format}`]);
    if (said === undefined) return existsSync(socket) ? { type: "silent" } : { type: "gone", end: "server_lost" };
    const [created, ...words] = said.trim().split(" ");
    return created === this.#tmux.created ? { type: "told", text: words.join(" ") } : { type: "gone", end: "exited" };
  }

  /** Its current window and pane. */
  get #target(): string {
    return `${this.#tmux.id}:`;
  }
}

/** Of a client that shows the whole window: the user's status lines are below it. */
export function windowSize([width, height, status]: readonly string[]): WindowSize | undefined {
  const cols = Number(width);
  const rows = Number(height) + statusLines(status);
  return cols >= 1 && rows >= 1 && cols <= MAX_COLS && rows <= MAX_ROWS ? { cols, rows } : undefined;
}

function statusLines(status: string | undefined): number {
  if (status === "off") return 0;
  return status === "on" || status === undefined ? 1 : Number(status) || 1;
}
