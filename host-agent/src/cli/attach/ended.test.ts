import { describe, expect, test } from "vitest";
import { endOf } from "./ended.ts";

const holderGone = {
  code: "backend_unavailable",
  detail: "The process that holds this host's terminals is not running.",
  hint: "It is being started again; try once more in a moment.",
};

describe("[LK6] why an attached terminal ended", () => {
  test("what the host said is told, not what its close code means elsewhere", () => {
    expect(endOf(4400, "backend_unavailable", holderGone)).toEqual({
      type: "redial",
      why: "The process that holds this host's terminals is not running. It is being started again; try once more in a moment.",
    });
  });

  test("the reason alone names the refusal, when the words were lost", () => {
    expect(endOf(4400, "backend_unavailable", undefined)).toEqual({ type: "redial", why: "Terminal backend unavailable" });
  });

  test("an earlier refusal of something else is not taken for the reason", () => {
    const earlier = { code: "input_refused", detail: "nothing was typed" };
    expect(endOf(4400, "frame_invalid", earlier)).toEqual({ type: "redial", why: "Frame invalid" });
    expect(endOf(1006, "", earlier)).toEqual({ type: "redial", why: "the connection closed (1006)" });
  });

  test.each([
    [4401, "token_revoked", "token_revoked", "Log in again: maestro login <url>"],
    [4403, "scope_missing", "scope_missing", undefined],
    [4404, "session_not_found", "session_not_found", undefined],
    [4426, "upgrade_required 1-1", "upgrade_required", "Install the control plane's own version: its /install.sh does."],
  ])("%d ends it, with what to do", (code, reason, expected, hint) => {
    expect(endOf(code, reason, undefined)).toMatchObject({
      type: "over",
      failure: { error: { code: expected, ...(hint === undefined ? {} : { hint }) } },
    });
  });

  test("a normal close is no failure", () => {
    expect(endOf(1000, "done", undefined)).toEqual({ type: "over", failure: undefined });
  });
});
