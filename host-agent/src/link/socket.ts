/** The link's WebSocket and nothing else: no policy, no retry, no meaning of frames. */
import { WebSocket, type RawData } from "ws";
import { HEADER_BYTES } from "@maestro/shared/protocol/frame";
import { MAX_FRAME_BYTES } from "@maestro/shared/limits";
import { SUBPROTOCOL } from "@maestro/shared/protocol/version";
import type { MaestroError } from "@maestro/shared/errors";
import { parseJson } from "../config/json.ts";
import { connectorTo, type ConnectTarget } from "./connector.ts";
import { describeConnectFailure, readProblem, readRetryAfter } from "./http-call.ts";
import { isLoopback } from "./server-url.ts";

export interface SocketEvents {
  text(text: string): void;
  binary(bytes: Uint8Array): void;
  /** Bytes reached the kernel: more may be sent. */
  drained(): void;
  /** Once, after a successful open only. 1006: the connection broke. */
  closed(code: number, reason: string): void;
}

export interface LinkSocket {
  sendText(text: string): void;
  sendBinary(bytes: Uint8Array): void;
  readonly bufferedBytes: number;
  close(code: number, reason: string): void;
  /** At once, for a peer that does not answer. */
  terminate(): void;
}

export type OpenResult =
  | { type: "open"; socket: LinkSocket }
  /** The server answered and refused the upgrade. */
  | { type: "refused"; status: number; error: MaestroError; retryAfterMs: number | undefined }
  | { type: "unreachable"; error: MaestroError };

export interface OpenOptions extends ConnectTarget {
  path: string;
  headers: Readonly<Record<string, string>>;
  events: SocketEvents;
  signal: AbortSignal;
}

const MAX_REFUSAL_BYTES = 64 * 1024;

export function openSocket({ path, headers, events, signal, ...target }: OpenOptions): Promise<OpenResult> {
  const { url, timeoutMs } = target;
  return new Promise((resolve) => {
    const masking = new LoopbackMasking();
    const socket = new WebSocket(`${url.protocol === "https:" ? "wss:" : "ws:"}//${url.host}${path}`, SUBPROTOCOL, {
      headers: { ...headers },
      // Compression costs memory per link, and terminal output is compressed by nobody who can wait for it.
      perMessageDeflate: false,
      maxPayload: MAX_FRAME_BYTES + HEADER_BYTES,
      handshakeTimeout: timeoutMs,
      followRedirects: false,
      createConnection: connectorTo({ ...target, signal }),
      ...(isLoopback(url.hostname) ? { generateMask: masking.fill } : {}),
    });
    socket.binaryType = "nodebuffer";
    let state: "connecting" | "open" | "done" = "connecting";
    const settle = (result: OpenResult) => {
      if (state !== "connecting") return;
      state = result.type === "open" ? "open" : "done";
      resolve(result);
    };
    // Only the dialling is ended by force; an open link is its owner's to close.
    const abort = () => {
      if (state === "connecting") socket.terminate();
    };
    signal.addEventListener("abort", abort, { once: true });

    socket.on("open", () => settle({ type: "open", socket: wrap(socket, events, masking) }));
    socket.on("unexpected-response", (_request, response) => {
      // Known now: at its end the answer has let go of it, and kept alive it would hold a daemon that stops.
      const { socket: connection } = response;
      const chunks: Buffer[] = [];
      let bytes = 0;
      const finish = () => {
        const error = readProblem(response.statusCode ?? 0, parseJson(Buffer.concat(chunks).toString("utf8")));
        settle({
          type: "refused",
          status: response.statusCode ?? 0,
          error,
          retryAfterMs: readRetryAfter(response.headers["retry-after"], Date.now()),
        });
        connection.destroy();
      };
      response.on("data", (chunk: Buffer) => {
        bytes += chunk.byteLength;
        if (bytes <= MAX_REFUSAL_BYTES) chunks.push(chunk);
      });
      response.once("end", finish);
      response.once("error", finish);
      response.once("aborted", finish);
    });
    socket.on("message", (data: RawData, isBinary: boolean) => {
      if (state !== "open") return;
      const bytes = toBuffer(data);
      if (isBinary) events.binary(bytes);
      else events.text(bytes.toString("utf8"));
    });
    socket.on("error", (cause) => settle({ type: "unreachable", error: describeConnectFailure(url, cause) }));
    socket.on("close", (code, reason) => {
      signal.removeEventListener("abort", abort);
      if (state === "open") {
        state = "done";
        events.closed(code, reason.toString("utf8"));
      } else {
        settle({ type: "unreachable", error: describeConnectFailure(url, new Error("the connection closed during the handshake")) });
      }
    });
    if (signal.aborted) abort();
  });
}

function wrap(socket: WebSocket, events: SocketEvents, masking: LoopbackMasking): LinkSocket {
  // A send on a closing socket calls back with an error; the close event tells the rest.
  const flushed = () => events.drained();
  return {
    sendText: (text) => socket.send(text, { binary: false, compress: false }, flushed),
    sendBinary: (bytes) => {
      masking.next(bytes.byteLength);
      socket.send(bytes, { binary: true, compress: false }, flushed);
    },
    get bufferedBytes() {
      return socket.bufferedAmount;
    },
    close: (code, reason) => socket.close(code, reason),
    terminate: () => socket.terminate(),
  };
}

/** Up to this, one write of a copy is cheaper than two writes. */
const MASKED_BELOW_BYTES = 1024;

/**
 * Masking keeps proxies in between from being tricked; on loopback there is none. A zero mask saves the copy of a large
 * frame, and any other makes header and payload of a small one leave in one write.
 */
class LoopbackMasking {
  #bytes = 0;

  next(bytes: number): void {
    this.#bytes = bytes;
  }

  readonly fill = (mask: Buffer): void => {
    const value = this.#bytes < MASKED_BELOW_BYTES ? 1 : 0;
    for (let at = 0; at < mask.byteLength; at++) mask[at] = value;
  };
}

const toBuffer = (data: RawData): Buffer => (Buffer.isBuffer(data) ? data : Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data));
