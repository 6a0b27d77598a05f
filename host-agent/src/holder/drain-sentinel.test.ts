import { expect, test } from "vitest";
import { SentinelScanner } from "./drain-sentinel.ts";

const SENTINEL = Buffer.from("5e9715e1");

test("what comes before the sentinel is output, cut at any place; what follows is not", () => {
  const whole = Buffer.from(`tail 5e97 5e9715e${SENTINEL.toString()}straggler`);
  for (let cut = 0; cut <= whole.byteLength; cut++) {
    const scanner = new SentinelScanner(SENTINEL);
    let output = "";
    let ended = false;
    for (const piece of [whole.subarray(0, cut), whole.subarray(cut)]) {
      if (ended) break;
      const drained = scanner.push(piece);
      output += drained.bytes.toString();
      ended = drained.type === "end";
    }
    expect(ended).toBe(true);
    expect(output).toBe("tail 5e97 5e9715e");
  }
});

test("a sentinel that never comes leaves what looked like its beginning", () => {
  const scanner = new SentinelScanner(SENTINEL);
  expect(scanner.push(Buffer.from("abc5e97")).bytes.toString()).toBe("abc");
  expect(scanner.rest().toString()).toBe("5e97");
});
