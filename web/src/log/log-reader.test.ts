import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Result } from "@maestro/shared/result";
import type { ApiError } from "../api/client.ts";
import { LogReader, type LogPart, type LogQuery } from "./log-reader.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** The far side: a log that grows, streams that are cut, refusals. */
class FarSide {
  log = new Uint8Array(0);
  complete = false;
  readonly asked: LogQuery[] = [];
  refusals: ApiError[] = [];
  /** Ends each stream after so many bytes, as a broken connection does. */
  cutAfter = Infinity;
  lives = true;
  #more: (() => void)[] = [];

  write(text: string): void {
    this.log = Uint8Array.from([...this.log, ...bytes(text)]);
    this.#wake();
  }
  end(): void {
    this.complete = true;
    this.#wake();
  }
  #wake(): void {
    for (const more of this.#more.splice(0)) more();
  }

  open(query: LogQuery, signal: AbortSignal): Promise<Result<LogPart, ApiError>> {
    this.asked.push(query);
    const error = this.refusals.shift();
    if (error !== undefined) return Promise.resolve({ ok: false, error });
    const start = query.offset ?? this.#tail(query.tailLines ?? 0);
    const chunks = this.#chunks(start, query.follow === true, this.complete, signal);
    return Promise.resolve({ ok: true, value: { start, bytes: this.log.byteLength, complete: this.complete, chunks } });
  }

  #tail(lines: number): number {
    let at = this.log.byteLength;
    for (let i = 0; i < lines && at > 0; i++) at = this.log.lastIndexOf(10, at - 2) + 1;
    return at;
  }

  async *#chunks(start: number, follow: boolean, complete: boolean, signal: AbortSignal) {
    let at = start;
    let sent = 0;
    for (;;) {
      if (signal.aborted) throw new Error("aborted");
      if (at < this.log.byteLength) {
        const piece = this.log.subarray(at, Math.min(this.log.byteLength, at + this.cutAfter - sent));
        yield { offset: at, bytes: piece };
        at += piece.byteLength;
        sent += piece.byteLength;
        if (sent >= this.cutAfter) throw new Error("cut");
      } else if (!follow || complete || this.complete) return;
      else
        await new Promise<void>((resolve) => {
          this.#more.push(resolve);
          signal.addEventListener("abort", () => resolve());
        });
    }
  }
}

const reading = (far: FarSide): LogReader =>
  new LogReader({ open: (query, signal) => far.open(query, signal), lives: () => far.lives, changed: () => undefined, random: () => 0.5 });
const settled = (ms = 0): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);
const shown = (reader: LogReader): string =>
  reader.window
    .lines()
    .map((line) => line.text)
    .join("\n");

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("following a log", () => {
  it("[LG3] shows what is there, then what comes, then that it is complete", async () => {
    const far = new FarSide();
    far.write("one\ntwo\n");
    const reader = reading(far);
    await settled();
    expect([shown(reader), reader.state.type]).toEqual(["one\ntwo", "following"]);
    far.write("three\n");
    await settled();
    expect(shown(reader)).toBe("one\ntwo\nthree");
    far.end();
    await settled(2_000);
    expect(reader.state).toEqual({ type: "complete", bytes: 14 });
    reader.dispose();
  });

  it("[LG3] goes on by offset after every cut: no byte is lost and none is shown twice", async () => {
    const far = new FarSide();
    const text = Array.from({ length: 200 }, (_, i) => `line ${i} of a log, with some ünïcödé`).join("\n");
    far.write(`${text}\n`);
    far.end();
    far.cutAfter = 97;
    const reader = reading(far);
    await settled(200 * 15_000);
    expect(reader.state.type).toBe("complete");
    expect(shown(reader)).toBe(text);
    expect(far.asked.length).toBeGreaterThan(50);
    reader.dispose();
  });

  it("waits for a log that is not there yet, and asks no more once its attempt ended without one", async () => {
    const far = new FarSide();
    const none: ApiError = { code: "log_not_found", detail: "none" };
    far.refusals = [none, none, none];
    const reader = reading(far);
    await settled();
    expect(reader.state.type).toBe("empty");
    await settled(1_000);
    far.lives = false;
    await settled(1_000);
    expect(reader.state).toEqual({ type: "complete", bytes: 0 });
    reader.dispose();
  });

  it("tries again when the server is away, tells a refusal, and asks again on a nudge", async () => {
    const far = new FarSide();
    far.write("here\n");
    far.refusals = [
      { code: "server_unreachable", detail: "away" },
      { code: "role_insufficient", detail: "no" },
    ];
    const reader = reading(far);
    await settled();
    expect(reader.state).toEqual({ type: "waiting", why: "away" });
    await settled(1_000);
    expect(reader.state.type).toBe("failed");
    await settled(60_000);
    expect(far.asked.length).toBe(2);
    reader.nudge();
    await settled();
    expect(shown(reader)).toBe("here");
    reader.dispose();
  });

  it("a nudge drops a stream that may be dead and goes on where it stood", async () => {
    const far = new FarSide();
    far.write("one\n");
    const reader = reading(far);
    await settled();
    reader.nudge();
    far.write("two\n");
    await settled(10);
    expect(far.asked.at(-1)).toEqual({ offset: 4, follow: true });
    expect(shown(reader)).toBe("one\ntwo");
    reader.dispose();
  });

  it("asks for fewer lines when they are long", async () => {
    const far = new FarSide();
    far.write(`${"x".repeat(400_000)}\n`.repeat(5));
    far.end();
    const reader = reading(far);
    await settled();
    expect(far.asked.map((query) => query.tailLines)).toEqual([2_000, 200, 20, 1]);
    expect(reader.window.start).toBe(4 * 400_001);
    reader.dispose();
  });

  it("loads what is before it, in whole lines, to the beginning", async () => {
    const far = new FarSide();
    far.write(Array.from({ length: 60_000 }, (_, i) => `line ${i}\n`).join(""));
    far.end();
    const reader = reading(far);
    await settled();
    expect(shown(reader).split("\n")[0]).toBe("line 58000");
    for (let i = 0; i < 5 && reader.window.start !== 0; i++) await reader.loadEarlier();
    const lines = shown(reader).split("\n");
    expect([lines.length, lines[0], lines.at(-1)]).toEqual([60_000, "line 0", "line 59999"]);
    expect(lines.every((line, i) => line === `line ${i}`)).toBe(true);
    reader.dispose();
  });

  it("says why what is before it could not be loaded, and what is here stays", async () => {
    const far = new FarSide();
    far.write(Array.from({ length: 5_000 }, (_, i) => `line ${i}\n`).join(""));
    far.end();
    const reader = reading(far);
    await settled();
    far.cutAfter = 100;
    await reader.loadEarlier();
    expect(reader.earlier.type).toBe("failed");
    expect(reader.window.lines().length).toBe(2_000);
    reader.dispose();
  });
});
