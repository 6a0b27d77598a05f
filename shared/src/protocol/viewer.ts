/** Control frames of a viewer's socket, browser or CLI ⇄ HostRelay. One socket shows one session. */
import * as z from "zod";
import { Cols, Rows, SessionInfo } from "./session.ts";
import { VersionRange } from "./version.ts";
import { WireError } from "./link.ts";

const Epoch = z.int().min(0).max(0xffff);
const Offset = z.int().min(0).max(Number.MAX_SAFE_INTEGER);

// ---- viewer → relay -------------------------------------------------------------------------

/** First frame, within 5 s. `from` asks for the missing bytes only [CH4]; without it a fresh screen comes. */
export const ViewerHello = z.object({
  t: z.literal("hello"),
  versions: VersionRange,
  cols: Cols.optional(),
  rows: Rows.optional(),
  from: z.object({ epoch: Epoch, offset: Offset }).optional(),
  /** Never asks for the pen, whatever the rights. */
  readOnly: z.boolean().optional(),
  /** The viewer id of `welcome`, to get the pen back after a redial within the grace. */
  resume: z.string().max(64).optional(),
});
export type ViewerHello = z.infer<typeof ViewerHello>;

/** [VW4] Absolute, sent every 128 KiB and when the stream pauses, from xterm's write callback. */
export const ViewerAck = z.object({ t: z.literal("ack"), epoch: Epoch, offset: Offset });
/** [VW2] Moves the pen here. */
export const Take = z.object({ t: z.literal("take"), id: z.int().min(1) });
/** [VW3] Counts only from the writer; sizes are checked by hand so that the answer can say `size_out_of_range`. */
export const ViewerResize = z.object({ t: z.literal("resize"), cols: z.unknown(), rows: z.unknown() });
/** Asks for the screen with `lines` of scrollback before it, for this viewer alone. */
export const History = z.object({ t: z.literal("history"), lines: z.int().min(1).max(50_000) });

export const ViewerFrames = { hello: ViewerHello, ack: ViewerAck, take: Take, resize: ViewerResize, history: History } as const;
export type ViewerFrame = z.infer<(typeof ViewerFrames)[keyof typeof ViewerFrames]>;

// ---- relay → viewer -------------------------------------------------------------------------

export const HostState = z.enum(["online", "stale", "lost"]);

export const ViewerWelcome = z.object({
  t: z.literal("welcome"),
  version: z.int().min(1),
  viewer: z.string().max(64),
  /** Given back in `hello.resume`; proves that the redial is the same viewer. */
  resume: z.string().max(64),
  session: SessionInfo,
  /** Whether this principal may write at all. */
  canWrite: z.boolean(),
  host: z.object({ id: z.string(), name: z.string(), connected: z.boolean() }),
});
export type ViewerWelcome = z.infer<typeof ViewerWelcome>;

/** [VW2] Who holds the pen; sent on every change. `writer` is null when nobody does. */
export const Pen = z.object({
  t: z.literal("pen"),
  writer: z.object({ viewer: z.string(), name: z.string() }).nullable(),
  you: z.boolean(),
  viewers: z.int().min(0),
});
/** [VW3] The session's size: the writer's. */
export const SizeChanged = z.object({ t: z.literal("size"), cols: Cols, rows: Rows });
/** The stream goes on from here without a fresh screen. */
export const Resumed = z.object({ t: z.literal("resumed"), epoch: Epoch, offset: Offset });
/** A screen follows in `snapshot` binary frames: reset, write `bytes` bytes, then go on at `offset`. */
export const ViewerSnapshot = z.object({
  t: z.literal("snapshot"),
  epoch: Epoch,
  offset: Offset,
  bytes: z.int().min(0),
  cols: Cols,
  rows: Rows,
  lines: z.int().min(0),
});
export type ViewerSnapshot = z.infer<typeof ViewerSnapshot>;
/** [CH5] Bytes `from`..`to` were not shown; a fresh screen follows. */
export const ViewerGap = z.object({ t: z.literal("gap"), epoch: Epoch, from: Offset, to: Offset });
/** [VW4] Restate your offset with an `ack`. */
export const ViewerSync = z.object({ t: z.literal("sync") });
/** The link to the host went, or it is back and the session takes input there again. In between input is refused [CH6]. */
export const HostLink = z.object({ t: z.literal("host"), connected: z.boolean() });
export const SessionUpdate = z.object({ t: z.literal("session"), session: SessionInfo });
export const Taken = z.object({ t: z.literal("taken"), id: z.int().min(1) });
export const ErrorFrame = z.object({
  t: z.literal("error"),
  id: z.int().optional(),
  error: WireError,
  requestId: z.string().max(64).optional(),
});

export const ToViewerFrames = {
  welcome: ViewerWelcome,
  pen: Pen,
  size: SizeChanged,
  resumed: Resumed,
  snapshot: ViewerSnapshot,
  gap: ViewerGap,
  sync: ViewerSync,
  host: HostLink,
  session: SessionUpdate,
  taken: Taken,
  error: ErrorFrame,
} as const;
export type ToViewerFrame = z.infer<(typeof ToViewerFrames)[keyof typeof ToViewerFrames]>;
