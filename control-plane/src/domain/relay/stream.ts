/**
 * [VW4] Where one viewer stands in its session's stream. Every step is a function from state to state;
 * `sent` and `acked` are absolute offsets, so a lost or repeated acknowledgement is harmless.
 */
import { MAX_FRAME_BYTES, MAX_REPLAY_BYTES, VIEWER_CREDIT_BYTES } from "@maestro/shared/limits";
import { advance, type Cursor, type Span } from "@maestro/shared/protocol/cursor";

/** A screen that was not confirmed yet: counts against the object's memory, not against the stream's credit. */
type Unconfirmed = { bytes: number; at: number } | undefined;

export interface Following {
  type: "following";
  epoch: number;
  /** The next byte it wants. */
  sent: number;
  acked: number;
  /** Replay up to here is on its way; 0 when none was asked for. */
  asked: number;
  screen: Unconfirmed;
}

export type Stream =
  /** Said hello while the session's channel was not open; `from` is what it has already. */
  | { type: "joining"; from: Cursor | undefined }
  /** Gets nothing until a screen comes. `missing`: from here on nothing was shown. */
  | { type: "awaiting"; missing: Cursor | undefined }
  /** A screen is being forwarded; the stream goes on at `epoch`, `offset`. */
  | { type: "receiving"; epoch: number; offset: number; bytes: number }
  /** The object woke and asked for its offset (`sync`). */
  | { type: "resuming"; epoch: number }
  | Following
  /** Out of credit: gets nothing until it confirmed everything, then a gap and a screen. */
  | { type: "starved"; epoch: number; sent: number; acked: number; screen: Unconfirmed };

export const follow = (epoch: number, offset: number): Following => ({
  type: "following",
  epoch,
  sent: offset,
  acked: offset,
  asked: 0,
  screen: undefined,
});

/** Bytes the platform may still hold for this viewer. */
export function owed(stream: Stream): number {
  switch (stream.type) {
    case "joining":
    case "awaiting":
    case "resuming":
      return 0;
    case "receiving":
      return stream.bytes;
    case "following":
    case "starved":
      return stream.sent - stream.acked + (stream.screen?.bytes ?? 0);
  }
}

export type Offer =
  | { type: "skip" }
  /** Bytes from `skip` on are new to it. */
  | { type: "send"; skip: number; next: Following }
  /** Does not fit; the stream is to become `next`. `memory`: the object's bound was what refused it. */
  | { type: "refuse"; next: Stream; memory: boolean };

/**
 * Whether this frame goes to this viewer. Live output that exceeds the credit starves it [VW4]; replay that does
 * is dropped and asked for again, since a viewer asks for no more than it can take.
 *
 * @param room bytes the object may still take on.
 */
export function offer(stream: Stream, span: Span, replay: boolean, room: number): Offer {
  if (stream.type !== "following") return { type: "skip" };
  const step = advance({ epoch: stream.epoch, offset: stream.sent }, span);
  if (step.type !== "take") return { type: "skip" };
  const fresh = span.length - step.skip;
  const credit = creditOf(stream, room);
  if (fresh <= credit && fresh <= room) {
    const sent = step.next.offset;
    return { type: "send", skip: step.skip, next: { ...stream, sent, asked: sent >= stream.asked ? 0 : stream.asked } };
  }
  if (replay) return { type: "refuse", next: { ...stream, asked: 0 }, memory: fresh > room };
  return {
    type: "refuse",
    next: drained({ type: "starved", epoch: stream.epoch, sent: stream.sent, acked: stream.acked, screen: stream.screen }),
    memory: fresh > room,
  };
}

/** [VW4] An acknowledgement never goes back and never past what was sent; of another epoch it says nothing. */
export function acknowledged(stream: Stream, epoch: number, offset: number): Stream {
  switch (stream.type) {
    case "following": {
      if (epoch !== stream.epoch) return stream;
      return { ...stream, ...confirmed(stream, offset) };
    }
    case "starved": {
      if (epoch !== stream.epoch) return stream;
      return drained({ ...stream, ...confirmed(stream, offset) });
    }
    case "resuming":
      // What it received but did not confirm comes again; its own cursor drops that.
      return epoch === stream.epoch ? follow(epoch, offset) : { type: "awaiting", missing: undefined };
    case "joining":
    case "awaiting":
    case "receiving":
      return stream;
  }
}

/** [CH4] The stretch to ask the host for again, when the viewer is behind the live stream. */
export function replayDue(
  stream: Stream,
  live: number,
  room: number,
): { next: Following; from: number; to: number } | "no-room" | undefined {
  if (stream.type !== "following" || stream.sent >= live || stream.asked > stream.sent) return undefined;
  const size = Math.min(MAX_REPLAY_BYTES, creditOf(stream, room), room);
  // Small pieces are not worth a round trip each: wait for the next acknowledgement instead.
  if (size < Math.min(live - stream.sent, MIN_PIECE_BYTES)) return room < MIN_PIECE_BYTES ? "no-room" : undefined;
  // May reach beyond `live`: the host stops at its head, and so the replay meets the live stream.
  const to = stream.sent + size;
  return { next: { ...stream, asked: to }, from: stream.sent, to };
}

/** [CH5] Bytes before `to` left the ring: whoever still wanted some of them needs a screen. */
export function afterGap(stream: Stream, gap: { epoch: number; from: number; to: number }): Stream {
  if (stream.type !== "following" || stream.epoch !== gap.epoch) return stream;
  if (stream.sent >= gap.from && stream.sent < gap.to) return { type: "awaiting", missing: { epoch: stream.epoch, offset: stream.sent } };
  return stream.asked === 0 ? stream : { ...stream, asked: 0 };
}

/** The link went: nothing that was asked for will come. */
export function afterLinkLoss(stream: Stream): Stream {
  if (stream.type === "receiving") return { type: "awaiting", missing: undefined };
  if (stream.type === "following" && stream.asked !== 0) return { ...stream, asked: 0 };
  return stream;
}

/** [CH1] Offsets of the old epoch mean nothing any more. */
export function afterEpoch(stream: Stream, epoch: number): Stream {
  switch (stream.type) {
    case "joining":
      return stream;
    case "awaiting":
      return stream.missing === undefined || stream.missing.epoch === epoch ? stream : { type: "awaiting", missing: undefined };
    case "receiving":
    case "resuming":
    case "following":
    case "starved":
      return stream.epoch === epoch ? stream : { type: "awaiting", missing: undefined };
  }
}

/** The whole screen has been forwarded: the stream goes on at its offset. */
export function afterScreen(stream: Stream, live: number): Stream {
  if (stream.type !== "receiving") return stream;
  const { epoch, offset, bytes } = stream;
  // The host replays from the screen to the live position by itself.
  return { ...follow(epoch, offset), asked: live > offset ? live : 0, screen: bytes === 0 ? undefined : { bytes, at: offset } };
}

const MIN_PIECE_BYTES = 64 * 1024;

/**
 * Never more than a share of what is left, so that those who confirm nothing leave something to those who do: a hundred
 * of them starve one after the other before the room is gone. Who owes nothing may always take a frame.
 */
const SHARE = 1 / 8;

function creditOf(stream: Following, room: number): number {
  const share = Math.max(MAX_FRAME_BYTES, room * SHARE);
  return Math.max(0, Math.min(VIEWER_CREDIT_BYTES, share) - (stream.sent - stream.acked));
}

function confirmed(stream: Pick<Following, "sent" | "acked" | "screen">, offset: number): Pick<Following, "acked" | "screen"> {
  return {
    acked: Math.min(stream.sent, Math.max(stream.acked, offset)),
    screen: stream.screen !== undefined && offset >= stream.screen.at ? undefined : stream.screen,
  };
}

function drained(stream: Extract<Stream, { type: "starved" }>): Stream {
  if (owed(stream) > 0) return stream;
  return { type: "awaiting", missing: { epoch: stream.epoch, offset: stream.sent } };
}
