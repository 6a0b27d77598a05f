/**
 * [F21] Doubles or reorders WebSocket control (text) frames on the wire, between two ends that do not know.
 * Works on raw frames inside a chaos proxy: nothing is re-encoded, so masks, signatures and binary frames
 * pass as they are. Only unfragmented, uncompressed frames are touched, which is what both ends send.
 */
import type { Direction, Transform } from "./chaos-lane.ts";
import { ChaosProxy, type ChaosOptions } from "./chaos-proxy.ts";
import { wholeFrames } from "./ws-frames.ts";

const OPCODE_TEXT = 1;
const FIN_TEXT = 0x80 | OPCODE_TEXT;

export type Verdict = "pass" | "double" | "swap";

export interface TapPlan {
  direction: Direction;
  /** Given the text of each control frame, also of one that is not free to choose (a swap is under way); `ping` and `pong` are left alone before it is asked. */
  decide: (text: string) => Verdict;
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
      return plan === undefined || text === "ping" || text === "pong" ? "pass" : plan.decide(text);
    }, counts);
  };
  return { proxy: await ChaosProxy.listen({ ...options, transform }), counts, seen };
}

/** A swapped frame goes out after its neighbour; one that has none, because data comes next, goes out before that. */
export function frameTransform(decide: (text: string) => Verdict, counts: WsTap["counts"]): Transform {
  const split = wholeFrames();
  let held: Buffer | undefined;
  return (chunk) => {
    const { head, frames } = split(chunk);
    const out: Buffer[] = head === undefined ? [] : [head];
    for (const frame of frames) {
      if (frame.first !== FIN_TEXT) {
        if (held !== undefined) out.push(held);
        held = undefined;
        out.push(frame.raw);
        continue;
      }
      const verdict = decide(frame.text());
      if (held !== undefined) {
        out.push(frame.raw, held);
        held = undefined;
        counts.swapped++;
      } else if (verdict === "swap") held = frame.raw;
      else {
        out.push(frame.raw);
        if (verdict === "double") {
          out.push(frame.raw);
          counts.doubled++;
        }
      }
    }
    return out;
  };
}
