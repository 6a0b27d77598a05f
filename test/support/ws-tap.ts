/**
 * [F21] Doubles or reorders WebSocket control (text) frames on the wire, between two ends that do not know.
 * Works on raw frames inside a chaos proxy: nothing is re-encoded, so masks, signatures and binary frames
 * pass as they are. Only unfragmented, uncompressed frames are touched, which is what both ends send.
 */
import type { Direction, Transform } from "./chaos-lane.ts";
import { ChaosProxy, type ChaosOptions } from "./chaos-proxy.ts";

const OPCODE_TEXT = 1;
const FIN_TEXT = 0x80 | OPCODE_TEXT;

export interface TapPlan {
  direction: Direction;
  /** Given the text of each control frame; `ping` and `pong` are left alone before it is asked. */
  decide: (text: string) => "pass" | "double" | "swap";
}

export interface WsTap {
  proxy: ChaosProxy;
  /** What was done so far. */
  counts: { doubled: number; swapped: number };
  /** Text frames in order of arrival, newest last; the last 1,000. */
  seen: Record<Direction, string[]>;
}

const MAX_SEEN = 1_000;

export async function tapWebSocket(options: ChaosOptions, plans: readonly TapPlan[]): Promise<WsTap> {
  const counts = { doubled: 0, swapped: 0 };
  const seen: Record<Direction, string[]> = { up: [], down: [] };
  const transform = (direction: Direction): Transform => {
    const plan = plans.find((candidate) => candidate.direction === direction);
    return frameTransform((text) => {
      seen[direction].push(text);
      if (seen[direction].length > MAX_SEEN) seen[direction].shift();
      const verdict = plan === undefined || text === "ping" || text === "pong" ? "pass" : plan.decide(text);
      if (verdict === "double") counts.doubled++;
      if (verdict === "swap") counts.swapped++;
      return verdict;
    });
  };
  return { proxy: await ChaosProxy.listen({ ...options, transform }), counts, seen };
}

/** HTTP until the blank line, frames after it. A swapped frame goes out after the next text frame. */
export function frameTransform(decide: (text: string) => "pass" | "double" | "swap"): Transform {
  let pending: Buffer = Buffer.alloc(0);
  let upgraded = false;
  let held: Buffer | undefined;
  return (chunk) => {
    pending = Buffer.concat([pending, chunk]);
    const out: Buffer[] = [];
    if (!upgraded) {
      const end = pending.indexOf("\r\n\r\n");
      if (end === -1) return out;
      out.push(pending.subarray(0, end + 4));
      pending = pending.subarray(end + 4);
      upgraded = true;
    }
    for (let frame = wholeFrame(pending); frame !== undefined; frame = wholeFrame(pending)) {
      pending = pending.subarray(frame.raw.byteLength);
      if (frame.first !== FIN_TEXT) {
        out.push(frame.raw);
        continue;
      }
      const verdict = held === undefined ? decide(frame.text()) : "pass";
      if (verdict === "swap") {
        held = frame.raw;
        continue;
      }
      out.push(frame.raw);
      if (verdict === "double") out.push(frame.raw);
      if (held !== undefined) out.push(held);
      held = undefined;
    }
    return out;
  };
}

interface RawFrame {
  raw: Buffer;
  first: number;
  text: () => string;
}

function wholeFrame(bytes: Buffer): RawFrame | undefined {
  if (bytes.byteLength < 2) return undefined;
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
  return { raw, first: bytes.readUInt8(0), text };
}
