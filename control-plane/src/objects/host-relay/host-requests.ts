/** [VR5] What the Worker asks of the host: one answer, one refusal, `timeout`, or `host_unreachable` with since when. */
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import type { SessionInfo } from "@maestro/shared/protocol/session";
import type { Result } from "@maestro/shared/result";
import type { RequestName, RequestResult } from "@maestro/shared/protocol/link";
import { awayHint } from "../../domain/fleet/away.ts";
import type { LinkSocket, RequestWithoutId } from "./link-socket.ts";
import type { ScreenReads } from "./screen-reads.ts";

/** `value` as JSON: what a host answers is checked by its schema here, and typed again by the caller. */
export type RelayReply =
  | { ok: true; json: string }
  /** `neverSent`: the host was away already. Without it, not every code tells what the host did. */
  | { ok: false; error: MaestroError; neverSent?: true };
export type ScreenReply =
  | { ok: true; bytes: Uint8Array; cols: number; rows: number; epoch: number; offset: number }
  | { ok: false; error: MaestroError };

export interface FilesAsked {
  op: "list" | "stat" | "read";
  path: string;
  offset: number;
  limit: number;
}
export type FilesReply =
  | { ok: true; bytes: Uint8Array; path: string; truncated: boolean; size?: number }
  | { ok: false; error: MaestroError };

export interface HostRequestsPort {
  hostName(): string;
  /** Whether another host carries its link. */
  carried(): boolean;
  lastSeenMs(): number | undefined;
  session(id: string): SessionInfo | undefined;
  nowMs(): number;
  /** In everybody's list before the answer goes out, so that whoever asked finds it there. */
  changed(session: SessionInfo): void;
  /** Once the fleet has been told of what changed. */
  settled(): Promise<void>;
}

/** Blob channels are told apart by the request they answer; their numbers only have to be in range. */
const MAX_BLOB_CHANNEL = 0x7fff_ffff;

export class HostRequests {
  readonly #link: LinkSocket;
  readonly #screens: ScreenReads;
  readonly #port: HostRequestsPort;

  constructor(link: LinkSocket, screens: ScreenReads, port: HostRequestsPort) {
    this.#link = link;
    this.#screens = screens;
    this.#port = port;
  }

  ask(frame: RequestWithoutId): Promise<RelayReply> {
    if (!this.#link.ready) return Promise.resolve({ ok: false, error: this.unreachable(), neverSent: true });
    return new Promise((resolve) => {
      const settle = (result: Result<RequestResult<RequestName>>): void => {
        if (!result.ok) return resolve({ ok: false, error: result.error });
        if ("session" in result.value) {
          if ("session" in frame && frame.session !== result.value.session.id)
            return resolve({ ok: false, error: anotherSession(frame.t) });
          this.#port.changed(result.value.session);
        }
        if (frame.t === "session.kill" && "killed" in result.value && result.value.killed) this.#killed(frame.session);
        const json = JSON.stringify(result.value);
        void this.#port.settled().then(() => resolve({ ok: true, json }));
      };
      this.#link.request(frame.t, (id) => ({ ...frame, id }), settle);
    });
  }

  screen(session: string, format: "text" | "ansi"): Promise<ScreenReply> {
    if (!this.#link.ready) return Promise.resolve({ ok: false, error: this.unreachable() });
    return new Promise((resolve) => {
      let blob = 0;
      this.#link.request(
        "session.screen",
        (id) => {
          blob = (id % MAX_BLOB_CHANNEL) + 1;
          this.#screens.begin(blob);
          return { t: "session.screen", id, session, format, blob };
        },
        (result) => {
          const bytes = this.#screens.end(blob, result.ok ? result.value.bytes : undefined);
          if (!result.ok) return resolve({ ok: false, error: result.error });
          if (!bytes.ok) return resolve({ ok: false, error: bytes.error });
          const { cols, rows, epoch, offset } = result.value;
          resolve({ ok: true, bytes: bytes.value, cols, rows, epoch, offset });
        },
      );
    });
  }

  /** [SSH25] As `screen`: what was asked for comes before the answer. */
  files(asked: FilesAsked): Promise<FilesReply> {
    if (!this.#link.ready) return Promise.resolve({ ok: false, error: this.unreachable() });
    return new Promise((resolve) => {
      let blob = 0;
      this.#link.request(
        "host.files",
        (id) => {
          blob = (id % MAX_BLOB_CHANNEL) + 1;
          this.#screens.begin(blob);
          return { t: "host.files", id, ...asked, blob };
        },
        (result) => {
          const bytes = this.#screens.end(blob, result.ok ? result.value.bytes : undefined);
          if (!result.ok) return resolve({ ok: false, error: result.error });
          if (!bytes.ok) return resolve({ ok: false, error: bytes.error });
          const { path, truncated, size } = result.value;
          resolve({ ok: true, bytes: bytes.value, path, truncated, ...(size === undefined ? {} : { size }) });
        },
      );
    });
  }

  /** The host says how it ended in a moment; whoever asks before that must not find it running. */
  #killed(id: string): void {
    const session = this.#port.session(id);
    if (session === undefined || session.end !== undefined) return;
    this.#port.changed({ ...session, end: { reason: "killed", atMs: this.#port.nowMs() } });
  }

  unreachable(): MaestroError {
    const seenMs = this.#port.lastSeenMs();
    const since = seenMs === undefined ? "It has never connected." : `Last seen ${new Date(seenMs).toISOString()}.`;
    return maestroError("host_unreachable", `Host '${this.#port.hostName()}' is not connected. ${since}`, {
      hint: awayHint(this.#port.hostName(), this.#port.carried()),
    });
  }
}

const anotherSession = (request: RequestName): MaestroError =>
  maestroError("frame_invalid", `The host answered '${request}' for another session.`, { hint: "Upgrade the host-agent." });
