/** Control frames of the link, host ⇄ HostRelay. [LK3] [VR5] */
import * as z from "zod";
import { Cols, Rows, SessionInfo, Size } from "./session.ts";
import { VersionRange } from "./version.ts";
import * as tasks from "./tasks.ts";
import { AgentTypeReport } from "../contract/agent-types.ts";
import { FILE_OPS } from "../contract/host-files.ts";
import { AcceptHostKey, HostCheck, RemoteRecord } from "../contract/remote-hosts.ts";
import { HostSshConfig } from "../contract/ssh-config.ts";
import { HOST_CHECK_TIMEOUT_MS, MAX_FILE_READ_BYTES, REQUEST_TIMEOUT_MS } from "../limits.ts";

const Epoch = z.int().min(0).max(0xffff);
const Offset = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
const Channel = z.int().min(1).max(0xffff_ffff);
const RequestId = z.int().min(1);
const SessionId = z.string().max(40);
const Env = z.record(z.string().max(128), z.string().max(4096));

/** A refusal as it travels on a socket. */
export const WireError = z.object({
  code: z.string().max(64),
  detail: z.string().max(2048),
  field: z.string().max(128).optional(),
  hint: z.string().max(1024).optional(),
});
export type WireError = z.infer<typeof WireError>;

// ---- host → relay ---------------------------------------------------------------------------

export const Metrics = z.object({
  cpu: z.number().min(0).max(1),
  memory: z.number().min(0).max(1),
  disk: z.number().min(0).max(1),
  load1: z.number().min(0),
});
export type Metrics = z.infer<typeof Metrics>;

export const Platform = z.object({
  os: z.string().max(32),
  arch: z.string().max(32),
  release: z.string().max(128),
  hostname: z.string().max(255),
  node: z.string().max(32),
  cpus: z.int().min(0),
  memoryBytes: z.number().min(0),
  tmux: z.string().max(32).optional(),
});
export type Platform = z.infer<typeof Platform>;

/** [LK3] First frame of a link, within 5 s. Further sessions follow in `hello-page`s while `more`. */
export const Hello = z.object({
  t: z.literal("hello"),
  versions: VersionRange,
  agentVersion: z.string().max(64),
  instance: z.string().max(64),
  bootId: z.string().max(64),
  platform: Platform,
  capabilities: z.array(z.string().max(64)).max(64),
  policyDigest: z.string().max(128),
  roots: z.array(z.string().max(4096)).max(32),
  sessions: z.array(SessionInfo).max(500),
  more: z.boolean(),
});
export type Hello = z.infer<typeof Hello>;

export const HelloPage = z.object({ t: z.literal("hello-page"), sessions: z.array(SessionInfo).max(500), more: z.boolean() });

/** [LK8] Sent when it changes, after `welcome`; `types` in pages while `more`. */
export const Inventory = z.object({
  t: z.literal("inventory"),
  types: z.array(AgentTypeReport).max(100),
  first: z.boolean(),
  more: z.boolean(),
});
export type Inventory = z.infer<typeof Inventory>;

export const SessionsChanged = z.object({
  t: z.literal("sessions"),
  upsert: z.array(SessionInfo).max(100),
  removed: z.array(SessionId).max(500),
});
export const MetricsFrame = z.object({ t: z.literal("metrics"), metrics: Metrics });

/** [VR5] The one answer to a request. `value` is checked against the request's own result schema. */
export const Reply = z.object({ t: z.literal("reply"), id: RequestId, value: z.unknown() });
export const ReplyError = z.object({ t: z.literal("reply-error"), id: RequestId, error: WireError });

/** Announces the snapshot frames that follow at once, contiguous on this channel [CH4]. */
export const SnapshotBegin = z.object({
  t: z.literal("snapshot"),
  channel: Channel,
  epoch: Epoch,
  /** The screen is what bytes before this offset made of it; the stream goes on from here. */
  offset: Offset,
  bytes: z.int().min(0),
  cols: Cols,
  rows: Rows,
  /** Lines of scrollback contained, 0 for a bare screen. */
  lines: z.int().min(0),
  /** Echoes the request's `viewer`: only that one wants it. */
  viewer: z.string().max(40).optional(),
});
export type SnapshotBegin = z.infer<typeof SnapshotBegin>;

/** [CH5] These bytes left the ring before they could be sent. */
export const Gap = z.object({ t: z.literal("gap"), channel: Channel, epoch: Epoch, from: Offset, to: Offset });
/** [CH1] The session's numbering restarts: everyone on the channel needs a fresh screen. */
export const EpochChanged = z.object({ t: z.literal("epoch"), channel: Channel, epoch: Epoch, offset: Offset });
/** [CH6] Input of this channel that the session did not take, after it had left the relay. */
export const InputRefused = z.object({ t: z.literal("input-refused"), channel: Channel, error: WireError });
/** Answer to the relay's `sync`: where each open channel of the host stands. */
export const HostSync = z.object({
  t: z.literal("host-sync"),
  channels: z.array(z.object({ channel: Channel, session: SessionId, epoch: Epoch, sent: Offset, acked: Offset })).max(500),
});

export const HostFrames = {
  hello: Hello,
  "hello-page": HelloPage,
  inventory: Inventory,
  sessions: SessionsChanged,
  metrics: MetricsFrame,
  reply: Reply,
  "reply-error": ReplyError,
  snapshot: SnapshotBegin,
  gap: Gap,
  epoch: EpochChanged,
  "input-refused": InputRefused,
  "host-sync": HostSync,
  "task.status": tasks.TaskStatus,
  "task.secrets": tasks.AskSecrets,
  attempts: tasks.Attempts,
  "log.open": tasks.LogOpen,
  "log.skip": tasks.LogSkip,
} as const;
export type HostFrame = z.infer<(typeof HostFrames)[keyof typeof HostFrames]>;

// ---- relay → host ---------------------------------------------------------------------------

export const LinkWelcome = z.object({
  t: z.literal("welcome"),
  version: z.int().min(1),
  serverTimeMs: z.number(),
  hostName: z.string().max(128),
  registryVersion: z.int().min(0),
  draining: z.boolean(),
});
export type LinkWelcome = z.infer<typeof LinkWelcome>;

/** Starts the stream of a session. Without `from`, or when it left the ring, it starts at the head and a snapshot is due. */
export const Watch = z.object({
  t: z.literal("watch"),
  id: RequestId,
  session: SessionId,
  from: z.object({ epoch: Epoch, offset: Offset }).optional(),
});
export const WatchResult = z.object({
  channel: Channel,
  epoch: Epoch,
  /** The next live byte the host will send on this channel. */
  offset: Offset,
  /** True when `from` was honoured: nothing is missing between it and `offset`. */
  resumed: z.boolean(),
  session: SessionInfo,
});
export type WatchResult = z.infer<typeof WatchResult>;

/**
 * [CH2] Nobody watches any more: stop sending. Not a request; repeating it is harmless.
 * `lingers` [CH5]: the last viewer did not say goodbye and may be back in a moment.
 */
export const Unwatch = z.object({ t: z.literal("unwatch"), channel: Channel, lingers: z.boolean().optional() });
/** Asks for the screen now (and `lines` of scrollback before it), sent as `snapshot` + frames, then replay up to the live position. */
export const WantSnapshot = z.object({
  t: z.literal("want-snapshot"),
  channel: Channel,
  lines: z.int().min(0).max(50_000),
  viewer: z.string().max(40).optional(),
});
/** Asks for bytes again, `from` ≤ … < `to`, as replay frames; answered `gap` when they left the ring. */
export const Need = z.object({ t: z.literal("need"), channel: Channel, epoch: Epoch, from: Offset, to: Offset });
/** [VW4] The fastest viewer's absolute acknowledgement. */
export const LinkAck = z.object({ t: z.literal("ack"), channel: Channel, epoch: Epoch, offset: Offset });
export const Resize = z.object({ t: z.literal("resize"), channel: Channel, cols: Cols, rows: Rows });

export const CreateSession = z.object({
  t: z.literal("session.create"),
  id: RequestId,
  session: SessionId,
  name: z.string().min(1).max(128),
  /** Given when nobody chose the name: if it is taken meanwhile, this one with the first free number behind it. */
  orNumbered: z.string().min(1).max(128).optional(),
  /** Empty: the user's login shell. */
  argv: z.array(z.string().max(16_384)).max(256),
  cwd: z.string().max(4096).optional(),
  env: Env,
  size: Size,
  backend: z.enum(["auto", "tmux", "pty", "echo"]),
});
/** Launches an agent interactively; the host's adapter makes the argv. */
export const StartAgent = z.object({
  t: z.literal("agent.start"),
  id: RequestId,
  session: SessionId,
  agent: z.object({
    id: z.string().max(40),
    name: z.string().max(128),
    type: z.string().max(64),
    /** A type made through the API travels whole (as its file would read); host types are named only. */
    definition: z.record(z.string(), z.unknown()).optional(),
    workspace: z.string().max(4096),
    /** Started instead of its type's CLI: a path, or a name that is looked for. */
    program: z.string().max(4096).optional(),
    model: z.string().max(128).optional(),
    args: z.array(z.string().max(4096)).max(64),
    env: Env,
  }),
  size: Size,
  backend: z.enum(["auto", "tmux", "pty", "echo"]),
});
export const SessionResult = z.object({ session: SessionInfo });
/** `force`: killed at once, without the time to end by itself that a hang-up gives. */
export const KillSession = z.object({ t: z.literal("session.kill"), id: RequestId, session: SessionId, force: z.boolean().optional() });
export const KillResult = z.object({ killed: z.boolean() });
/** [VR3] The screen as text or ANSI; comes as `blob` frames on channel `blob`, then the reply. */
export const ReadScreen = z.object({
  t: z.literal("session.screen"),
  id: RequestId,
  session: SessionId,
  format: z.enum(["text", "ansi"]),
  blob: Channel,
});
export const ReadScreenResult = z.object({ bytes: z.int().min(0), epoch: Epoch, offset: Offset, cols: Cols, rows: Rows });
/** Input that comes by HTTP rather than from a viewer; ≤ 47 KiB, base64 because it may be any bytes. */
export const SendInput = z.object({ t: z.literal("session.input"), id: RequestId, session: SessionId, base64: z.string().max(65_536) });
export const SendInputResult = z.object({ accepted: z.int().min(0) });
/** Resolves and creates (0700) a workspace inside the host's allowed roots. */
export const EnsureWorkspace = z.object({ t: z.literal("workspace.ensure"), id: RequestId, path: z.string().max(4096) });
export const EnsureWorkspaceResult = z.object({ path: z.string().max(4096), created: z.boolean() });
/**
 * [SKILL9] Empties an agent's workspace and fills it again from its type's template, as the type is now; made if missing. Refused
 * while anything works in it, and for a directory that holds more than one agent's work.
 */
export const ResetWorkspace = z.object({
  t: z.literal("workspace.reset"),
  id: RequestId,
  path: z.string().max(4096),
  agent: z.object({
    id: z.string().max(40),
    name: z.string().max(128),
    type: z.string().max(64),
    definition: z.record(z.string(), z.unknown()).optional(),
  }),
});
export const ResetWorkspaceResult = z.object({
  path: z.string().max(4096),
  /** Entries of the directory itself that were there. */
  removed: z.int().min(0),
  template: z.string().max(4096).optional(),
});
/** Looks again for agent CLIs and type files; the inventory follows as a frame. */
export const Detect = z.object({ t: z.literal("detect"), id: RequestId });
export const DetectResult = z.object({ types: z.int().min(0) });
/** Whether and how a remote host can be reached from this one. Hosts of before answer `type_unknown`. */
export const CheckHost = z.object({
  t: z.literal("host.check"),
  id: RequestId,
  record: RemoteRecord,
  acceptHostKey: AcceptHostKey.optional(),
});
/**
 * Files of the host [SSH25]. What is asked for comes as `blob` frames on channel `blob`, then the reply: a JSON array of entries
 * for `list`, of one for `stat`; bytes for `read`. Hosts of before answer `type_unknown`.
 */
export const ReadFiles = z.object({
  t: z.literal("host.files"),
  id: RequestId,
  op: z.enum(FILE_OPS),
  path: z.string().max(4096),
  offset: Offset,
  limit: z.int().min(1).max(MAX_FILE_READ_BYTES),
  blob: Channel,
});
export const ReadFilesResult = z.object({
  /** Of the blob. */
  bytes: z.int().min(0),
  /** Absolute there. */
  path: z.string().max(8192),
  /** There is more than was sent. */
  truncated: z.boolean(),
  /** Of the whole file. */
  size: z.number().min(0).optional(),
});
export type ReadFilesResult = z.infer<typeof ReadFilesResult>;
/** The Hosts of this machine's own ssh_config [SSH8]; no file is read but those. Hosts of before answer `type_unknown`. */
export const ListSshConfig = z.object({ t: z.literal("host.ssh-config"), id: RequestId });

/**
 * [VW4] The relay woke from hibernation: restate your offsets. `attempts` [TK3]: and name all attempts again, as after a
 * `welcome`; the Scheduler could not be told of them.
 */
export const Sync = z.object({ t: z.literal("sync"), attempts: z.boolean().optional() });
/** [LK9] Membership changed; hosts pull the list when they need it. */
export const Registry = z.object({ t: z.literal("registry"), version: z.int().min(0) });
export const Drain = z.object({ t: z.literal("drain"), draining: z.boolean() });

export const RelayFrames = {
  welcome: LinkWelcome,
  watch: Watch,
  unwatch: Unwatch,
  "want-snapshot": WantSnapshot,
  need: Need,
  ack: LinkAck,
  resize: Resize,
  "session.create": CreateSession,
  "agent.start": StartAgent,
  "session.kill": KillSession,
  "session.screen": ReadScreen,
  "session.input": SendInput,
  "workspace.ensure": EnsureWorkspace,
  "workspace.reset": ResetWorkspace,
  detect: Detect,
  "host.check": CheckHost,
  "host.files": ReadFiles,
  "host.ssh-config": ListSshConfig,
  sync: Sync,
  registry: Registry,
  drain: Drain,
  "task.offer": tasks.Offer,
  "task.start": tasks.Start,
  "task.cancel": tasks.Cancel,
  "task.cleanup": tasks.Cleanup,
  "task.ack": tasks.AttemptAck,
  "task.secrets": tasks.Secrets,
  "log.durable": tasks.LogDurable,
  "log.need": tasks.LogNeed,
  "log.follow": tasks.LogFollow,
} as const;
export type RelayFrame = z.infer<(typeof RelayFrames)[keyof typeof RelayFrames]>;

/** What each request of the relay is answered with. */
export const RequestResults = {
  watch: WatchResult,
  "session.create": SessionResult,
  "agent.start": SessionResult,
  "session.kill": KillResult,
  "session.screen": ReadScreenResult,
  "session.input": SendInputResult,
  "workspace.ensure": EnsureWorkspaceResult,
  "workspace.reset": ResetWorkspaceResult,
  detect: DetectResult,
  "host.check": HostCheck,
  "host.files": ReadFilesResult,
  "host.ssh-config": HostSshConfig,
  "task.offer": tasks.OfferResult,
  "task.start": tasks.AttemptResult,
  "task.cancel": tasks.AttemptResult,
  "task.cleanup": tasks.CleanupOutcome,
} as const;
export type RequestName = keyof typeof RequestResults;
export type RequestFrame = Extract<RelayFrame, { id: number }>;
export type RequestResult<N extends RequestName> = z.infer<(typeof RequestResults)[N]>;

/** [VR5] How long both ends give a request, ms. */
export const requestTimeoutMs = (name: string): number => (name === "host.check" ? HOST_CHECK_TIMEOUT_MS : REQUEST_TIMEOUT_MS);
