import { describe, expect, test } from "vitest";
import { parseDetachKey, splitTyped, watcherKey, type DetachKey } from "./keys.ts";
import { viewerRedialMs } from "./remote.ts";
import { ViewerStream } from "./stream.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function key(text: string): DetachKey {
  const parsed = parseDetachKey(text);
  if (!parsed.ok) throw new Error(parsed.error.detail);
  return parsed.value;
}

describe("keys", () => {
  const quit = key("ctrl-q");

  test.each([["\u0011"], ["\u001b[113;5u"], ["\u001b[27;5;113~"]])("the detach key is known in the form %j", (form) => {
    expect(splitTyped(bytes(form), quit)).toEqual([{ type: "detach" }]);
    expect(splitTyped(bytes(`ls\r${form}rm`), quit)).toEqual([{ type: "input", bytes: bytes("ls\r") }, { type: "detach" }]);
  });

  test("everything else is the program's, byte for byte", () => {
    const all = Uint8Array.from({ length: 256 }, (_, i) => i).filter((byte) => byte !== 0x11);
    expect(splitTyped(all, quit)).toEqual([{ type: "input", bytes: all }]);
  });

  test("a watcher takes the pen, leaves, or is not heard", () => {
    expect([
      watcherKey(bytes("t"), quit),
      watcherKey(bytes("q"), quit),
      watcherKey(bytes("\u0011"), quit),
      watcherKey(bytes("rm -rf"), quit),
    ]).toEqual(["take", "detach", "detach", "none"]);
  });

  test.each([["q"], ["ctrl-1"], ["alt-q"], [""]])("%j cannot detach", (text) => {
    expect(parseDetachKey(text)).toMatchObject({ ok: false, error: { code: "flag_invalid", field: "detach-key" } });
  });
});

describe("a viewer's stream", () => {
  test("[CH4] is a screen, then exactly the bytes after it", () => {
    const stream = new ViewerStream();
    expect(stream.output(1, 0, bytes("early"))).toEqual({ type: "nothing" });
    expect(stream.beginScreen({ epoch: 1, offset: 10, bytes: 6, cols: 80, rows: 24 })).toEqual({ type: "nothing" });
    expect(stream.screenPart(bytes("scr"))).toEqual({ type: "nothing" });
    expect(stream.screenPart(bytes("een"))).toEqual({
      type: "screen",
      bytes: bytes("screen"),
      cursor: { epoch: 1, offset: 10 },
      size: { cols: 80, rows: 24 },
    });
    expect(stream.output(1, 5, bytes("12345"))).toEqual({ type: "nothing" });
    expect(stream.output(1, 8, bytes("oldNEW"))).toEqual({ type: "output", bytes: bytes("dNEW"), cursor: { epoch: 1, offset: 14 } });
    expect(stream.cursor).toEqual({ epoch: 1, offset: 14 });
  });

  test("[CH1] bytes beyond the cursor or of another epoch mean that the place is lost", () => {
    for (const [epoch, offset] of [
      [1, 11],
      [2, 10],
    ] as const) {
      const stream = new ViewerStream();
      stream.resumed({ epoch: 1, offset: 10 });
      expect(stream.output(epoch, offset, bytes("x"))).toEqual({ type: "lost" });
      expect(stream.cursor).toBeUndefined();
    }
  });

  test("[CH4] an empty screen is a screen", () => {
    expect(new ViewerStream().beginScreen({ epoch: 0, offset: 0, bytes: 0, cols: 80, rows: 24 })).toMatchObject({ type: "screen" });
  });

  test("[VW6] half a screen does not survive the connection, a whole place does", () => {
    const stream = new ViewerStream();
    stream.resumed({ epoch: 1, offset: 5 });
    stream.disconnected();
    expect(stream.cursor).toEqual({ epoch: 1, offset: 5 });
    stream.beginScreen({ epoch: 1, offset: 9, bytes: 100, cols: 80, rows: 24 });
    stream.disconnected();
    expect(stream.cursor).toBeUndefined();
  });

  test("[VW4] is acknowledged every 128 KiB at least", () => {
    const stream = new ViewerStream();
    stream.resumed({ epoch: 1, offset: 0 });
    expect(stream.mustAcknowledge(131_071)).toBe(false);
    expect(stream.mustAcknowledge(131_072)).toBe(true);
    stream.acknowledged(131_072);
    expect(stream.mustAcknowledge(131_073)).toBe(false);
  });
});

test("a viewer's redial is jittered from 250 ms to 15 s", () => {
  expect([0, 1, 2, 6, 50].map((attempt) => viewerRedialMs(attempt, 1))).toEqual([250, 500, 1000, 15_000, 15_000]);
  expect(viewerRedialMs(3, 0)).toBe(0);
});
