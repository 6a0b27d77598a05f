/** One session in the holder: its ring, its screen, who looks at it, and whether its program may run on. */
import type { Result } from "@maestro/shared/result";
import { err, ok } from "@maestro/shared/result";
import { maestroError } from "@maestro/shared/errors";
import type { Backend, SessionEnd } from "@maestro/shared/protocol/session";
import type { ProcessName, Seed, Terminal, TerminalEnd, TerminalEvents } from "./backend.ts";
import type { Clock } from "./clock.ts";
import { decideFlow, type WatcherFlow } from "./flow.ts";
import { ReplyFilter } from "./reply-filter.ts";
import type { RightOfWay } from "./right-of-way.ts";
import { Ring } from "./ring.ts";
import { ScreenFeed } from "./screen-feed.ts";
import type { ScreenHost } from "./screen-host.ts";
import type { ScreenState } from "./screen-terminal.ts";
import type { HeldInfo } from "./types.ts";

/** How long an ended session can still be replayed; then only its last screen is kept. */
const ENDED_RING_MS = 10 * 60_000;
/** How fine `lastActivityMs` is told: each step of a program that nobody watches wakes its relay. */
const ACTIVITY_STEP_MS = 60_000;
const CWD_FRESH_MS = 2_000;
export const EPOCHS = 0x1_0000;

/** A connection's subscription, as its session sees it. */
export interface Watcher extends WatcherFlow {
  /** The next byte it will be sent. */
  readonly sent: number;
  /** There may be something to send. */
  wake(): void;
  restarted(epoch: number, offset: number): void;
  /** The session left the list: nothing more comes of it. */
  left(): void;
}

export interface SessionFacts {
  id: string;
  name: string;
  backend: Backend;
  command: string;
  agent: string | undefined;
  /** Of the remote host that its program leads to. */
  host?: string | undefined;
  cwd: string;
  title: string;
  cols: number;
  rows: number;
  createdMs: number;
  lastActivityMs: number;
  epoch: number;
}

export interface SessionDeps {
  clock: Clock;
  screens: ScreenHost;
  ringBytes: number;
  rightOfWay: RightOfWay;
  changed(session: HeldSession): void;
}

type Life =
  | { type: "starting" }
  | { type: "running"; terminal: Terminal }
  | { type: "ended"; end: SessionEnd }
  /** Only the last screen is left. */
  | { type: "archived"; end: SessionEnd; ansi: ScreenState | undefined; text: ScreenState | undefined };

export class HeldSession {
  readonly #facts: SessionFacts;
  readonly #deps: SessionDeps;
  readonly #watchers = new Set<Watcher>();
  #feed: ScreenFeed | undefined;
  #ring: Ring;
  #life: Life = { type: "starting" };
  #endedMs = Number.NEGATIVE_INFINITY;
  #killing = false;
  #paused = false;
  #yieldUntilMs = 0;
  #cancelFlow: (() => void) | undefined;
  #cancelArchive: (() => void) | undefined;
  #cwdAtMs = Number.NEGATIVE_INFINITY;
  readonly #replies: ReplyFilter;

  constructor(facts: SessionFacts, deps: SessionDeps) {
    this.#facts = facts;
    this.#deps = deps;
    this.#ring = new Ring(deps.ringBytes);
    this.#replies = new ReplyFilter(() => deps.clock.monotonicMs());
    this.#feed = new ScreenFeed(deps.screens, this.#ring, facts, deps.clock, {
      progress: () => this.updateFlow(),
      title: (title) => this.#retitle(title),
      reply: (text) => this.#replies.expect(text),
      lapped: () => this.#reseed(),
    });
  }

  get id(): string {
    return this.#facts.id;
  }

  get facts(): Readonly<SessionFacts> {
    return this.#facts;
  }

  get ring(): Ring {
    return this.#ring;
  }

  get epoch(): number {
    return this.#facts.epoch;
  }

  get end(): SessionEnd | undefined {
    return this.#life.type === "ended" || this.#life.type === "archived" ? this.#life.end : undefined;
  }

  /** Of the monotonic clock; before all time while it runs, and when an earlier holder saw it. */
  get endedMs(): number {
    return this.#endedMs;
  }

  get leader(): ProcessName | undefined {
    return this.#life.type === "running" ? this.#life.terminal.leader : undefined;
  }

  get watched(): boolean {
    return this.#watchers.size > 0;
  }

  /** What the backend calls; it may begin before `began`. */
  readonly events: TerminalEvents = {
    output: (bytes) => this.#output(bytes),
    restarted: (seed) => this.#restarted(seed),
    resized: (cols, rows) => this.#resized(cols, rows),
    ended: (end) => this.ended(end),
  };

  began(terminal: Terminal): void {
    // It may have ended while it was being started.
    if (this.#life.type === "starting") this.#life = { type: "running", terminal };
    this.updateFlow();
  }

  info(): HeldInfo {
    const { id, name, backend, command, agent, host, cwd, title, cols, rows, createdMs, lastActivityMs, epoch } = this.#facts;
    const end = this.end;
    return {
      id,
      name,
      backend,
      title,
      cwd,
      command,
      cols,
      rows,
      createdMs,
      lastActivityMs,
      epoch,
      ...(agent === undefined ? {} : { agent }),
      ...(host === undefined ? {} : { host }),
      ...(end === undefined ? {} : { end }),
    };
  }

  watch(watcher: Watcher): void {
    this.#watchers.add(watcher);
    if (this.#watchers.size === 1 && this.#life.type === "running") this.#life.terminal.watched(true);
    this.updateFlow();
  }

  unwatch(watcher: Watcher): void {
    if (!this.#watchers.delete(watcher)) return;
    if (this.#watchers.size === 0 && this.#life.type === "running") this.#life.terminal.watched(false);
    this.updateFlow();
  }

  write(bytes: Uint8Array): Result<number> {
    if (this.#life.type !== "running") return err(this.#notRunning());
    const { terminal } = this.#life;
    const input = terminal.answersQueries ? this.#replies.strip(bytes) : bytes;
    if (input.byteLength > 0 && !terminal.write(input)) return err(this.#notTaken(terminal));
    if (input.byteLength > 0) this.#deps.rightOfWay.typed(this.id, this.#deps.clock.monotonicMs());
    this.#touch();
    return ok(bytes.byteLength);
  }

  resize(cols: number, rows: number): Result<{ cols: number; rows: number }> {
    if (this.#life.type !== "running") return err(this.#notRunning());
    if (cols !== this.#facts.cols || rows !== this.#facts.rows) this.#life.terminal.resize(cols, rows);
    return ok({ cols: this.#facts.cols, rows: this.#facts.rows });
  }

  /** [CH4] The screen at an offset that is not past the ring's end. Undefined when there is none to be had. */
  async snapshot(lines: number): Promise<ScreenState | undefined> {
    if (this.#life.type === "archived") return this.#life.ansi ?? this.#emptyScreen();
    await this.#freshen();
    return this.#feed?.snapshot(lines);
  }

  async text(): Promise<ScreenState | undefined> {
    if (this.#life.type === "archived") return this.#life.text ?? this.#emptyScreen();
    await this.#freshen();
    return this.#feed?.text();
  }

  /** False when it had ended before. */
  async kill(force: boolean): Promise<boolean> {
    const life = this.#life;
    if (life.type !== "running") return false;
    this.#killing = true;
    await life.terminal.kill(force);
    return true;
  }

  /** The holder ends: what can outlive it does. */
  release(): void {
    if (this.#life.type === "running") this.#life.terminal.release();
  }

  /** At most every 2 s; true when it changed. */
  async refreshCwd(): Promise<boolean> {
    const now = this.#deps.clock.monotonicMs();
    // Where the program here is says nothing of the one there.
    if (this.#life.type !== "running" || this.#facts.host !== undefined || now - this.#cwdAtMs < CWD_FRESH_MS) return false;
    this.#cwdAtMs = now;
    const cwd = (await this.#life.terminal.cwd())?.slice(0, 4096);
    if (cwd === undefined || cwd === this.#facts.cwd) return false;
    this.#facts.cwd = cwd;
    return true;
  }

  /** [VW3] What the user changes of a session of theirs; while it is shown, its terminal tells its size. */
  renew({ name, cols, rows, lastActivityMs }: Pick<SessionFacts, "name" | "cols" | "rows" | "lastActivityMs">): void {
    const used = lastActivityMs - this.#facts.lastActivityMs >= ACTIVITY_STEP_MS;
    const renamed = name !== this.#facts.name;
    this.#facts.name = name;
    if (used) this.#facts.lastActivityMs = lastActivityMs;
    if (used || renamed) this.#deps.changed(this);
    if (this.#life.type === "running" && !this.#life.terminal.streaming) this.#resized(cols, rows);
  }

  /** Also for sessions found dead. */
  ended(end: TerminalEnd): void {
    if (this.end !== undefined) return;
    this.#cancelFlow?.();
    const atMs = this.#deps.clock.now();
    this.#endedMs = this.#deps.clock.monotonicMs();
    this.#life = { type: "ended", end: { ...end, ...(this.#killing ? { reason: "killed" as const } : {}), atMs } };
    this.#facts.lastActivityMs = atMs;
    this.#feed?.settle();
    this.#cancelArchive = this.#deps.clock.after(ENDED_RING_MS, () => void this.#archive());
    for (const watcher of this.#watchers) watcher.wake();
    this.#deps.changed(this);
  }

  /** A session that an earlier holder had: of its screen nothing is left. */
  endedBefore(end: SessionEnd): void {
    this.#life = { type: "archived", end, ansi: undefined, text: undefined };
    this.#feed?.dispose();
    this.#feed = undefined;
  }

  dispose(): void {
    this.#cancelFlow?.();
    this.#cancelArchive?.();
    for (const watcher of [...this.#watchers]) watcher.left();
    this.#watchers.clear();
    this.#feed?.dispose();
    this.#ring.clear();
  }

  /** [CH5] To be asked again whenever a watcher or the parser made progress, or fell behind. */
  updateFlow(): void {
    if (this.#life.type !== "running" || !this.#life.terminal.pausable) return;
    const { terminal } = this.#life;
    const nowMs = this.#deps.clock.monotonicMs();
    const decision = decideFlow({
      nowMs,
      paused: this.#paused,
      parserLag: this.#feed?.lag ?? 0,
      yieldUntilMs: this.#yieldUntilMs,
      watchers: [...this.#watchers],
    });
    this.#cancelFlow?.();
    this.#cancelFlow = undefined;
    if (decision.type === "run") {
      if (this.#paused) terminal.resume();
      this.#paused = false;
      return;
    }
    if (!this.#paused) terminal.pause();
    this.#paused = true;
    if (decision.untilMs !== undefined)
      this.#cancelFlow = this.#deps.clock.after(Math.ceil(decision.untilMs - nowMs), () => this.updateFlow());
  }

  #output(bytes: Uint8Array): void {
    this.#ring.append(bytes);
    for (const watcher of this.#watchers) watcher.wake();
    const terminal = this.#life.type === "running" ? this.#life.terminal : undefined;
    // [VW2] What tmux answers itself must be known before a viewer's terminal answers it too.
    this.#feed?.grew({ urgent: terminal?.answersQueries ?? true, deferrable: terminal?.pausable === false });
    this.#touch();
    // One that cannot be held gives way to nobody, and the others do not pay for it.
    if (terminal?.pausable === true)
      this.#yieldUntilMs = this.#deps.rightOfWay.yieldUntilMs(this.id, bytes.byteLength, this.#deps.clock.monotonicMs());
    this.updateFlow();
  }

  #restarted(seed: Seed): void {
    this.#facts.epoch = (this.#facts.epoch + 1) % EPOCHS;
    this.#facts.cols = seed.cols;
    this.#facts.rows = seed.rows;
    this.#ring = new Ring(this.#deps.ringBytes);
    this.#feed?.seed(this.#ring, seed);
    for (const watcher of this.#watchers) watcher.restarted(this.#facts.epoch, this.#ring.end);
    this.#deps.changed(this);
  }

  #resized(cols: number, rows: number): void {
    if (cols === this.#facts.cols && rows === this.#facts.rows) return;
    this.#facts.cols = cols;
    this.#facts.rows = rows;
    this.#feed?.resize(cols, rows);
    this.#deps.changed(this);
  }

  #retitle(title: string): void {
    if (title === this.#facts.title) return;
    this.#facts.title = title;
    this.#deps.changed(this);
  }

  #touch(): void {
    const now = this.#deps.clock.now();
    // A clock that was set back is believed at once.
    if (Math.abs(now - this.#facts.lastActivityMs) < ACTIVITY_STEP_MS) return;
    this.#facts.lastActivityMs = now;
    this.#deps.changed(this);
  }

  #reseed(): void {
    if (this.#life.type !== "running") return this.#feed?.pump();
    this.#life.terminal.capture((seed) => {
      if (seed !== undefined) this.#feed?.seed(this.#ring, seed);
      else this.#feed?.pump();
    });
  }

  /** Where the parser was not fed (nobody made the terminal stream, or it floods), the terminal is asked for its screen. */
  async #freshen(): Promise<void> {
    if (this.#life.type !== "running" || (this.#life.terminal.streaming && this.#feed?.deferred !== true)) return;
    const { terminal } = this.#life;
    await new Promise<void>((resolve) => {
      terminal.capture((seed) => {
        if (seed !== undefined) this.#feed?.seed(this.#ring, seed);
        resolve();
      });
    });
  }

  async #archive(): Promise<void> {
    if (this.#life.type !== "ended") return;
    const { end } = this.#life;
    const [ansi, text] = [await this.#feed?.snapshot(0), await this.#feed?.text()];
    this.#life = { type: "archived", end, ansi, text };
    this.#feed?.dispose();
    this.#feed = undefined;
    this.#ring.clear();
  }

  #emptyScreen(): ScreenState {
    return { offset: this.#ring.end, cols: this.#facts.cols, rows: this.#facts.rows, lines: 0, bytes: new Uint8Array(0) };
  }

  #notTaken({ streaming }: Terminal): ReturnType<typeof maestroError> {
    const { name } = this.#facts;
    return streaming
      ? maestroError("input_refused", `The program in '${name}' does not read: its input queue is full.`, {
          hint: "Wait until it reads, or end it.",
        })
      : this.watched
        ? maestroError("input_refused", `'${name}' is being attached again.`, { hint: "Type it again in a moment." })
        : maestroError("input_refused", `'${name}' is not attached just now: it is so only while somebody watches.`, {
            hint: "Attach to it, and type again.",
          });
  }

  #notRunning(): ReturnType<typeof maestroError> {
    return maestroError("session_ended", `The session '${this.#facts.name}' has ended.`, { hint: "Start another one." });
  }
}
