/**
 * Output passes through this process in buffers outside V8's heap. By default each few MB of them begin a collection of
 * the whole heap, however much of it is known to live: during a flood that took a third of our time on the CPU. Counted
 * as part of the heap they are collected when they have grown in proportion to it.
 */
import { setFlagsFromString } from "node:v8";

/** Below it V8 does not know the flag, and says so on stderr. */
const SINCE_NODE = 24;

export function countBuffersAsHeap(nodeVersion = process.versions.node): void {
  if (Number.parseInt(nodeVersion, 10) >= SINCE_NODE) setFlagsFromString("--external-memory-accounted-in-global-limit");
}
