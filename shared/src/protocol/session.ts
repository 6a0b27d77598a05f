/** A session as everybody sees it: host-agent, relay, API, console. */
import * as z from "zod";
import { MAX_COLS, MAX_ROWS } from "../limits.ts";

export const Cols = z.int().min(1).max(MAX_COLS);
export const Rows = z.int().min(1).max(MAX_ROWS);
export const Size = z.object({ cols: Cols, rows: Rows });
export type Size = z.infer<typeof Size>;

/** `tmux`: on Maestro's own server. `user-tmux`: the user's own, attached without changing it. */
export const Backend = z.enum(["tmux", "pty", "echo", "user-tmux"]);
export type Backend = z.infer<typeof Backend>;

export const SessionEnd = z.object({
  reason: z.enum(["exited", "killed", "holder_lost", "host_reboot", "spawn_failed", "server_lost"]),
  /** Exit code of the program, where it exited by itself. */
  code: z.int().optional(),
  signal: z.string().max(16).optional(),
  atMs: z.number(),
});
export type SessionEnd = z.infer<typeof SessionEnd>;

/** As the host reports it. All times are Unix milliseconds of the host, corrected by its clock offset. */
export const SessionInfo = z.object({
  id: z.string().max(40),
  name: z.string().min(1).max(128),
  backend: Backend,
  /** Set by the program (OSC 0/2), stripped of control and bidi characters. */
  title: z.string().max(256),
  cwd: z.string().max(4096),
  /** What runs in it, argv[0] first; argv beyond 512 characters is cut. */
  command: z.string().max(512),
  agent: z.string().max(40).optional(),
  cols: Cols,
  rows: Rows,
  createdMs: z.number(),
  lastActivityMs: z.number(),
  epoch: z.int().min(0).max(0xffff),
  end: SessionEnd.optional(),
});
export type SessionInfo = z.infer<typeof SessionInfo>;
