/**
 * The unix socket between holder and its clients: `[u32 length][u8 tag][payload]`, big-endian, `length`
 * counting tag and payload. JSON is control; terminal bytes travel in their own tags and are never parsed.
 */
import * as z from "zod";
import { SessionInfo } from "@maestro/shared/protocol/session";
import { VersionRange } from "@maestro/shared/protocol/version";
import { WireError } from "@maestro/shared/protocol/link";
import { MAX_COLS, MAX_ROWS, SNAPSHOT_MAX_BYTES } from "@maestro/shared/limits";

/** [VR2] Of this socket, not of the link: a holder of the version before still owns sessions. */
export const HOLDER_VERSIONS: VersionRange = { min: 1, max: 1 };

export const TAG = { control: 1, output: 2, input: 3, part: 4 } as const;

const KiB = 1024;
/** Specs carry up to 256 arguments of 16 KiB, lists up to 550 sessions; this is a local socket of one user. */
export const MAX_HOLDER_MESSAGE_BYTES = 8 * KiB * KiB;
/** Payload of one output, input or part message. */
export const MAX_HOLDER_DATA_BYTES = 256 * KiB;

const Id = z.int().min(1);
const Session = z.string().min(1).max(40);
const Epoch = z.int().min(0).max(0xffff);
const Offset = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
const Position = z.object({ epoch: Epoch, offset: Offset });
const Bytes = z.int().min(0).max(SNAPSHOT_MAX_BYTES);
const Cols = z.int().min(1).max(MAX_COLS);
const Rows = z.int().min(1).max(MAX_ROWS);

/** A session as the holder lists it; only this machine knows `host`. */
export const HeldInfo = SessionInfo.extend({
  /** Id of the remote host that its program leads to. */
  host: z.string().max(40).optional(),
});
export type HeldInfo = z.infer<typeof HeldInfo>;

// ---- client → holder ------------------------------------------------------------------------

export const Hello = z.object({ t: z.literal("hello"), id: Id, versions: VersionRange });
export const List = z.object({ t: z.literal("list"), id: Id });
export const Create = z.object({
  t: z.literal("create"),
  id: Id,
  spec: z.object({
    id: Session,
    name: z.string().min(1).max(128),
    orNumbered: z.string().min(1).max(128).optional(),
    argv: z.array(z.string().max(16_384)).max(256),
    cwd: z.string().max(4096).optional(),
    env: z.record(z.string(), z.string()),
    cols: z.int(),
    rows: z.int(),
    backend: z.enum(["auto", "tmux", "pty", "echo"]),
    agent: z.string().max(40).optional(),
    /** [VR2] A holder that does not know it tells the argv. */
    shown: z.string().max(512).optional(),
    /** [VR2] A holder that does not know it answers without `host`. */
    remote: z.object({ host: z.string().min(1).max(40), cwd: z.string().max(4096), command: z.string().max(512) }).optional(),
  }),
});
/** [VR2] A holder that does not know `force` yet hangs up first. */
export const Kill = z.object({ t: z.literal("kill"), id: Id, session: Session, force: z.boolean().optional() });
export const Forget = z.object({ t: z.literal("forget"), id: Id, session: Session });
export const Screen = z.object({ t: z.literal("screen"), id: Id, session: Session, format: z.enum(["text", "ansi"]) });
/** Input that wants an answer; what is typed comes as `TAG.input`. */
export const Send = z.object({ t: z.literal("send"), id: Id, session: Session, base64: z.string().max(1024 * KiB) });
export const Resize = z.object({ t: z.literal("resize"), id: Id, session: Session, cols: z.int(), rows: z.int() });
export const Subscribe = z.object({ t: z.literal("subscribe"), id: Id, session: Session, from: Position.optional(), credit: Offset });
export const Snapshot = z.object({
  t: z.literal("snapshot"),
  id: Id,
  session: Session,
  lines: z.int().min(0).max(50_000),
  viewer: z.string().max(40).optional(),
});
export const Facts = z.object({ t: z.literal("facts"), id: Id });
/** Ends the holder when it holds no living session, or with `force` when it does. */
export const Stop = z.object({ t: z.literal("stop"), id: Id, force: z.boolean() });
export const Grant = z.object({ t: z.literal("grant"), session: Session, epoch: Epoch, upTo: Offset });
export const Unsubscribe = z.object({ t: z.literal("unsubscribe"), session: Session });
export const Need = z.object({ t: z.literal("need"), session: Session, epoch: Epoch, from: Offset, to: Offset });
export const Hold = z.object({ t: z.literal("hold"), session: Session, ms: z.int().min(0).max(60_000) });

export const ClientMessages = {
  hello: Hello,
  list: List,
  create: Create,
  kill: Kill,
  forget: Forget,
  screen: Screen,
  send: Send,
  resize: Resize,
  subscribe: Subscribe,
  snapshot: Snapshot,
  facts: Facts,
  stop: Stop,
  grant: Grant,
  unsubscribe: Unsubscribe,
  need: Need,
  hold: Hold,
} as const;
export type ClientMessage = z.infer<(typeof ClientMessages)[keyof typeof ClientMessages]>;
export type ClientRequest = Extract<ClientMessage, { id: number }>;

// ---- holder → client ------------------------------------------------------------------------

export const Reply = z.object({ t: z.literal("reply"), id: Id, value: z.unknown() });
export const ReplyError = z.object({ t: z.literal("error"), id: Id, error: WireError });
/** `bytes` bytes follow in `TAG.part` messages, contiguous for this connection, before anything else of the session. */
export const SnapshotHead = z.object({
  t: z.literal("snapshot"),
  session: Session,
  epoch: Epoch,
  offset: Offset,
  bytes: Bytes,
  cols: Cols,
  rows: Rows,
  lines: z.int().min(0),
  viewer: z.string().optional(),
});
/** The same for the answer to `screen`. */
export const ScreenHead = z.object({ t: z.literal("screen"), id: Id, epoch: Epoch, offset: Offset, bytes: Bytes, cols: Cols, rows: Rows });
export const Gap = z.object({ t: z.literal("gap"), session: Session, epoch: Epoch, from: Offset, to: Offset });
export const EpochChanged = z.object({ t: z.literal("epoch"), session: Session, epoch: Epoch, offset: Offset });
/** [CH6] Unanswered input that was not taken. */
export const InputRefused = z.object({ t: z.literal("input-refused"), session: Session, error: WireError });
export const Sessions = z.object({ t: z.literal("sessions"), upsert: z.array(HeldInfo), removed: z.array(Session) });

export const HolderMessages = {
  reply: Reply,
  error: ReplyError,
  snapshot: SnapshotHead,
  screen: ScreenHead,
  gap: Gap,
  epoch: EpochChanged,
  "input-refused": InputRefused,
  sessions: Sessions,
} as const;
export type HolderMessage = z.infer<(typeof HolderMessages)[keyof typeof HolderMessages]>;

const HolderFactsSchema = z.object({
  version: z.int(),
  pid: z.int(),
  instance: z.string(),
  startedMs: z.number(),
  tmux: z.string().optional(),
  pty: z.boolean(),
  warnings: z.array(z.object({ code: z.string(), detail: z.string() })),
});

/** What each request is answered with. */
export const Answers = {
  hello: HolderFactsSchema,
  facts: HolderFactsSchema,
  list: z.object({ sessions: z.array(HeldInfo) }),
  create: z.object({ session: HeldInfo }),
  kill: z.object({ killed: z.boolean() }),
  forget: z.object({ forgotten: z.boolean() }),
  send: z.object({ accepted: z.int().min(0) }),
  resize: z.object({ cols: z.int(), rows: z.int() }),
  subscribe: z.object({
    /** Names the session in this connection's `TAG.output` messages. */
    index: z.int().min(1),
    epoch: Epoch,
    offset: Offset,
    resumed: z.boolean(),
    session: SessionInfo,
  }),
  snapshot: z.object({ epoch: Epoch, offset: Offset }),
  stop: z.object({ stopping: z.boolean() }),
} as const;
export type AnswerName = keyof typeof Answers;
export type Answer<N extends AnswerName> = z.infer<(typeof Answers)[N]>;
