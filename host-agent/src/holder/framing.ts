/** Messages on the holder's socket: `[u32 length][u8 tag][payload]`, and the compact headers of data. */
import { MAX_HOLDER_MESSAGE_BYTES, TAG } from "./protocol.ts";

const PREFIX_BYTES = 5;
const OUTPUT_HEADER_BYTES = 15;
const WORD = 0x1_0000_0000;
const REPLAY = 1;
/** In front of each payload: with the head of an output message before its bytes, room for a header on the link. */
const ROOM_BYTES = 1;

export const encodeControlMessage = (message: object): Buffer => encodeMessage(TAG.control, [Buffer.from(JSON.stringify(message))]);

export function encodeMessage(tag: number, parts: readonly Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.byteLength, 0);
  const message = Buffer.allocUnsafe(PREFIX_BYTES + length);
  message.writeUInt32BE(length + 1, 0);
  message[4] = tag;
  let at = PREFIX_BYTES;
  for (const part of parts) {
    message.set(part, at);
    at += part.byteLength;
  }
  return message;
}

export interface OutputHeader {
  index: number;
  epoch: number;
  offset: number;
  replay: boolean;
}

/** Prefix and header of an output message; its bytes follow on the socket uncopied. */
export function encodeOutputHead(header: OutputHeader, length: number): Buffer {
  const head = Buffer.allocUnsafe(PREFIX_BYTES + OUTPUT_HEADER_BYTES);
  head.writeUInt32BE(1 + OUTPUT_HEADER_BYTES + length, 0);
  head[4] = TAG.output;
  head.writeUInt32BE(header.index, 5);
  head.writeUInt16BE(header.epoch, 9);
  head[11] = header.replay ? REPLAY : 0;
  head.writeUInt32BE(Math.floor(header.offset / WORD), 12);
  head.writeUInt32BE(header.offset % WORD, 16);
  return head;
}

/** @param payload as a reader told it: its own memory, which the bytes' receiver may write into up to `room` in front of them. */
export function decodeOutput(payload: Buffer): (OutputHeader & { bytes: Uint8Array; room: number }) | undefined {
  if (payload.byteLength < OUTPUT_HEADER_BYTES) return undefined;
  return {
    index: payload.readUInt32BE(0),
    epoch: payload.readUInt16BE(4),
    replay: (payload.readUInt8(6) & REPLAY) !== 0,
    offset: payload.readUInt32BE(7) * WORD + payload.readUInt32BE(11),
    bytes: payload.subarray(OUTPUT_HEADER_BYTES),
    room: ROOM_BYTES + OUTPUT_HEADER_BYTES,
  };
}

/** Input: `[u8 id length][id][bytes]`. */
export function encodeInput(session: string, bytes: Uint8Array): Buffer {
  // In one piece: this is on the way of every keystroke.
  const message = Buffer.allocUnsafe(PREFIX_BYTES + 1 + session.length + bytes.byteLength);
  message.writeUInt32BE(message.byteLength - PREFIX_BYTES + 1, 0);
  message[4] = TAG.input;
  message[PREFIX_BYTES] = session.length;
  message.write(session, PREFIX_BYTES + 1, "latin1");
  message.set(bytes, PREFIX_BYTES + 1 + session.length);
  return message;
}

export function decodeInput(payload: Buffer): { session: string; bytes: Uint8Array } | undefined {
  const length = payload[0];
  if (length === undefined || payload.byteLength < 1 + length) return undefined;
  return { session: payload.toString("latin1", 1, 1 + length), bytes: payload.subarray(1 + length) };
}

/**
 * Cuts a byte stream into messages. Each payload is memory of its own that belongs to whoever is told; the chunk given
 * may be used again, so that a socket reads into one buffer for good. Holds one unfinished message, itself bounded.
 */
export class MessageReader {
  readonly #onMessage: (tag: number, payload: Buffer) => void;
  readonly #prefix = Buffer.alloc(PREFIX_BYTES);
  #prefixBytes = 0;
  #payload: Buffer | undefined;
  #payloadBytes = 0;

  constructor(onMessage: (tag: number, payload: Buffer) => void) {
    this.#onMessage = onMessage;
  }

  /** False when the stream is broken: the connection must end. */
  push(chunk: Buffer): boolean {
    let at = 0;
    while (at < chunk.byteLength) {
      if (this.#payload === undefined) {
        const taken = chunk.copy(this.#prefix, this.#prefixBytes, at);
        this.#prefixBytes += taken;
        at += taken;
        if (this.#prefixBytes < PREFIX_BYTES) return true;
        const length = this.#prefix.readUInt32BE(0);
        if (length < 1 || length > MAX_HOLDER_MESSAGE_BYTES) return false;
        this.#payload = Buffer.allocUnsafe(ROOM_BYTES + length - 1).subarray(ROOM_BYTES);
        this.#payloadBytes = 0;
      }
      const taken = chunk.copy(this.#payload, this.#payloadBytes, at);
      this.#payloadBytes += taken;
      at += taken;
      if (this.#payloadBytes === this.#payload.byteLength) this.#finish(this.#payload);
    }
    return true;
  }

  #finish(payload: Buffer): void {
    this.#payload = undefined;
    this.#prefixBytes = 0;
    this.#onMessage(this.#prefix.readUInt8(4), payload);
  }
}
