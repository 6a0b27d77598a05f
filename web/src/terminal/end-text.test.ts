import { expect, test } from "vitest";
import { endText } from "./end-text.ts";

test("what a host says of a signal is shown without what would turn or hide text", () => {
  expect(endText({ reason: "exited", signal: "SIG\u202eKILL\u009b", atMs: 0 })).toBe("Ended by SIGKILL");
  expect(endText({ reason: "killed", signal: "\u2066TERM", atMs: 0 })).toBe("Ended on request (TERM)");
});
