/** Messages on the holder's socket: `[u32 length][u8 tag][payload]`, and the compact headers of data. */
import { MAX_HOLDER_MESSAGE_BYTES, TAG } from "./protocol.ts";

const PREFIX_BYTES = 5;
const OUTPUT_HEADER_BYTES = 15;
const WORD = 0x1_0000_0000;
const REPLAY = 1;

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

export function decodeOutput(payload: Buffer): (OutputHeader & { bytes: Uint8Array }) | undefined {
  if (payload.byteLength < OUTPUT_HEADER_BYTES) return undefined;
  return {
    index: payload.readUInt32BE(0),
    epoch: payload.readUInt16BE(4),
    replay: (payload.readUInt8(6) & REPLAY) !== 0,
    offset: payload.readUInt32BE(7) * WORD + payload.readUInt32BE(11),
    bytes: payload.subarray(OUTPUT_HEADER_BYTES),
  };
}

/** Input: `[u8 id length][id][bytes]`. */
export function encodeInput(session: string, bytes: Uint8Array): Buffer {
  const id = Buffer.from(session, "latin1");
  return encodeMessage(TAG.input, [Uint8Array.of(id.byteLength), id, bytes]);
}

export function decodeInput(payload: Buffer): { session: string; bytes: Uint8Array } | undefined {
  const length = payload[0];
  if (length === undefined || payload.byteLength < 1 + length) return undefined;
  return { session: payload.toString("latin1", 1, 1 + length), bytes: payload.subarray(1 + length) };
}

/** Cuts a byte stream into messages. Holds at most one unfinished message, itself bounded. */
export class MessageReader {
  readonly #onMessage: (tag: number, payload: Buffer) => void;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #needed = PREFIX_BYTES;

  constructor(onMessage: (tag: number, payload: Buffer) => void) {
    this.#onMessage = onMessage;
  }

  /** False when the stream is broken: the connection must end. */
  push(chunk: Buffer): boolean {
    this.#pending.push(chunk);
    this.#pendingBytes += chunk.byteLength;
    while (this.#pendingBytes >= this.#needed) {
      const whole = this.#pending.length === 1 ? this.#pending[0] : Buffer.concat(this.#pending, this.#pendingBytes);
      if (whole === undefined) return false;
      let at = 0;
      this.#needed = PREFIX_BYTES;
      while (whole.byteLength - at >= PREFIX_BYTES) {
        const length = whole.readUInt32BE(at);
        if (length < 1 || length > MAX_HOLDER_MESSAGE_BYTES) return false;
        if (whole.byteLength - at < 4 + length) {
          this.#needed = 4 + length;
          break;
        }
        this.#onMessage(whole.readUInt8(at + 4), whole.subarray(at + PREFIX_BYTES, at + 4 + length));
        at += 4 + length;
      }
      const rest = whole.subarray(at);
      this.#pending = rest.byteLength === 0 ? [] : [rest];
      this.#pendingBytes = rest.byteLength;
    }
    return true;
  }
}
