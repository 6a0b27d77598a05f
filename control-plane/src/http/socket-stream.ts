/** A socket of an object rendered as the body of an answer, for a bounded time: the object hibernates, and the client comes back. */

/** After this the stream ends and the client reconnects. */
export const STREAM_MAX_MS = 5 * 60_000;
/** Keeps proxies from taking a quiet stream for a dead one. */
const KEEP_ALIVE_EVERY_MS = 15_000;
/** A reader that falls this far behind is let go; it comes back and resumes. */
const MAX_BEHIND_CHUNKS = 1_000;

export interface SocketStream {
  headers: Record<string, string>;
  timeScale: number;
  /** What is sent while nothing happens. */
  keepAlive: string;
  /** How a message of the socket reads; undefined: nothing of it is sent. `last`: the stream ends with it. */
  render(message: string): { text: string; last?: boolean } | undefined;
}

/** Owns the socket: whichever ends first, reader, time or socket, ends the others. */
export function streamOf(socket: WebSocket, { headers, timeScale, keepAlive, render }: SocketStream): Response {
  const encoder = new TextEncoder();
  let end = (_how: "ended" | "cancelled"): void => undefined;
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const put = (text: string): void => {
          if ((controller.desiredSize ?? 0) <= 0) end("ended");
          else controller.enqueue(encoder.encode(text));
        };
        const alive = setInterval(() => put(keepAlive), KEEP_ALIVE_EVERY_MS * timeScale);
        const deadline = setTimeout(() => end("ended"), STREAM_MAX_MS * timeScale);
        let open = true;
        end = (how) => {
          if (!open) return;
          open = false;
          clearInterval(alive);
          clearTimeout(deadline);
          socket.close(1000, "done");
          // A cancelled stream is closed by whoever cancelled it.
          if (how === "ended") controller.close();
        };
        socket.addEventListener("message", ({ data }) => {
          const rendered = typeof data === "string" && open ? render(data) : undefined;
          if (rendered === undefined) return;
          put(rendered.text);
          if (rendered.last === true) end("ended");
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
  return new Response(body, { headers });
}
