/** One tmux session of ours and the control client that is attached to it. */
import { constants } from "node:os";
import type { Seed, Terminal, TerminalEnd, TerminalEvents } from "./backend.ts";
import { foregroundCwd, terminateAll } from "./processes.ts";
import { EndMarkScanner } from "./tmux-end-mark.ts";
import { TmuxControl, type CommandAnswer } from "./tmux-control.ts";
import { commandLine } from "./tmux-escape.ts";
import { MODES_FORMAT, seedOf } from "./tmux-seed.ts";
import type { TmuxReaper } from "./tmux-reaper.ts";
import { DEAD_WINDOW, type TmuxServer } from "./tmux-server.ts";

const KiB = 1024;
/** Bytes of input per command; each takes three characters. */
const KEYS_PER_COMMAND = 1 * KiB;
/** Commands waiting for tmux, in bytes: about 2 MiB of input. */
const MAX_BACKLOG_BYTES = 6 * KiB * KiB;
const STATUS_FORMAT = "#{pane_dead}|#{pane_dead_status}|#{pane_dead_signal}|#{window_name}";
/** How long bytes that may begin an end mark are held back. */
const RELEASE_MS = 30;
/** Reattaching to a session that is there but whose client was dropped. */
const REATTACH_TRIES = 3;

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

export class TmuxTerminal implements Terminal {
  readonly pausable = false;
  readonly answersQueries = true;
  readonly leader = undefined;
  readonly streaming = true;
  readonly #server: TmuxServer;
  readonly #reaper: TmuxReaper;
  readonly #id: string;
  readonly #events: TerminalEvents;
  readonly #whenEnded = Promise.withResolvers<void>();
  readonly #mark: EndMarkScanner;
  #release: NodeJS.Timeout | undefined;
  #control: TmuxControl | undefined;
  #serverPid = 0;
  #state: "opening" | "running" | "released" | "ended" = "opening";
  #attached: ((ok: boolean) => void) | undefined;
  #said = "";
  #size: { cols: number; rows: number } | undefined;

  constructor(server: TmuxServer, reaper: TmuxReaper, id: string, nonce: string, events: TerminalEvents) {
    this.#server = server;
    this.#reaper = reaper;
    this.#id = id;
    this.#mark = new EndMarkScanner(nonce);
    this.#events = events;
  }

  /** What tmux complained of last. */
  get said(): string {
    return this.#said;
  }

  /** True once the client shows the session. */
  attach(command: readonly string[]): Promise<boolean> {
    return new Promise((resolve) => {
      this.#attached = resolve;
      this.#control = new TmuxControl(this.#server.control(command), {
        output: (bytes) => this.#output(bytes),
        notification: (name, rest) => this.#notified(name, rest),
        closed: (said) => this.#closed(said),
      });
    });
  }

  /** From here on the end of the client is news. */
  async begin(): Promise<void> {
    if (this.#state !== "opening") return;
    this.#state = "running";
    const answer = await this.#ask(["display-message", "-p", "#{pid}"]);
    if (!answer.ok) return void this.#reattach();
    const pid = Number(text(answer));
    if (this.#state !== "running" || !(pid > 1)) return;
    this.#serverPid = pid;
    this.#reaper.watch(pid);
    // Its program may have ended while nobody listened.
    void this.#askStatus();
  }

  async command(words: readonly string[]): Promise<boolean> {
    const answer = await this.#ask(words);
    if (!answer.ok) this.#said = Buffer.concat(answer.lines).toString("utf8");
    return answer.ok;
  }

  /** Takes the screen from tmux; numbering begins anew. */
  restart(): Promise<void> {
    return new Promise((resolve) => {
      this.capture((seed) => {
        if (seed !== undefined) this.#events.restarted(seed);
        resolve();
      });
    });
  }

  /** A session that never came to be. */
  async discard(): Promise<void> {
    this.#leave("released");
    await this.#ask(["kill-session"]);
    this.#control?.detach();
  }

  pause(): void {
    // [CH5] Never: an unread client makes the server grow, and one that is paused can lose its pane.
  }

  resume(): void {
    // See pause.
  }

  write(bytes: Uint8Array): boolean {
    const control = this.#control;
    if (this.#state !== "running" || control === undefined || control.backlog + bytes.byteLength * 3 > MAX_BACKLOG_BYTES) return false;
    for (let at = 0; at < bytes.byteLength; at += KEYS_PER_COMMAND) {
      let keys = "";
      for (const byte of bytes.subarray(at, at + KEYS_PER_COMMAND)) keys += ` ${HEX[byte] ?? ""}`;
      control.send(`send-keys -H${keys}`, () => undefined);
    }
    return true;
  }

  resize(cols: number, rows: number): void {
    if (this.#state !== "running") return;
    this.#size = { cols, rows };
    this.#control?.send(commandLine(["resize-window", "-x", String(cols), "-y", String(rows)]), (answer) => {
      if (answer.ok && this.#size?.cols === cols && this.#size.rows === rows) this.#events.resized(cols, rows);
    });
  }

  watched(): void {
    // Streams always.
  }

  async kill(force: boolean): Promise<void> {
    if (this.#state === "ended") return;
    const pid = Number(text(await this.#ask(["display-message", "-p", "#{pane_pid}"])));
    if (pid > 1) await terminateAll(pid, { force });
    // The pane's death is told by its hook; a pane without a process left can be taken away at once.
    await this.#askStatus();
    if (!this.#hasEnded()) {
      await this.#ask(["kill-session"]);
      this.#end({ reason: "killed" });
    }
    await this.#whenEnded.promise;
  }

  async cwd(): Promise<string | undefined> {
    // Asked now and then anyway: a chance to notice an end that no hook told (tmux before 3.2).
    void this.#askStatus();
    const [pid, path] = text(await this.#ask(["display-message", "-p", "#{pane_pid} #{pane_current_path}"])).split(/ (.*)/);
    // The pane's own process is our shell, which never moves.
    return (await foregroundCwd(Number(pid), { behind: true })) ?? (path === "" ? undefined : path);
  }

  capture(take: (seed: Seed | undefined) => void): void {
    const control = this.#control;
    if (control === undefined || this.#state === "ended") return take(undefined);
    const commands = [
      ["display-message", "-p", MODES_FORMAT],
      ["capture-pane", "-epJ", "-S", "-", "-E", "-1"],
      ["capture-pane", "-epJ"],
      ["capture-pane", "-aepJq"],
    ];
    const answers: CommandAnswer[] = [];
    control.sendAll(commands.map(commandLine), (answer) => {
      answers.push(answer);
      if (answers.length < commands.length) return;
      const [modes, history, visible, behind] = answers;
      if (modes?.ok !== true || visible?.ok !== true) return take(undefined);
      take(
        seedOf({
          modes: text(modes),
          history: history?.ok === true ? history.lines : [],
          visible: visible.lines,
          behind: behind?.ok === true ? behind.lines : [],
        }),
      );
    });
  }

  release(): void {
    if (this.#state === "ended") return;
    this.#leave("released");
    this.#control?.detach();
  }

  #leave(state: "released" | "ended"): void {
    this.#state = state;
    clearTimeout(this.#release);
    if (this.#serverPid > 1) this.#reaper.unwatch(this.#serverPid);
    this.#serverPid = 0;
  }

  #hasEnded(): boolean {
    return this.#state === "ended";
  }

  #ask(words: readonly string[]): Promise<CommandAnswer> {
    return this.#control?.ask(commandLine(words)) ?? Promise.resolve({ ok: false, lines: [] });
  }

  #output(chunk: Buffer): void {
    clearTimeout(this.#release);
    const { bytes, code } = this.#mark.push(chunk);
    if (this.#state === "ended" || this.#state === "released") return;
    if (bytes.byteLength > 0) this.#events.output(bytes);
    if (code !== undefined) this.#finish(endOf(code));
    // A mark comes in one piece, or its rest at once.
    else if (this.#mark.holding) this.#release = setTimeout(() => this.#events.output(this.#mark.release()), RELEASE_MS);
  }

  /** The session stays until its end was told; then nothing of it is needed in tmux. */
  #finish(end: TerminalEnd): void {
    if (this.#state === "opening") this.#state = "running";
    this.#end(end);
    this.#control?.send("kill-session", () => this.#control?.detach());
  }

  #notified(name: string, rest: string): void {
    if (name === "session-changed") {
      this.#attached?.(true);
      this.#attached = undefined;
    }
    if (name === "window-renamed" && rest.endsWith(` ${DEAD_WINDOW}`)) void this.#askStatus();
  }

  async #askStatus(): Promise<void> {
    const [dead, status = "", signal = "", window] = text(await this.#ask(["display-message", "-p", STATUS_FORMAT])).split("|");
    // Its terminal closes a moment before its status is known; then the hook comes.
    const known = status !== "" || signal !== "" || window === DEAD_WINDOW;
    if (dead !== "1" || !known || this.#state !== "running") return;
    this.#finish(signal === "" ? endOf(Number(status) || 0) : { reason: "exited", signal: signalName(signal) });
  }

  #closed(said: string): void {
    this.#said = said.trim() === "" ? this.#said : said;
    this.#attached?.(false);
    this.#attached = undefined;
    if (this.#state === "running") void this.#reattach();
  }

  /** The client went while the session should be there: dropped for being slow, killed by somebody, or the server died. */
  async #reattach(): Promise<void> {
    for (let tries = 0; tries < REATTACH_TRIES && this.#state === "running"; tries++) {
      if ((await this.#server.query(["has-session", "-t", `=${this.#id}`])) === undefined) break;
      if (await this.attach(["attach-session", "-t", `=${this.#id}`])) {
        await this.restart();
        return this.#askStatus();
      }
    }
    const serverLives = (await this.#server.query(["list-sessions"])) !== undefined;
    this.#end({ reason: serverLives ? "killed" : "server_lost" });
  }

  #end(end: TerminalEnd): void {
    if (this.#state !== "running") return;
    this.#leave("ended");
    this.#events.ended(end);
    this.#whenEnded.resolve();
  }
}

const text = (answer: CommandAnswer): string => (answer.ok ? Buffer.concat(answer.lines).toString("utf8") : "");

/** As a shell tells it: above 128 is a signal, where there is one of that number. */
function endOf(code: number): TerminalEnd {
  const signal = code > 128 ? signalName(String(code - 128)) : "";
  return signal.startsWith("SIG") ? { reason: "exited", signal } : { reason: "exited", code };
}

/** tmux tells numbers; newer ones may tell names. */
function signalName(told: string): string {
  const number = Number(told);
  if (!Number.isInteger(number)) return told.startsWith("SIG") ? told : `SIG${told}`;
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? told;
}
