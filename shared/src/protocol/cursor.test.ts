import { describe, expect, test } from "vitest";
import { fuzzCursor, type AdvanceRule } from "../../../test/contract/cursor-fuzz.ts";
import { chooseSeed, seededRandom } from "../../../test/support/random.ts";
import { advance } from "./cursor.ts";

const at = { epoch: 3, offset: 100 };
const span = (offset: number, length: number) => ({ epoch: 3, offset, length });

test("[CH1] bytes that continue the cursor are taken whole", () => {
  expect(advance(at, span(100, 20))).toEqual({ type: "take", skip: 0, next: { epoch: 3, offset: 120 } });
});

test("[CH1] of bytes that overlap the cursor only the new part is taken", () => {
  expect(advance(at, span(90, 20))).toEqual({ type: "take", skip: 10, next: { epoch: 3, offset: 110 } });
});

test("[CH4] bytes that arrive a second time are dropped", () => {
  expect(advance(at, span(80, 20))).toEqual({ type: "duplicate" });
  expect(advance(at, span(0, 1))).toEqual({ type: "duplicate" });
  expect(advance(at, span(100, 0))).toEqual({ type: "duplicate" });
});

test("[CH5] bytes beyond the cursor are a gap with exact offsets", () => {
  expect(advance(at, span(101, 5))).toEqual({ type: "gap", from: 100, to: 101 });
});

test("[CH1] bytes of another epoch are never mixed with this one", () => {
  expect(advance(at, { epoch: 4, offset: 100, length: 1 })).toEqual({ type: "epoch", epoch: 4 });
});

describe("fuzz", () => {
  const seed = chooseSeed();
  const run = (rule: AdvanceRule) => () => fuzzCursor(rule, seededRandom(seed), 400);

  test(`[CH4] replay and live in any order assemble the stream exactly (seed ${seed})`, () => {
    expect(run(advance)).not.toThrow();
  });

  const mutate = (change: (verdict: ReturnType<AdvanceRule>, ...args: Parameters<AdvanceRule>) => ReturnType<AdvanceRule>): AdvanceRule => {
    return (cursor, bytes) => change(advance(cursor, bytes), cursor, bytes);
  };
  const faults: [string, AdvanceRule][] = [
    ["takes overlaps twice", mutate((verdict) => (verdict.type === "take" ? { ...verdict, skip: 0 } : verdict))],
    ["drops partial overlaps", mutate((verdict) => (verdict.type === "take" && verdict.skip > 0 ? { type: "duplicate" } : verdict))],
    [
      "jumps over gaps",
      mutate((verdict, cursor, bytes) =>
        verdict.type === "gap" ? { type: "take", skip: 0, next: { epoch: cursor.epoch, offset: bytes.offset + bytes.length } } : verdict,
      ),
    ],
    ["ignores the epoch", (cursor, bytes) => advance(cursor, { ...bytes, epoch: cursor.epoch })],
    [
      "is off by one at the end",
      mutate((verdict) => (verdict.type === "take" ? { ...verdict, next: { ...verdict.next, offset: verdict.next.offset + 1 } } : verdict)),
    ],
    ["tells the wrong gap", mutate((verdict) => (verdict.type === "gap" ? { ...verdict, to: verdict.to - 1 } : verdict))],
  ];
  test.each(faults)("[CH4] a cursor that %s does not pass the fuzz", (_, rule) => {
    expect(run(rule)).toThrow(`seed ${seed}`);
  });
});
