/**
 * [LG3] The sockets that follow one log. Each gets what is there and then what comes, no more ahead of its acknowledgements
 * than a window: a slow one grows nothing. After a wake each is sent again what it did not acknowledge, and knows it by the offset.
 */
import * as z from "zod";
import { CLOSE, type CloseCode } from "@maestro/shared/protocol/close-codes";
import { LogAck, logMessage, type LogContext, type LogWord } from "./context.ts";

/** Sent to one follower and not acknowledged. */
export const FOLLOW_WINDOW_BYTES = 256 * 1024;
export const MAX_LOG_FOLLOWERS = 100;
const PIECE_BYTES = 64 * 1024;

const Attachment = z.object({
  v: z.literal(1),
  fleet: z.string(),
  host: z.string(),
  attempt: z.string(),
  acked: z.number(),
  /** It was closed from here, or was told the end. */
  closing: z.boolean(),
});
type Attachment = z.infer<typeof Attachment>;

export interface LogSource {
  /** Bytes from `offset` on, or the next ones after a gap; none past the last. */
  read(offset: number, maxBytes: number): { offset: number; bytes: Uint8Array };
  /** How it ended, once nothing more will come. */
  end(): Extract<LogWord, { t: "end" }> | undefined;
}

/** Where the log comes from. */
export type LogPlace = Pick<Attachment, "fleet" | "host" | "attempt">;

export class LogFollowers {
  readonly #ctx: DurableObjectState;
  readonly #source: LogSource;
  /** Not kept through hibernation. */
  readonly #sent = new WeakMap<WebSocket, number>();

  constructor(ctx: DurableObjectState, source: LogSource) {
    this.#ctx = ctx;
    this.#source = source;
  }

  get count(): number {
    return this.#open().length;
  }

  /** As its followers know it; undefined when nobody follows. */
  get place(): LogPlace | undefined {
    return this.#open()[0]?.at;
  }

  /** Of one that closes, unless it was closed from here before. */
  placeOf(socket: WebSocket): LogPlace | undefined {
    const at = attachmentOf(socket);
    return at?.closing === false ? at : undefined;
  }

  add(socket: WebSocket, { fleet, host, attempt, credential, offset }: LogContext): void {
    this.#save(socket, { v: 1, fleet, host, attempt, acked: offset, closing: false });
    this.#ctx.acceptWebSocket(socket, [credential]);
    this.#pump(socket);
  }

  /** There is more, or it is over. */
  pump(): void {
    for (const { socket } of this.#open()) this.#pump(socket);
  }

  heard(socket: WebSocket, message: string | ArrayBuffer): void {
    const at = attachmentOf(socket);
    const ack = typeof message === "string" ? LogAck.safeParse(jsonOf(message)) : undefined;
    if (at === undefined || ack?.success !== true) return this.close(socket, CLOSE.badFrame);
    if (at.closing || ack.data.offset <= at.acked) return;
    this.#save(socket, { ...at, acked: ack.data.offset });
    this.#sent.set(socket, Math.max(this.#sent.get(socket) ?? 0, ack.data.offset));
    this.#pump(socket);
  }

  closeCredential(credential: string, code: CloseCode): void {
    for (const socket of this.#ctx.getWebSockets(credential)) this.close(socket, code);
  }

  closeAll(code: CloseCode): void {
    for (const { socket } of this.#open()) this.close(socket, code);
  }

  close(socket: WebSocket, code: CloseCode): void {
    const at = attachmentOf(socket);
    if (at?.closing === false) this.#save(socket, { ...at, closing: true });
    try {
      socket.close(code, "done");
    } catch {
      // Closed already.
    }
  }

  #pump(socket: WebSocket): void {
    const at = attachmentOf(socket);
    if (at === undefined || at.closing) return;
    const end = this.#source.end();
    const window = at.acked + FOLLOW_WINDOW_BYTES;
    let sent = this.#sent.get(socket) ?? at.acked;
    while (sent < window) {
      const { offset, bytes } = this.#source.read(sent, Math.min(PIECE_BYTES, window - sent));
      const from = bytes.byteLength === 0 ? Math.max(sent, end?.bytes ?? 0) : offset;
      if (from > sent) this.#say(socket, { t: "skip", from: sent, to: from });
      sent = from + bytes.byteLength;
      if (bytes.byteLength === 0) break;
      this.#send(socket, logMessage(from, bytes));
    }
    this.#sent.set(socket, sent);
    if (end === undefined || sent < end.bytes) return;
    this.#say(socket, end);
    this.close(socket, CLOSE.normal);
  }

  #say(socket: WebSocket, word: LogWord): void {
    this.#send(socket, JSON.stringify(word));
  }

  #send(socket: WebSocket, message: string | ArrayBuffer): void {
    try {
      socket.send(message);
    } catch {
      // It closed a moment ago.
    }
  }

  #save(socket: WebSocket, at: Attachment): void {
    socket.serializeAttachment(at);
  }

  #open(): { socket: WebSocket; at: Attachment }[] {
    return this.#ctx.getWebSockets().flatMap((socket) => {
      const at = attachmentOf(socket);
      return at === undefined || at.closing ? [] : [{ socket, at }];
    });
  }
}

function attachmentOf(socket: WebSocket): Attachment | undefined {
  const read = Attachment.safeParse(socket.deserializeAttachment());
  return read.success ? read.data : undefined;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
