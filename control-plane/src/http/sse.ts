/** [EV3] A socket of the Feed rendered as server-sent events, for a bounded time; the client comes back with Last-Event-ID. */
import * as z from "zod";
import { FleetEvent } from "@maestro/shared/contract/resources";

/** After this the stream ends and the client reconnects. */
export const SSE_MAX_MS = 5 * 60_000;
/** Keeps proxies from taking a quiet stream for a dead one. */
const COMMENT_EVERY_MS = 15_000;
const RETRY_MS = 1_000;
/** A reader that falls this far behind is let go; it comes back and resumes. */
const MAX_BEHIND_CHUNKS = 1_000;

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

/** Owns the socket: whichever ends first, reader, time or socket, ends the others. */
export function streamSocket(socket: WebSocket, timeScale: number, limit: number | undefined): Response {
  const encoder = new TextEncoder();
  let events = 0;
  let end = (_how: "ended" | "cancelled"): void => undefined;
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const put = (text: string): void => {
          if ((controller.desiredSize ?? 0) <= 0) end("ended");
          else controller.enqueue(encoder.encode(text));
        };
        const comment = setInterval(() => put(": here\n\n"), COMMENT_EVERY_MS * timeScale);
        const deadline = setTimeout(() => end("ended"), SSE_MAX_MS * timeScale);
        let open = true;
        end = (how) => {
          if (!open) return;
          open = false;
          clearInterval(comment);
          clearTimeout(deadline);
          socket.close(1000, "done");
          // A cancelled stream is closed by whoever cancelled it.
          if (how === "ended") controller.close();
        };
        socket.addEventListener("message", ({ data }) => {
          const frame = typeof data === "string" && open ? Frame.safeParse(JSON.parse(data)) : undefined;
          if (frame?.success !== true) return;
          switch (frame.data.t) {
            case "hello":
              return put(ssePreface(frame.data.seq));
            case "reset":
              return put(SSE_RESET);
            case "event":
              put(sseEvent({ ...frame.data.event, json: JSON.stringify(frame.data.event) }));
              if (limit !== undefined && ++events >= limit) end("ended");
          }
        });
        socket.addEventListener("close", () => end("ended"));
        socket.addEventListener("error", () => end("ended"));
        socket.accept();
      },
      cancel() {
        end("cancelled");
      },
    },
    new CountQueuingStrategy({ highWaterMark: MAX_BEHIND_CHUNKS }),
  );
  return new Response(body, { headers: SSE_HEADERS });
}
