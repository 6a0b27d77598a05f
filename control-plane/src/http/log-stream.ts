/**
 * [LG3] [EV3] A log as the body of an answer: read piece by piece as the reader takes it, or, followed, a socket of the
 * AttemptLog rendered for a bounded time. The reader counts its bytes and comes back with its offset.
 */
import { omittedMarker, type LogGap } from "@maestro/shared/log-marker";
import type { LogPage } from "../domain/tasks/calls.ts";
import { LogWord, readLogMessage, type LogAck } from "../objects/attempt-log/context.ts";
import { STREAM_MAX_MS } from "./socket-stream.ts";

/** A quiet stream ends before anything on the way takes it for dead. */
export const SILENT_MS = 60_000;
/** In memory for a reader that does not take it. */
const BEHIND_BYTES = 256 * 1024;
const READ_BYTES = 512 * 1024;

export interface LogSpan {
  from: number;
  /** Left out of what is to be read. */
  gap: LogGap | undefined;
}

/** @param to where it ends: what comes later is not waited for. */
export function storedLog(
  { from, gap }: LogSpan,
  to: number,
  read: (offset: number, maxBytes: number) => Promise<LogPage>,
): ReadableStream {
  const encoder = new TextEncoder();
  let at = from;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (at >= to) return controller.close();
        const { offset, bytes } = await read(at, READ_BYTES);
        if (bytes.byteLength === 0) return controller.close();
        // What is left out since the headers were written is found by whoever asks again.
        if (offset > at && gap?.from !== at) return controller.close();
        if (offset > at && gap !== undefined) controller.enqueue(encoder.encode(omittedMarker(gap)));
        const some = bytes.subarray(0, to - offset);
        controller.enqueue(some);
        at = offset + some.byteLength;
      },
    },
    new CountQueuingStrategy({ highWaterMark: 0 }),
  );
}

/** Owns the socket: whichever ends first, reader, time, log or socket, ends the others. @param maxMs of its credential. */
export function followedLog(socket: WebSocket, { from, gap }: LogSpan, timeScale: number, maxMs: number): ReadableStream {
  const encoder = new TextEncoder();
  let at = from;
  let owed = false;
  let end = (_how: "ended" | "cancelled"): void => undefined;
  const ack = (): void => {
    if (!owed) return;
    owed = false;
    try {
      socket.send(JSON.stringify({ t: "ack", offset: at } satisfies LogAck));
    } catch {
      // It closed a moment ago; its close event ends the stream.
    }
  };
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        let open = true;
        let silence: number | null = null;
        const deadline = setTimeout(() => end("ended"), Math.min(STREAM_MAX_MS * timeScale, Math.max(0, maxMs)));
        const heard = (): void => {
          clearTimeout(silence);
          silence = setTimeout(() => end("ended"), SILENT_MS * timeScale);
        };
        end = (how) => {
          if (!open) return;
          open = false;
          clearTimeout(silence);
          clearTimeout(deadline);
          socket.close(1000, "done");
          // A cancelled stream is closed by whoever cancelled it.
          if (how === "ended") controller.close();
        };
        const took = (offset: number, bytes: Uint8Array): void => {
          if (offset > at) return end("ended");
          const fresh = bytes.subarray(at - offset);
          if (fresh.byteLength > 0) controller.enqueue(fresh);
          at += fresh.byteLength;
          owed = true;
          if ((controller.desiredSize ?? 0) > 0) ack();
        };
        const said = (word: LogWord): void => {
          // Of what is left out only since the headers were written, the next answer's headers tell.
          if (word.t === "end" || (word.to > at && gap?.from !== at)) return end("ended");
          if (word.to <= at || gap === undefined) return;
          controller.enqueue(encoder.encode(omittedMarker(gap)));
          at = word.to;
        };
        socket.binaryType = "arraybuffer";
        socket.addEventListener("message", ({ data }) => {
          if (!open) return;
          heard();
          if (data instanceof ArrayBuffer) {
            const { offset, bytes } = readLogMessage(data);
            return took(offset, bytes);
          }
          const word = typeof data === "string" ? LogWord.safeParse(JSON.parse(data)) : undefined;
          if (word?.success === true) said(word.data);
        });
        socket.addEventListener("close", () => end("ended"));
        socket.addEventListener("error", () => end("ended"));
        heard();
        socket.accept();
      },
      // The reader took what there was.
      pull: ack,
      cancel() {
        end("cancelled");
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: BEHIND_BYTES }),
  );
}
