import { describe, expect, it } from "vitest";
import { neverHeard } from "../net/liveness.ts";
import { staleSince, type Known } from "./freshness.ts";

const live: Known = {
  load: { type: "ready" },
  connection: { type: "open" },
  liveness: { ...neverHeard, lastByteMs: 9_000 },
  fetchedAtMs: 50_000,
};
const at = (ms: number) => ({ wallMs: 50_000 + ms, monotonicMs: 10_000 });

describe("freshness of the lists", () => {
  it("is live as long as the events come, however old the last fetch is", () => {
    expect(staleSince(live, at(60_000))).toBeUndefined();
  });

  it("is the last fetch's moment once the socket is away, the fetch failed or nothing is heard", () => {
    for (const change of [
      { connection: { type: "waiting" } },
      { connection: { type: "connecting" } },
      { connection: { type: "stopped" } },
      { load: { type: "stale" } },
      { liveness: { ...neverHeard, lastByteMs: 1_000 } },
    ] satisfies Partial<Known>[])
      expect(staleSince({ ...live, ...change }, at(5_000)), JSON.stringify(change)).toBe(50_000);
  });

  it("says nothing of what was fetched just now, or never", () => {
    expect(staleSince({ ...live, connection: { type: "connecting" } }, at(500))).toBeUndefined();
    expect(staleSince({ ...live, connection: { type: "waiting" }, load: { type: "failed" } }, at(5_000))).toBeUndefined();
    expect(staleSince({ ...live, connection: { type: "waiting" }, fetchedAtMs: undefined }, at(5_000))).toBeUndefined();
  });
});
