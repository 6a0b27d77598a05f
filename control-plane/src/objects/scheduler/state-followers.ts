/** The sockets that follow the shared state. They hibernate: whom each belongs to and what it wants is in its attachment. */
import * as z from "zod";
import type { StateChange } from "@maestro/shared/contract/state";
import { maestroError } from "@maestro/shared/errors";
import { CLOSE, CLOSE_TABLE, type CloseCode } from "@maestro/shared/protocol/close-codes";
import type { StateContext } from "../../domain/access/socket-context.ts";
import type { Reach } from "../../domain/events/reach.ts";
import { problemResponse } from "../../problem.ts";

/** Of one fleet together. */
export const MAX_STATE_FOLLOWERS = 200;
/** A share for each credential: one that asks again and again takes nobody else's place. */
export const MAX_STATE_FOLLOWERS_OF_ONE = 20;
const TAG = "state";

const Attachment = z.object({
  kind: z.literal("state"),
  prefix: z.string(),
  credential: z.string(),
  holder: z.object({ attempt: z.string(), fence: z.int() }).optional(),
  /** Globs of names that it is limited to. */
  hosts: z.string().optional(),
  agents: z.string().optional(),
});

export interface FollowersPort {
  /** Whether this is the fence of an attempt that runs: an agent hears no longer than that. */
  holds(attempt: string, fence: number): boolean;
  /** Whether a key is within reach. */
  sees(key: string, reach: Reach): boolean;
}

export class StateFollowers {
  readonly #ctx: DurableObjectState;
  readonly #port: FollowersPort;

  constructor(ctx: DurableObjectState, port: FollowersPort) {
    this.#ctx = ctx;
    this.#port = port;
  }

  accept({ prefix, credential, holder, hosts, agents, requestId }: StateContext): Response {
    const own = this.#ctx.getWebSockets(credential).length;
    if (own >= MAX_STATE_FOLLOWERS_OF_ONE)
      return problemResponse(
        maestroError("too_many_viewers", `${own} follow this fleet's state with this credential already.`, {
          hint: "End one of them, or follow a prefix that they share.",
        }),
        requestId,
      );
    const followers = this.#ctx.getWebSockets(TAG).length;
    if (followers >= MAX_STATE_FOLLOWERS)
      return problemResponse(
        maestroError("too_many_viewers", `${followers} follow this fleet's state already.`, {
          hint: "End one of them, or try again later.",
        }),
        requestId,
      );
    const { 0: client, 1: server } = new WebSocketPair();
    server.serializeAttachment({ kind: "state", prefix, credential, holder, hosts, agents } satisfies z.infer<typeof Attachment>);
    this.#ctx.acceptWebSocket(server, [TAG, credential]);
    return new Response(null, { status: 101, webSocket: client });
  }

  tell(change: StateChange): void {
    const line = JSON.stringify(change);
    for (const socket of this.#ctx.getWebSockets(TAG)) {
      const read = Attachment.safeParse(socket.deserializeAttachment());
      if (!read.success) close(socket, CLOSE.restarting);
      else if (read.data.holder !== undefined && !this.#port.holds(read.data.holder.attempt, read.data.holder.fence))
        close(socket, CLOSE.credential);
      else if (change.key.startsWith(read.data.prefix) && this.#port.sees(change.key, read.data)) send(socket, line);
    }
  }

  /** [VW5] */
  closeCredential(credential: string): void {
    for (const socket of this.#ctx.getWebSockets(credential)) close(socket, CLOSE.credential);
  }
}

function send(socket: WebSocket, text: string): void {
  try {
    socket.send(text);
  } catch {
    // It closed a moment ago; its close event follows.
  }
}

function close(socket: WebSocket, code: CloseCode): void {
  try {
    socket.close(code, CLOSE_TABLE[code].reason);
  } catch {
    // Closed already.
  }
}
