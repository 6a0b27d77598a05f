/** The user's own tmux sessions: seen and shown, never changed. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import * as path from "node:path";
import { makeId } from "@maestro/shared/ids";
import { stripUnsafe } from "@maestro/shared/sanitize";
import type { Terminal, TerminalBackend, TerminalEvents } from "./backend.ts";
import type { Clock } from "./clock.ts";
import type { SessionFacts } from "./held-session.ts";
import type { TmuxServer } from "./tmux-server.ts";
import { UserTmuxTerminal, windowSize } from "./user-tmux-terminal.ts";

export interface UserSession {
  id: string;
  facts: SessionFacts;
  open(events: TerminalEvents): Terminal;
}

/** What there was at a time: a session that was seen to end later is still on it. */
export interface UserListing {
  /** Of the monotonic clock, before the server was asked. */
  askedMs: number;
  sessions: readonly UserSession[];
}

export interface UserSessions {
  list(): Promise<UserListing>;
}

/** Where there is no tmux. */
export const noUserSessions: UserSessions = { list: async () => ({ askedMs: -Infinity, sessions: [] }) };

const FORMAT = "#{session_id} #{session_created} #{session_activity} #{window_width} #{window_height} #{status} #{session_name}";
/** Of a window larger than any terminal here. */
const UNKNOWN_SIZE = { cols: 80, rows: 24 };
/** The user's server is asked at most this often. */
const FRESH_MS = 2_000;

export interface UserTmuxParts {
  /** A server that is asked, never started. */
  server: Pick<TmuxServer, "query">;
  /** Its socket: without it, not even a client is run. */
  socket: string;
  /** argv that attaches to a session by tmux's id of it. */
  attachArgv(id: string): readonly [string, ...string[]];
  pty: TerminalBackend;
  env: Readonly<Record<string, string>>;
  clock: Clock;
}

/** The default server's socket, as tmux finds it. */
export function userTmuxSocket(env: Readonly<Record<string, string | undefined>>, uid: number): string {
  const dir = env["TMUX_TMPDIR"];
  return path.join(dir === undefined || dir === "" ? "/tmp" : dir, `tmux-${uid}`, "default");
}

export class UserTmux implements UserSessions {
  readonly #parts: UserTmuxParts;
  #known: UserListing = { askedMs: -Infinity, sessions: [] };
  #asking: Promise<UserListing> | undefined;

  constructor(parts: UserTmuxParts) {
    this.#parts = parts;
  }

  async list(): Promise<UserListing> {
    if (this.#asking !== undefined) return this.#asking;
    const askedMs = this.#parts.clock.monotonicMs();
    if (askedMs - this.#known.askedMs < FRESH_MS) return this.#known;
    this.#asking = this.#ask(askedMs);
    try {
      return (this.#known = await this.#asking);
    } finally {
      this.#asking = undefined;
    }
  }

  async #ask(askedMs: number): Promise<UserListing> {
    if (!existsSync(this.#parts.socket)) return { askedMs, sessions: [] };
    const listed = await this.#parts.server.query(["list-sessions", "-F", FORMAT]);
    return { askedMs, sessions: (listed ?? "").split("\n").flatMap((line) => this.#parse(line)) };
  }

  #parse(line: string): UserSession[] {
    const [tmuxId, created, activity, width, height, status, ...words] = line.split(" ");
    const name = words.join(" ");
    if (tmuxId === undefined || created === undefined || name === "") return [];
    const createdMs = Number(created) * 1_000 || 0;
    const id = userSessionId(this.#parts.socket, tmuxId, createdMs);
    const size = windowSize([width ?? "", height ?? "", status ?? ""]) ?? UNKNOWN_SIZE;
    const facts: SessionFacts = {
      id,
      name: stripUnsafe(name, 128) || tmuxId,
      backend: "user-tmux",
      command: "tmux",
      agent: undefined,
      cwd: "",
      title: "",
      ...size,
      createdMs,
      lastActivityMs: Number(activity) * 1_000 || createdMs,
      epoch: 1,
    };
    return [{ id, facts, open: (events) => new UserTmuxTerminal(this.#parts, id, { id: tmuxId, created }, size, events) }];
  }
}

/** The same session has the same id as long as it lives, in every holder. */
function userSessionId(socket: string, tmuxId: string, createdMs: number): string {
  return makeId("session", createdMs, createHash("sha256").update(`${socket}\0${tmuxId}\0${createdMs}`).digest());
}
