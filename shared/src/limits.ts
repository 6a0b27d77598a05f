/** Every bound on something that comes from outside, with its unit in its name. */

const KiB = 1024;
const MiB = 1024 * KiB;

// HTTP
export const MAX_BODY_BYTES = 1 * MiB;
/** `JSON.parse` itself accepts 20,000 levels; nothing of ours needs more than a handful. */
export const MAX_JSON_DEPTH = 32;
export const MAX_PAGE_ITEMS = 200;
/** Of lists whose rows are small and are wanted whole: hosts, agents, sessions. */
export const MAX_SMALL_PAGE_ITEMS = 1000;
export const DEFAULT_PAGE_ITEMS = 100;

// frames
/** [VR3] One control frame. What can outgrow it travels in pages or as blob frames. */
export const MAX_CONTROL_BYTES = 64 * KiB;
/** [VR4] One binary frame, header included. */
export const MAX_FRAME_BYTES = 256 * KiB;
/** Payload per page of something that is sent in pages; leaves room for the envelope. */
export const PAGE_BYTES = 48 * KiB;
export const MAX_OFFSET = Number.MAX_SAFE_INTEGER;
export const MAX_CHANNEL = 0xffff_ffff;

// channels and viewers
/** [CH3] Unacknowledged output of one channel on the link. */
export const LINK_CREDIT_BYTES = 256 * KiB;
/** [VW4] Unacknowledged output of one viewer. */
export const VIEWER_CREDIT_BYTES = 512 * KiB;
/** [VW4] A viewer acknowledges at least this often. */
export const VIEWER_ACK_BYTES = 128 * KiB;
/** [VW4] And what is less, after this: a keystroke's echo is not worth a message of its own, through three processes. */
export const VIEWER_IDLE_ACK_MS = 250;
/** [VW4] What one HostRelay may have on its way to all viewers together. */
export const RELAY_MEMORY_BYTES = 32 * MiB;
export const MAX_VIEWERS_PER_SESSION = 100;
export const RING_BYTES = 8 * MiB;
export const MAX_COLS = 1000;
export const MAX_ROWS = 1000;
export const MAX_SESSIONS_PER_HOST = 500;
/** Living and ended ones of an honest host, and the user's own, stay far below; one that invents more is not believed. */
export const MAX_KNOWN_SESSIONS = 2 * MAX_SESSIONS_PER_HOST;
/** The same for the agent types of a host, of which it has a handful; what it names instead of others finds its place beside them. */
export const MAX_KNOWN_TYPES = 500;
export const SCREEN_BYTES_PLAIN = 16 * KiB;
/** One requested stretch of history or replay. */
export const MAX_REPLAY_BYTES = 256 * KiB;
export const MAX_INPUT_BYTES_PER_FRAME = 64 * KiB;
export const INPUT_BYTES_PER_SECOND = 64 * KiB;
export const CONTROL_MESSAGES_PER_SECOND = 100;
export const CONTROL_MESSAGES_BURST = 200;
/** News of a host, which the relay writes down and tells the fleet; answers to the relay are not counted. */
export const LINK_NEWS_PER_SECOND = 200;
export const LINK_NEWS_BURST = 1000;
export const HISTORY_LIMIT_LINES = 50_000;
export const SNAPSHOT_MAX_BYTES = 8 * MiB;

// tasks and logs
export const MAX_PROMPT_CHARS = 512 * KiB;
/** Of one task. */
export const MAX_IMAGES = 10;
export const MAX_IMAGE_BYTES = 5 * MiB;
/** Of one task together: in base64, parsed and decoded they are in a Worker's memory three times at once. */
export const MAX_IMAGES_BYTES = 10 * MiB;
/** A task with images, in base64; what is not images keeps to MAX_BODY_BYTES. */
export const MAX_TASK_BODY_BYTES = MAX_BODY_BYTES + 4 * Math.ceil(MAX_IMAGES_BYTES / 3) + 64 * KiB;
/** One row: the platform takes 2 MB, and it is read in one turn of the Scheduler. */
export const IMAGE_PIECE_BYTES = 1 * MiB;
/** Of one fleet together; past it, those go of the oldest tasks that have ended. */
export const MAX_KEPT_IMAGES_BYTES = 1024 * MiB;
/** A longer one travels as a blob [VR3]. */
export const MAX_INLINE_SPEC_BYTES = 16 * KiB;
/** Of the result's text; the log has all of it. */
export const MAX_RESULT_BYTES = 32 * KiB;
export const MAX_OPEN_TASKS = 100_000;
/** Beside the first attempt of each target. */
export const MAX_TASK_RETRIES = 20;
export const MIN_TASK_TIMEOUT_MS = 1_000;
export const MAX_TASK_TIMEOUT_MS = 30 * 24 * 3_600_000;
/** MAESTRO_AGENT_TIMEOUT */
export const TASK_TIMEOUT_MS = 1_800_000;
/** [TK1] An offer without an answer returns to the queue. */
export const OFFER_TIMEOUT_MS = 30_000;
/** [TK2] Derived from the link's presence; past it the attempt is `unknown`. */
export const LEASE_MS = 90_000;
/** [TK2] From then on it is `lost`, or goes by `onLost`. */
export const LOST_AFTER_MS = 10 * 60_000;
/** The runner of what may be run again ends itself so much before that. */
export const SELF_FENCE_MARGIN_MS = 30_000;
/** [TK4] SIGINT, then SIGTERM, then SIGKILL, so far apart; all is over within 25 s. */
export const STOP_GRACE_MS = 10_000;
/** [LG1] What nobody follows ships in pieces of this size. */
export const LOG_SHIP_BYTES = 256 * KiB;
/** [LG2] A longer log keeps its beginning and its end at the edge. */
export const LOG_WHOLE_BYTES = 128 * MiB;
export const LOG_HEAD_BYTES = 32 * MiB;
export const LOG_TAIL_BYTES = 96 * MiB;
/** [LG2] A file past it ends the attempt, unless the host's policy says otherwise. */
export const LOG_FILE_LIMIT_BYTES = 1024 * MiB;
/** Ended tasks stay so long, with their logs. */
export const TASK_RETENTION_MS = 14 * 24 * 3_600_000;
export const MAX_DEPTH = 3;
export const MAX_FAN_OUT = 20;
/** What agents submit, and what that submits, all together beneath one task; a budget may say less. */
export const MAX_TASKS_BENEATH = 200;

// state and secrets
export const STATE_TTL_S = 24 * 3600;
export const STATE_TTL_MAX_S = 365 * 24 * 3600;
export const MAX_STATE_KEY_BYTES = 256;
export const MAX_STATE_VALUE_BYTES = 64 * KiB;
export const MAX_STATE_KEYS = 10_000;
export const MAX_SECRETS = 200;
/** Of a fleet: each has an object of its own, and a link that its carrier holds. */
export const MAX_REMOTE_HOSTS = 1000;
/** Of one attempt together: they travel in one control frame. */
export const MAX_SEALED_BYTES = 32 * KiB;

/** [SSH24] */
export const GROOM_TIMEOUT_MS = 5 * 60_000;
/** Of a directory, in one answer. */
export const MAX_LISTED_FILES = 1000;
export const MAX_LISTING_BYTES = 1024 * KiB;
/** Of a file, in one answer. */
export const MAX_FILE_READ_BYTES = 512 * KiB;
export const FILE_READ_BYTES = 256 * KiB;
/** Of an ssh_config, told at once; their JSON is PAGE_BYTES at most. */
export const MAX_SSH_CONFIG_ENTRIES = 500;

// times
export const HELLO_TIMEOUT_MS = 5_000;
export const REQUEST_TIMEOUT_MS = 15_000;
/** A check of a remote host: a connection that is slow to come, and a dozen looks around there. */
export const HOST_CHECK_TIMEOUT_MS = 60_000;
/** A session in which an agent was asked to start, and of which its host has not told yet, is under way for so long. */
export const AGENT_AWAITED_MS = 30_000;
/** So long its host gets ready what it needs: an agent comes up while it is awaited, or not at all. */
export const AGENT_READY_MS = 20_000;
export const PING_INTERVAL_MS = 20_000;
export const PONG_TIMEOUT_MS = 10_000;
/**
 * [LK4] A viewer that pinged, and then did not for so long, is gone: a hidden page's timers run once a minute, so it has
 * missed two of its turns.
 */
export const VIEWER_SILENT_MS = 150_000;
/** [LK4] Presence, from the last sign of life. */
export const ONLINE_FOR_MS = 45_000;
export const STALE_FOR_MS = 10 * 60_000;
export const TICKET_TTL_MS = 30_000;
export const LOGIN_LINK_TTL_MS = 10 * 60_000;
export const JOIN_TTL_MS = 15 * 60_000;
export const JOIN_TTL_MAX_MS = 24 * 3_600_000;
export const TOKEN_TTL_DAYS = 90;
export const TOKEN_TTL_MAX_DAYS = 365;
export const SESSION_IDLE_MS = 8 * 3_600_000;
export const SESSION_ABSOLUTE_MS = 24 * 3_600_000;
export const STEP_UP_MS = 10 * 60_000;
export const CLOCK_WINDOW_MS = 120_000;
/** [CH5] How long a PTY may be held for a watcher that makes no progress. */
export const HOLD_MS = 2_000;
/** [CH5] The same while the link is away and viewers are in their grace. */
export const HOLD_LINK_AWAY_MS = 10_000;
export const VIEWER_GRACE_MS = 60_000;
/** [VW4] How long a viewer may confirm nothing of what it is owed while others wait for that memory. */
export const VIEWER_STALLED_MS = 5_000;

// events
export const EVENT_RING_ROWS = 10_000;
/** [EV1] Sent to a follower that comes back; when it missed more, fetching the state anew costs less. */
export const EVENT_REPLAY_ROWS = 500;
/** [EV1] Told to a follower since its last sign of life; past it, it is let go. */
export const FOLLOWER_UNCONFIRMED_EVENTS = 2_000;
/** [EV1] One that pinged before is gone after this: a browser lets a hidden page ping once a minute only. */
export const FOLLOWER_SILENT_MS = 3 * 60_000;
