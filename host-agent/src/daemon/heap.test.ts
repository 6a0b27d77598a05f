import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const HEAP = fileURLToPath(new URL("./heap.ts", import.meta.url));
/** Beside some live buffers, as the rings are, ten times as many that are garbage at once. Prints how often all was collected. */
const FLOOD = `
import { constants, PerformanceObserver } from "node:perf_hooks";
import { countBuffersAsHeap } from ${JSON.stringify(HEAP)};
if (process.argv[1] === "counted") countBuffersAsHeap();
let major = 0;
const count = (entries) => {
  for (const { detail } of entries) if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) major += 1;
};
const observer = new PerformanceObserver((list) => count(list.getEntries()));
observer.observe({ entryTypes: ["gc"] });
const rings = Array.from({ length: 640 }, () => Buffer.allocUnsafeSlow(64 * 1024).fill(1));
for (let turn = 0; turn < 300; turn++) {
  for (let n = 0; n < 64; n++) Buffer.allocUnsafeSlow(64 * 1024).fill(2);
  await new Promise(setImmediate);
}
count(observer.takeRecords());
console.log(major, rings.length);
`;

function collections(how: "counted" | "default"): number {
  const out = execFileSync(process.execPath, ["--input-type=module", "-e", FLOOD, how], { encoding: "utf8" });
  return Number.parseInt(out, 10);
}

test("a flood of buffers beside live ones has the heap collected a fraction as often", () => {
  // How often is V8's choice and differs from run to run; that it is several times as often does not.
  expect(collections("counted")).toBeLessThan(collections("default") / 2);
});
