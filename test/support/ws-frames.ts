/** WebSocket frames on a raw TCP stream, one direction: HTTP until the blank line, frames after it. */

export interface RawFrame {
  /** The whole frame as it was, header and mask included. */
  raw: Buffer;
  /** FIN and reserved bits with the opcode. */
  first: number;
  opcode: number;
  /** The payload as text, mask taken off. */
  text: () => string;
}

export interface Split {
  /** Bytes of the HTTP upgrade, on the call that completes it. */
  head: Buffer | undefined;
  frames: RawFrame[];
}

const END_OF_HEAD = "\r\n\r\n";

/** Feed it chunks; it answers what became whole. A request that is no upgrade stays without a head's end and is passed on at once. */
export function wholeFrames(): (chunk: Buffer) => Split {
  let pending: Buffer = Buffer.alloc(0);
  let upgraded = false;
  return (chunk) => {
    pending = pending.byteLength === 0 ? chunk : Buffer.concat([pending, chunk]);
    let head: Buffer | undefined;
    if (!upgraded) {
      const end = pending.indexOf(END_OF_HEAD);
      if (end === -1) return { head: undefined, frames: [] };
      const text = pending.subarray(0, end).toString("latin1");
      if (!/\r\n(upgrade): *websocket/i.test(text)) {
        // Plain HTTP on this connection so far: it may be upgraded later, on the same connection.
        head = pending;
        pending = Buffer.alloc(0);
        return { head, frames: [] };
      }
      head = pending.subarray(0, end + END_OF_HEAD.length);
      pending = pending.subarray(end + END_OF_HEAD.length);
      upgraded = true;
    }
    const frames: RawFrame[] = [];
    for (let frame = firstFrame(pending); frame !== undefined; frame = firstFrame(pending)) {
      pending = pending.subarray(frame.raw.byteLength);
      frames.push(frame);
    }
    return { head, frames };
  };
}

function firstFrame(bytes: Buffer): RawFrame | undefined {
  if (bytes.byteLength < 2) return undefined;
  const first = bytes.readUInt8(0);
  const second = bytes.readUInt8(1);
  const masked = (second & 0x80) !== 0;
  const short = second & 0x7f;
  const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
  const header = 2 + lengthBytes + (masked ? 4 : 0);
  if (bytes.byteLength < header) return undefined;
  const length = short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
  if (bytes.byteLength < header + length) return undefined;
  const raw = bytes.subarray(0, header + length);
  const text = () => {
    const payload = Buffer.from(raw.subarray(header));
    if (masked) for (let i = 0; i < payload.byteLength; i++) payload[i] = (payload[i] ?? 0) ^ raw.readUInt8(header - 4 + (i & 3));
    return payload.toString("utf8");
  };
  return { raw, first, opcode: first & 0x0f, text };
}
