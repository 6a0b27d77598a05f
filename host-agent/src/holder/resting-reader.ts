/**
 * Reads a child's pipe with short rests while much comes in small pieces. tmux writes a flood 4 KiB at a time: woken for
 * each of them, this process takes a good part of the processor that tmux makes the flood with. Between rests everything
 * that is there is read at once, so the writer never waits longer than one rest.
 */
import type { Readable } from "node:stream";

/** Less than this in a window is no flood: it is read as it comes. */
export const FLOOD_BYTES = 12 * 1024;
export const WINDOW_MS = 8;
/** As short as timers are: tmux stops reading its pane when some 30 KiB wait for us. */
export const REST_MS = 1;

export interface ReadPace {
  windowStartMs: number;
  windowBytes: number;
}

export const startReading = (): ReadPace => ({ windowStartMs: Number.NEGATIVE_INFINITY, windowBytes: 0 });

/** @param nowMs monotonic. */
export function afterRead(pace: ReadPace, nowMs: number, bytes: number): { pace: ReadPace; rests: boolean } {
  const rolled = nowMs - pace.windowStartMs >= WINDOW_MS;
  const windowBytes = rolled ? bytes : pace.windowBytes + bytes;
  if (windowBytes < FLOOD_BYTES) return { pace: { windowStartMs: rolled ? nowMs : pace.windowStartMs, windowBytes }, rests: false };
  // Still a flood after the rest: the next read rests as well.
  return { pace: { windowStartMs: nowMs, windowBytes: FLOOD_BYTES / 2 }, rests: true };
}

interface Handle {
  readStop(): unknown;
  readStart(): unknown;
}

/**
 * `pause()` of a stream goes on reading until its own buffer is full, woken each time; only the handle can be stopped.
 * Without one, as in another runtime, there are no rests.
 */
function handleOf(stream: Readable): Handle | undefined {
  const handle: unknown = Reflect.get(stream, "_handle");
  return isHandle(handle) ? handle : undefined;
}

const isHandle = (value: unknown): value is Handle =>
  typeof value === "object" && value !== null && "readStop" in value && typeof value.readStop === "function" && "readStart" in value;

export function readWithRests(stream: Readable, read: (chunk: Buffer) => void): void {
  let pace = startReading();
  stream.on("data", (chunk: Buffer) => {
    read(chunk);
    const next = afterRead(pace, performance.now(), chunk.byteLength);
    pace = next.pace;
    if (!next.rests || handleOf(stream) === undefined) return;
    handleOf(stream)?.readStop();
    // It may be gone by then.
    setTimeout(() => handleOf(stream)?.readStart(), REST_MS);
  });
}
