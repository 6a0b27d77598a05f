/** A host-agent's link as the relay sees it: answers every request, keeps a ring, obeys its credit. */
import type { Cursor } from "@maestro/shared/protocol/cursor";
import { FLAG } from "@maestro/shared/protocol/frame";
import type { SessionInfo } from "@maestro/shared/protocol/session";
import { bytesOf } from "./program.ts";
import { FrameSocket, type Text } from "./relay-frames.ts";

const PIECE_BYTES = 64 * 1024;

export class FakeHost extends FrameSocket {
  head = 0;
  ringStart = 0;
  readonly channels = new Map<number, { session: string; sent: number; acked: number }>();
  readonly inputs: { session: string; text: string }[] = [];
  readonly asked: Text[] = [];
  /** Requests of these types stay unanswered. */
  readonly silent = new Set<string>();
  /** What other requests are answered with; an answer with `code` is a refusal. */
  readonly answers = new Map<string, (frame: Text) => object>();
  readonly sessions: SessionInfo[];
  /** [TK3] What it has when it is asked for all its attempts; without it that goes unanswered. */
  reports: (() => object[]) | undefined;
  #nextChannel = 7;

  constructor(socket: WebSocket, sessions: SessionInfo[]) {
    super(socket);
    this.sessions = sessions;
    socket.addEventListener("message", ({ data }) => {
      if (typeof data === "string" && data.startsWith("{")) this.#onText(JSON.parse(data) as Text);
      else if (data instanceof ArrayBuffer) {
        const channel = this.channels.get(new DataView(data).getUint32(4));
        if (channel !== undefined) this.inputs.push({ session: channel.session, text: new TextDecoder().decode(data.slice(16)) });
      }
    });
  }

  /** The program writes this much, and whoever watches gets what credit allows. */
  write(bytes: number): void {
    this.head += bytes;
    this.pump();
  }

  pump(): void {
    for (const [channel, at] of this.channels) {
      const end = Math.min(this.head, at.acked + 256 * 1024);
      for (; at.sent < end;) {
        const to = Math.min(end, at.sent + PIECE_BYTES);
        this.data("output", bytesOf(at.sent, to), { channel, offset: at.sent });
        at.sent = to;
      }
    }
  }

  #onText(frame: Text): void {
    this.asked.push(frame);
    if (this.silent.has(frame.t)) return;
    const channel = this.channels.get(Number(frame["channel"]));
    switch (frame.t) {
      case "watch": {
        const session = this.sessions.find(({ id }) => id === frame["session"]);
        if (session === undefined)
          return this.say({ t: "reply-error", id: frame["id"], error: { code: "session_not_found", detail: "No such session." } });
        const from = frame["from"] as Cursor | undefined;
        const resumed = from !== undefined && from.offset >= this.ringStart && from.offset <= this.head;
        const offset = resumed ? from.offset : this.head;
        const number = this.#nextChannel++;
        this.channels.set(number, { session: session.id, sent: offset, acked: offset });
        this.say({ t: "reply", id: frame["id"], value: { channel: number, epoch: 1, offset, resumed, session } });
        return this.pump();
      }
      case "unwatch":
        this.channels.delete(Number(frame["channel"]));
        return;
      case "ack":
        if (channel !== undefined) channel.acked = Math.max(channel.acked, Number(frame["offset"]));
        return this.pump();
      case "want-snapshot": {
        if (channel === undefined) return;
        const screen = new TextEncoder().encode(`screen@${channel.sent}`);
        this.say({
          t: "snapshot",
          channel: frame["channel"],
          epoch: 1,
          offset: channel.sent,
          bytes: screen.byteLength,
          cols: 80,
          rows: 24,
          lines: frame["lines"],
          ...(frame["viewer"] === undefined ? {} : { viewer: frame["viewer"] }),
        });
        return this.data("snapshot", screen, { channel: Number(frame["channel"]), offset: channel.sent, flags: FLAG.last });
      }
      case "need": {
        const from = Number(frame["from"]);
        const to = Math.min(Number(frame["to"]), this.head);
        if (from < this.ringStart) return this.say({ t: "gap", channel: frame["channel"], epoch: 1, from, to: this.ringStart });
        for (let at = from; at < to; at += PIECE_BYTES)
          this.data("output", bytesOf(at, Math.min(to, at + PIECE_BYTES)), {
            channel: Number(frame["channel"]),
            offset: at,
            flags: FLAG.replay,
          });
        return;
      }
      case "sync":
        this.say({
          t: "host-sync",
          channels: [...this.channels].map(([number, at]) => ({
            channel: number,
            session: at.session,
            epoch: 1,
            sent: at.sent,
            acked: at.acked,
          })),
        });
        if (frame["attempts"] === true && this.reports !== undefined)
          this.say({ t: "attempts", items: this.reports(), first: true, more: false });
        return;
      default: {
        const value = this.answers.get(frame.t)?.(frame);
        if (value === undefined) return;
        return this.say("code" in value ? { t: "reply-error", id: frame["id"], error: value } : { t: "reply", id: frame["id"], value });
      }
    }
  }
}
