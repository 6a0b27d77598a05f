/** A terminal without a program: what goes in comes out. For tests, and to measure everything around a program. */
import { ok, type Result } from "@maestro/shared/result";
import type { LaunchPlan, Seed, Terminal, TerminalBackend, TerminalEvents } from "./backend.ts";

const END_OF_TRANSMISSION = 0x04;
/** Held back while paused; more input is refused. */
const MAX_HELD_BYTES = 1024 * 1024;

export class EchoBackend implements TerminalBackend {
  readonly kind = "echo";

  async start(_plan: LaunchPlan, events: TerminalEvents): Promise<Result<Terminal>> {
    return ok(new EchoTerminal(events));
  }
}

class EchoTerminal implements Terminal {
  readonly pausable = true;
  readonly answersQueries = false;
  readonly leader = undefined;
  readonly streaming = true;
  readonly #events: TerminalEvents;
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  #state: "running" | "paused" | "ended" = "running";

  constructor(events: TerminalEvents) {
    this.#events = events;
  }

  pause(): void {
    if (this.#state === "running") this.#state = "paused";
  }

  resume(): void {
    if (this.#state !== "paused") return;
    this.#state = "running";
    const held = this.#held;
    this.#held = [];
    this.#heldBytes = 0;
    for (const bytes of held) this.write(bytes);
  }

  /** A lone ^D ends it, as it ends a program that reads. */
  write(bytes: Uint8Array): boolean {
    if (this.#state === "ended" || this.#heldBytes + bytes.byteLength > MAX_HELD_BYTES) return false;
    if (this.#state === "paused") {
      this.#held.push(Uint8Array.from(bytes));
      this.#heldBytes += bytes.byteLength;
      return true;
    }
    if (bytes.byteLength === 1 && bytes[0] === END_OF_TRANSMISSION) this.#end({ code: 0 });
    else this.#events.output(bytes);
    return true;
  }

  resize(cols: number, rows: number): void {
    if (this.#state !== "ended") this.#events.resized(cols, rows);
  }

  watched(): void {
    // Streams always.
  }

  async kill(): Promise<void> {
    this.#end({ signal: "SIGHUP" });
  }

  async cwd(): Promise<string | undefined> {
    return undefined;
  }

  capture(take: (seed: Seed | undefined) => void): void {
    take(undefined);
  }

  release(): void {
    this.#end({});
  }

  #end(how: { code?: number; signal?: string }): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#events.ended({ reason: "exited", ...how });
  }
}
