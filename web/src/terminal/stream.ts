/**
 * A viewer's side of the byte stream, free of DOM and sockets: frames in, effects out. It keeps the
 * cursor, puts snapshots together, drops what was already seen, and says what to acknowledge.
 *
 * Invariant: every byte handed over in a `write` effect continues the previous one of the same screen, so
 * the terminal's content is a function of one snapshot and of contiguous bytes after it.
 */
import { VIEWER_ACK_BYTES, VIEWER_CREDIT_BYTES } from "@maestro/shared/limits";
import { advance, type Cursor } from "@maestro/shared/protocol/cursor";
import { FLAG, type Frame } from "@maestro/shared/protocol/frame";
import type { ToViewerFrame, ViewerFrame, ViewerSnapshot } from "@maestro/shared/protocol/viewer";

export type Effect =
  | { type: "send"; frame: ViewerFrame }
  /** Parse these; then report `written` with `end`. `live`: produced now, so terminal replies may go out. */
  | { type: "write"; bytes: Uint8Array; end: Cursor; live: boolean }
  /** Replace everything on the screen; then report `written` with `end`. */
  | { type: "screen"; cols: number; rows: number; lines: number; bytes: Uint8Array; end: Cursor }
  | { type: "gap"; from: number; to: number }
  /** The stream cannot go on over this socket. */
  | { type: "redial"; why: string };

export interface Stream {
  phase:
    /** No screen yet, or it became worthless: output is of no use before a snapshot. */
    | { type: "empty" }
    /** A snapshot is on its way; `held` is output that came between its frames. */
    | {
        type: "assembling";
        begin: ViewerSnapshot;
        got: number;
        chunks: readonly Uint8Array[];
        held: readonly Frame[];
        heldBytes: number;
        hadScreen: boolean;
      }
    | { type: "following" };
  /** The next byte wanted: everything before it was handed to the terminal. */
  cursor: Cursor | undefined;
  /** Everything before it was parsed by the terminal. */
  written: Cursor | undefined;
  /** Last acknowledged position in `written`'s epoch. */
  acked: number;
}

export interface Step {
  stream: Stream;
  effects: readonly Effect[];
}

export const emptyStream: Stream = { phase: { type: "empty" }, cursor: undefined, written: undefined, acked: 0 };

/** [VW6] What a redial may ask to continue from: only a screen that is whole and whose bytes were all taken. */
export function resumeFrom(stream: Stream): Cursor | undefined {
  if (stream.phase.type === "following") return stream.cursor;
  return stream.phase.type === "assembling" && stream.phase.hadScreen ? stream.cursor : undefined;
}

/** A new socket: half a snapshot of the old one is void. */
export function reopened(stream: Stream): Stream {
  if (stream.phase.type !== "assembling") return stream;
  return stream.phase.hadScreen ? { ...stream, phase: { type: "following" } } : { ...emptyStream };
}

export function onControl(stream: Stream, frame: ToViewerFrame): Step {
  switch (frame.t) {
    case "snapshot":
      return beginSnapshot(stream, frame);
    case "gap":
      return { stream: { ...stream, phase: { type: "empty" } }, effects: [{ type: "gap", from: frame.from, to: frame.to }] };
    case "resumed":
      return onResumed(stream, { epoch: frame.epoch, offset: frame.offset });
    case "sync":
      return stream.written === undefined ? same(stream) : acknowledge(stream, stream.written);
    case "welcome":
    case "pen":
    case "size":
    case "host":
    case "session":
    case "taken":
    case "error":
      return same(stream);
  }
}

export function onBinary(stream: Stream, frame: Frame): Step {
  switch (frame.kind) {
    case "snapshot":
      return onSnapshotBytes(stream, frame);
    case "output":
      return onOutput(stream, frame);
    case "input":
    case "log":
    case "blob":
      return same(stream); // [VR2] not for a viewer; ignored
  }
}

/** [VW4] The terminal has parsed everything before `end`. Acknowledges every 128 KiB; the rest on `idle`. */
export function onWritten(stream: Stream, end: Cursor): Step {
  const next: Stream = { ...stream, written: end, acked: stream.written?.epoch === end.epoch ? stream.acked : -1 };
  // A screen taken again (history) begins earlier than what was acknowledged: no progress, but the relay waits to hear that
  // it was shown, and nothing new may ever follow it.
  const again = end.offset === next.acked;
  return again || end.offset - next.acked >= VIEWER_ACK_BYTES || next.acked < 0 ? acknowledge(next, end) : same(next);
}

/** [VW4] The stream paused: whatever was parsed and not yet said is acknowledged. */
export function onIdle(stream: Stream): Step {
  return stream.written !== undefined && stream.written.offset > stream.acked ? acknowledge(stream, stream.written) : same(stream);
}

export const hasUnacknowledged = (stream: Stream): boolean => stream.written !== undefined && stream.written.offset > stream.acked;

function acknowledge(stream: Stream, at: Cursor): Step {
  return {
    stream: { ...stream, acked: Math.max(stream.acked, at.offset) },
    effects: [{ type: "send", frame: { t: "ack", epoch: at.epoch, offset: at.offset } }],
  };
}

function onResumed(stream: Stream, at: Cursor): Step {
  if (
    stream.cursor === undefined ||
    stream.phase.type === "empty" ||
    at.epoch !== stream.cursor.epoch ||
    at.offset > stream.cursor.offset
  ) {
    return lost(stream, "The stream was resumed at a position this terminal has not reached.");
  }
  return same({ ...stream, phase: { type: "following" } });
}

function beginSnapshot(stream: Stream, begin: ViewerSnapshot): Step {
  const hadScreen = stream.phase.type === "following" || (stream.phase.type === "assembling" && stream.phase.hadScreen);
  const assembling: Stream = { ...stream, phase: { type: "assembling", begin, got: 0, chunks: [], held: [], heldBytes: 0, hadScreen } };
  return begin.bytes === 0 ? completeSnapshot(assembling) : same(assembling);
}

function onSnapshotBytes(stream: Stream, frame: Frame): Step {
  const { phase } = stream;
  if (phase.type !== "assembling") return lost(stream, "A part of a screen came without its beginning.");
  const got = phase.got + frame.payload.byteLength;
  const last = (frame.flags & FLAG.last) !== 0;
  if (got > phase.begin.bytes || (last && got < phase.begin.bytes)) return lost(stream, "A screen has another length than announced.");
  const next: Stream = { ...stream, phase: { ...phase, got, chunks: [...phase.chunks, frame.payload] } };
  return got === phase.begin.bytes ? completeSnapshot(next) : same(next);
}

function completeSnapshot(stream: Stream): Step {
  const { phase } = stream;
  if (phase.type !== "assembling") return same(stream);
  const { epoch, offset, cols, rows, lines } = phase.begin;
  const end: Cursor = { epoch, offset };
  let step: Step = {
    stream: { ...stream, phase: { type: "following" }, cursor: end },
    effects: [{ type: "screen", cols, rows, lines, bytes: join(phase.chunks, phase.got), end }],
  };
  for (const frame of phase.held) {
    const next = onOutput(step.stream, frame);
    step = { stream: next.stream, effects: [...step.effects, ...next.effects] };
  }
  return step;
}

function onOutput(stream: Stream, frame: Frame): Step {
  const { phase, cursor } = stream;
  if (phase.type === "assembling") {
    const heldBytes = phase.heldBytes + frame.payload.byteLength;
    // Bounded by what the relay may have on its way to us; more means one of the two is wrong.
    if (heldBytes > 2 * VIEWER_CREDIT_BYTES) return lost(stream, "A screen did not arrive whole.");
    return same({ ...stream, phase: { ...phase, held: [...phase.held, frame], heldBytes } });
  }
  if (phase.type === "empty" || cursor === undefined) return same(stream);
  const move = advance(cursor, { epoch: frame.epoch, offset: frame.offset, length: frame.payload.byteLength });
  switch (move.type) {
    case "duplicate":
      return same(stream);
    case "take":
      return {
        stream: { ...stream, cursor: move.next },
        effects: [{ type: "write", bytes: frame.payload.subarray(move.skip), end: move.next, live: (frame.flags & FLAG.replay) === 0 }],
      };
    case "epoch":
      // [CH1] Numbering restarted: the snapshot of the new epoch is on its way.
      return same({ ...stream, phase: { type: "empty" } });
    case "gap": {
      const step = lost(stream, "Output is missing.");
      return { stream: step.stream, effects: [{ type: "gap", from: move.from, to: move.to }, ...step.effects] };
    }
  }
}

const same = (stream: Stream): Step => ({ stream, effects: [] });

/** The next socket asks for a fresh screen: visible, never silently wrong. */
const lost = (stream: Stream, why: string): Step => ({
  stream: { ...stream, phase: { type: "empty" }, cursor: undefined },
  effects: [{ type: "redial", why }],
});

function join(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
}
