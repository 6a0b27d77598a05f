import { describe, expect, it } from "vitest";
import { neverHeard } from "../net/liveness.ts";
import { pillText } from "./pill-text.ts";

const quiet = neverHeard;

describe("connection pill", () => {
  it("shows the round trip, and silence as soon as there is some", () => {
    const open = { type: "open", sinceMs: 0 } as const;
    expect(pillText(open, quiet, 0, true).text).toBe("Connected");
    expect(pillText(open, { ...quiet, roundTripMs: 3.24, lastByteMs: 900 }, 1_000, true)).toMatchObject({ tone: "", text: "3.2 ms" });
    expect(pillText(open, { ...quiet, roundTripMs: 41.6, lastByteMs: 1_000 }, 10_000, true)).toMatchObject({
      tone: "bad",
      text: "Silent for 9 s",
    });
  });

  it("counts down to the next try, and says offline when the device is", () => {
    const waiting = { type: "waiting", untilMs: 4_200, why: "" } as const;
    expect(pillText(waiting, quiet, 1_000, true).text).toBe("Reconnecting in 4 s");
    expect(pillText(waiting, quiet, 4_000, true).text).toBe("Reconnecting…");
    expect(pillText(waiting, quiet, 1_000, false)).toMatchObject({ tone: "dead", text: "Offline" });
  });
});
