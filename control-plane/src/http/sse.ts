/** [EV3] A socket of the Feed rendered as server-sent events, for a bounded time; the client comes back with Last-Event-ID. */
import * as z from "zod";
import { FleetEvent } from "@maestro/shared/contract/resources";
import { streamOf } from "./socket-stream.ts";

const RETRY_MS = 1_000;
const Frame = z.discriminatedUnion("t", [
  z.object({ t: z.literal("hello"), seq: z.int() }),
  z.object({ t: z.literal("event"), event: FleetEvent }),
  z.object({ t: z.literal("reset") }),
]);

export const SSE_HEADERS = { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store", "x-accel-buffering": "no" };

export const sseEvent = (event: { id: string; type: string; json: string }): string =>
  `id: ${event.id}\nevent: ${event.type}\ndata: ${event.json}\n\n`;
export const SSE_RESET = "event: reset\ndata: {}\n\n";
export const ssePreface = (seq: number): string => `retry: ${RETRY_MS}\n: at ${seq}\n\n`;

export function streamSocket(socket: WebSocket, timeScale: number, limit: number | undefined): Response {
  let events = 0;
  return streamOf(socket, {
    headers: SSE_HEADERS,
    timeScale,
    keepAlive: ": here\n\n",
    render(message) {
      const frame = Frame.safeParse(JSON.parse(message));
      if (!frame.success) return undefined;
      switch (frame.data.t) {
        case "hello":
          return { text: ssePreface(frame.data.seq) };
        case "reset":
          return { text: SSE_RESET };
        case "event":
          return {
            text: sseEvent({ ...frame.data.event, json: JSON.stringify(frame.data.event) }),
            last: limit !== undefined && ++events >= limit,
          };
      }
    },
  });
}
