import { describe, expect, it } from "vitest";
import type { SessionInfo } from "@maestro/shared/protocol/session";
import type { ToViewerFrame } from "@maestro/shared/protocol/viewer";
import { emptyFace, isOld, redialled, seeFrame, whyNoInput, type Face } from "./face.ts";

const session: SessionInfo = {
  id: "ses_1",
  name: "shell",
  backend: "pty",
  title: "",
  cwd: "/",
  command: "sh",
  cols: 80,
  rows: 24,
  createdMs: 0,
  lastActivityMs: 0,
  epoch: 1,
};
const welcome = (connected: boolean): ToViewerFrame => ({
  t: "welcome",
  version: 1,
  viewer: "vwr_1",
  resume: "secret",
  session,
  canWrite: true,
  host: { id: "hst_1", name: "second", connected },
});
const pen: ToViewerFrame = { t: "pen", writer: { viewer: "vwr_1", name: "ada" }, you: true, viewers: 1 };
const resumed: ToViewerFrame = { t: "resumed", epoch: 1, offset: 7 };
const back: ToViewerFrame = { t: "host", connected: true };
const screen: ToViewerFrame = { t: "snapshot", epoch: 1, offset: 7, bytes: 1, cols: 80, rows: 24, lines: 0 };
const gap: ToViewerFrame = { t: "gap", epoch: 1, from: 1, to: 7 };
const seen = (face: Face, ...frames: ToViewerFrame[]): Face => frames.reduce(seeFrame, face);
const typing = seen(emptyFace, welcome(true), pen, resumed);

describe("[CH6] what is typed", () => {
  it("is sent by who has the pen of a session that lives on a host that is there", () => {
    expect(whyNoInput(typing, true)).toBeUndefined();
    expect(whyNoInput(typing, false)).toBe("Not connected: what you type is not sent.");
    expect(whyNoInput(seen(typing, { ...pen, you: false }), true)).toBe("You are watching. Take the pen to type.");
    expect(whyNoInput(seen(typing, { t: "host", connected: false }), true)).toBe("second is away: what you type is not sent.");
    expect(whyNoInput(seen(typing, { t: "host", connected: false }, back), true)).toBeUndefined();
  });

  it.each([resumed, screen, gap])("is not sent over a socket that came back before its stream did: $t", (first) => {
    const face = redialled(typing);
    for (const early of [face, seen(face, welcome(true)), seen(face, welcome(true), pen)]) {
      expect(whyNoInput(early, true)).toBe("Attaching again: what you type is not sent.");
      expect(isOld(early, true)).toBe(true);
    }
    const attached = seen(face, welcome(true), pen, first);
    expect(whyNoInput(attached, true)).toBeUndefined();
    expect(isOld(attached, true)).toBe(false);
  });

  it("waits for both, where the socket is back before the host is", () => {
    const face = seen(redialled(typing), welcome(false), pen);
    expect(whyNoInput(face, true)).toBe("second is away: what you type is not sent.");
    expect(whyNoInput(seen(face, resumed), true)).toBe("second is away: what you type is not sent.");
    expect(whyNoInput(seen(face, resumed, back), true)).toBeUndefined();
  });
});
