import { describe, expect, test } from "vitest";
import { SCREEN_BYTES_PLAIN } from "@maestro/shared/limits";
import { ScreenTerminal } from "./screen-terminal.ts";
import { seededRandom, pick, type Random } from "./testing/random.ts";

const screen = (cols = 80, rows = 24, offset = 0): ScreenTerminal =>
  new ScreenTerminal(
    cols,
    rows,
    offset,
    () => undefined,
    () => undefined,
  );
const bytes = (text: string): Buffer => Buffer.from(text, "utf8");
const shown = (state: { bytes: Uint8Array }): string => Buffer.from(state.bytes).toString();

/** But for the cursor saved in a buffer that was left: nobody can put it back, and returning programs save anew. */
const withoutSavedCursor = (state: { bytes: Uint8Array }): string =>
  shown(state).replace(/\x1b\[\d+;\d+H(?:[^\x1b]*)\x1b\[[\d;]*m\x1b7\x1b\[0m/, "");

/** What a program may write, from plain words to modes and margins; widths and wraps included. */
function piece(random: Random, cols: number, rows: number): string {
  const n = (max: number): number => 1 + Math.floor(random() * max);
  return pick<() => string>(random, [
    () => "word ",
    () => `line ${n(1000)}\r\n`,
    () => "x".repeat(n(cols + 10)),
    () => "日本語",
    () => "é",
    () => `\x1b[${pick(random, [0, 1, 2, 3, 4, 7, 9, 31, 42, 95])}m`,
    () => `\x1b[38;5;${n(255)}m`,
    () => `\x1b[48;2;${n(255)};${n(255)};${n(255)}m`,
    () => "\x1b[0m",
    () => `\x1b[${n(rows)};${n(cols)}H`,
    () => `\x1b[${n(5)}${pick(random, ["A", "B", "C", "D"])}`,
    () => `\x1b[${pick(random, [0, 1, 2])}${pick(random, ["J", "K"])}`,
    () => `\x1b[${n(4)}${pick(random, ["L", "M", "P", "@", "X", "S", "T"])}`,
    () => `\x1b[${n(5)};${6 + n(rows - 7)}r`,
    () => "\x1b[r",
    () => pick(random, ["\x1b[?1049h", "\x1b[?1049l"]),
    () =>
      pick(random, [
        "\x1b[?25l",
        "\x1b[?25h",
        "\x1b[?1h",
        "\x1b[?1l",
        "\x1b[?2004h",
        "\x1b[?2004l",
        "\x1b[?1002h",
        "\x1b[?1006h",
        "\x1b[?7l",
        "\x1b[?7h",
        "\x1b=",
        "\x1b>",
      ]),
    () => "\x1b]0;title\x07",
    () => pick(random, ["\t", "\b", "\r", "\n", "\x1bM"]),
  ])();
}

describe("[CH4] a snapshot and the bytes after it make the same screen as the whole stream", () => {
  for (let round = 0; round < 200; round++) {
    const seed = 0x5eed + round;
    test(`seed ${seed}`, () => {
      const random = seededRandom(seed);
      const [cols, rows] = pick<readonly [number, number]>(random, [
        [80, 24],
        [20, 10],
        [132, 50],
      ]);
      const stream = bytes(Array.from({ length: 20 + Math.floor(random() * 400) }, () => piece(random, cols, rows)).join(""));
      const cut = Math.floor(random() * stream.byteLength);
      const whole = screen(cols, rows);
      whole.write(stream);
      const first = screen(cols, rows);
      first.write(stream.subarray(0, cut));
      const snapshot = first.snapshot(0);
      const second = screen(cols, rows);
      second.write(snapshot.bytes);
      second.write(stream.subarray(snapshot.offset));
      expect(shown(second.text())).toBe(shown(whole.text()));
      expect(withoutSavedCursor(second.snapshot(0))).toBe(withoutSavedCursor(whole.snapshot(0)));
    });
  }
});

test("[CH4] a snapshot in the middle of an escape sequence or a character belongs to where that began", () => {
  for (const [text, cut, offset] of [
    ["ab\x1b[31mred", 4, 2],
    ["ab\x1b]0;title\x07", 9, 2],
    ["aé", 2, 1],
    ["a日", 3, 1],
    ["\x1b[1mb", 5, 5],
  ] as const) {
    const it = screen();
    it.write(bytes(text).subarray(0, cut));
    expect(it.snapshot(0).offset).toBe(offset);
  }
});

test("[CH4] a long unfinished sequence in many pieces keeps its beginning", () => {
  const it = screen();
  it.write(bytes("abc\x1b]52;c;"));
  for (let i = 0; i < 10; i++) it.write(bytes("AAAA"));
  expect(it.snapshot(0).offset).toBe(3);
  it.write(bytes("\x07d"));
  expect(it.snapshot(0).offset).toBe(it.offset);
});

test("[CH4] a plain 80×24 screen fits in 16 KiB", () => {
  const it = screen();
  for (let i = 0; i < 100; i++) it.write(bytes(`${"x".repeat(79)}\r\n`));
  expect(it.snapshot(0).bytes.byteLength).toBeLessThanOrEqual(SCREEN_BYTES_PLAIN);
});

test("[CH4] scrollback comes with the lines that were asked for", () => {
  const it = screen(80, 10);
  for (let i = 0; i < 100; i++) it.write(bytes(`line ${i}\r\n`));
  const state = it.snapshot(20);
  expect(state.lines).toBe(20);
  expect(shown(state)).toContain("line 71");
  expect(shown(state)).not.toContain("line 70\r");
});

test("titles lose control and bidi characters", () => {
  const titles: string[] = [];
  const it = new ScreenTerminal(
    80,
    24,
    0,
    (title) => titles.push(title),
    () => undefined,
  );
  it.write(bytes("\x1b]2;a\u202eb\u200bc\x07"));
  expect(titles).toEqual(["abc"]);
});

test("erasing up to the end of the last line empties the screen instead of breaking the parser", () => {
  for (const erase of ["\x1b[1J", "\x1b[?1J"]) {
    const it = screen(10, 3);
    it.write(bytes(`a\r\nb\r\n${"c".repeat(10)}${erase}`));
    expect(shown(it.text())).toBe("");
    it.write(bytes("\x1b[Hgoes on"));
    expect(shown(it.text())).toBe("goes on\n");
  }
});

test("combining marks without end, repeated, cost what a screen costs", () => {
  const it = screen();
  it.write(bytes(`a${"\u0301".repeat(20_000)}\x1b[9999bdone`));
  expect(shown(it.text())).toContain("done");
  expect(it.snapshot(0).bytes.byteLength).toBeLessThan(512 * 1024);
});
