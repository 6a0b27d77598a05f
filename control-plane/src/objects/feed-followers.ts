/** [EV1] The sockets that follow a fleet's events: who there is, what each is told, and when one is let go. */
import * as z from "zod";
import { idTime } from "@maestro/shared/ids";
import { EVENT_REPLAY_ROWS, FOLLOWER_SILENT_MS, FOLLOWER_UNCONFIRMED_EVENTS, MAX_CONTROL_BYTES } from "@maestro/shared/limits";
import { CLOSE, CLOSE_TABLE, type CloseCode } from "@maestro/shared/protocol/close-codes";
import type { FeedContext } from "../domain/access/socket-context.ts";
import { mayHear } from "../domain/events/reach.ts";
import { CONTROL_RATE, fullBucket, take, type Bucket } from "../domain/relay/rate.ts";
import type { EventRing, PlacedEvent, StoredEvent } from "./feed-events.ts";

/** Consoles, command lines and server-sent streams of one fleet together. */
export const MAX_FOLLOWERS = 500;

const Attachment = z.object({
  credential: z.string(),
  expiresMs: z.number(),
  /** Absent in those of a version before. */
  acceptedMs: z.number().optional(),
  /** Its reach: globs of names. */
  hosts: z.string().optional(),
  agents: z.string().optional(),
  /** It was closed from here; one that is half open never completes that. */
  closing: z.boolean().optional(),
});
type Attachment = z.infer<typeof Attachment>;

interface Follower {
  socket: WebSocket;
  at: Attachment;
}

export class Followers {
  readonly #ctx: DurableObjectState;
  readonly #ring: EventRing;
  /** Full again after a wake, which only those get who were quiet. */
  readonly #said = new WeakMap<WebSocket, Bucket>();

  constructor(ctx: DurableObjectState, ring: EventRing) {
    this.#ctx = ctx;
    this.#ring = ring;
  }

  /** Those who are there; who is found gone, too far behind or expired is let go. */
  living(nowMs: number): Follower[] {
    const open = this.#open();
    if (open.length === 0) return [];
    const behindMs = this.#behindMs();
    return open.filter((follower) => {
      const code = this.#endOf(follower, behindMs, nowMs);
      if (code !== undefined) this.close(follower.socket, code);
      return code === undefined;
    });
  }

  /** One synchronous stretch: nothing can happen between what is replayed and what is then told live. */
  add(socket: WebSocket, { credential, expiresMs, hosts, agents, since }: FeedContext, nowMs: number): void {
    const at: Attachment = {
      credential,
      expiresMs,
      acceptedMs: nowMs,
      ...(hosts === undefined ? {} : { hosts }),
      ...(agents === undefined ? {} : { agents }),
    };
    socket.serializeAttachment(at);
    this.#ctx.acceptWebSocket(socket, [credential]);
    const resume = this.#ring.resume(since);
    // One more than is sent tells that more are missing; what this one may not hear is not missing.
    const missed = this.#ring.after(resume.after, EVENT_REPLAY_ROWS + 1, at);
    const reset = resume.kind === "reset" || missed.length > EVENT_REPLAY_ROWS;
    socket.send(JSON.stringify({ t: "hello", seq: this.#ring.last }));
    if (reset) socket.send(JSON.stringify({ t: "reset" }));
    else for (const event of missed) socket.send(eventFrame(event));
  }

  tell(events: readonly PlacedEvent[], nowMs: number): void {
    if (events.length === 0) return;
    const followers = this.living(nowMs);
    for (const event of events)
      for (const { socket, at } of followers) if (mayHear(at, event.type, event.place)) send(socket, eventFrame(event));
  }

  /** Followers only listen; what a newer one says is ignored [VR2]. */
  heard(socket: WebSocket, message: string | ArrayBuffer, nowMs: number): void {
    const said = take(this.#said.get(socket) ?? fullBucket(CONTROL_RATE, nowMs), CONTROL_RATE, 1, nowMs);
    if (typeof message !== "string") this.close(socket, CLOSE.badFrame);
    else if (message.length > MAX_CONTROL_BYTES) this.close(socket, CLOSE.tooLarge);
    else if (said === undefined) this.close(socket, CLOSE.tooManyRequests);
    else this.#said.set(socket, said);
  }

  closeCredential(credential: string, code: CloseCode): void {
    for (const socket of this.#ctx.getWebSockets(credential)) this.close(socket, code);
  }

  /** When the next credential of those who are there ends by itself. */
  nextExpiryMs(nowMs: number): number | undefined {
    const followers = this.living(nowMs);
    return followers.length === 0 ? undefined : Math.min(...followers.map(({ at }) => at.expiresMs));
  }

  close(socket: WebSocket, code: CloseCode): void {
    try {
      const read = Attachment.safeParse(socket.deserializeAttachment());
      if (read.success) socket.serializeAttachment({ ...read.data, closing: true } satisfies Attachment);
      socket.close(code, CLOSE_TABLE[code].reason);
    } catch {
      // Closed already.
    }
  }

  #open(): Follower[] {
    return this.#ctx.getWebSockets().flatMap((socket) => {
      const read = Attachment.safeParse(socket.deserializeAttachment());
      // What cannot be read is treated as expired.
      const at = read.success ? read.data : { credential: "", expiresMs: 0 };
      return at.closing === true ? [] : [{ socket, at }];
    });
  }

  #endOf({ socket, at }: Follower, behindMs: number, nowMs: number): CloseCode | undefined {
    if (at.expiresMs <= nowMs) return CLOSE.credential;
    const pingedMs = this.#ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime();
    // Not all of them ping: a stream of server-sent events ends by itself instead.
    if (pingedMs !== undefined && pingedMs + FOLLOWER_SILENT_MS < nowMs) return CLOSE.restarting;
    const seenMs = Math.max(pingedMs ?? 0, at.acceptedMs ?? nowMs);
    return seenMs < behindMs ? CLOSE.tooManyRequests : undefined;
  }

  /** Who gave no sign of life since then has not confirmed more events than may be on their way to one. */
  #behindMs(): number {
    const id = this.#ring.idAt(this.#ring.last - FOLLOWER_UNCONFIRMED_EVENTS);
    return id === undefined ? 0 : idTime(id);
  }
}

const eventFrame = (event: Pick<StoredEvent, "json">): string => `{"t":"event","event":${event.json}}`;

function send(socket: WebSocket, frame: string): void {
  try {
    socket.send(frame);
  } catch {
    // It closed a moment ago; its close event follows.
  }
}
