import { VIEWER_ACK_BYTES } from "@maestro/shared/limits";
import { FLAG, type Frame } from "@maestro/shared/protocol/frame";
import { describe, expect, it } from "vitest";
import {
  emptyStream,
  hasUnacknowledged,
  onBinary,
  onControl,
  onIdle,
  onWritten,
  reopened,
  resumeFrom,
  type Effect,
  type Step,
  type Stream,
} from "./stream.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const output = (offset: number, text: string, flags = 0, epoch = 1): Frame => ({
  kind: "output",
  flags,
  epoch,
  channel: 0,
  offset,
  payload: bytes(text),
});
const part = (text: string, flags = 0): Frame => ({ kind: "snapshot", flags, epoch: 1, channel: 0, offset: 0, payload: bytes(text) });
const begin = (offset: number, length: number, lines = 0, epoch = 1) =>
  ({ t: "snapshot", epoch, offset, bytes: length, cols: 80, rows: 24, lines }) as const;

type Input = Frame | Parameters<typeof onControl>[1];

function run(inputs: readonly Input[], from: Stream = emptyStream): Step {
  let stream = from;
  const effects: Effect[] = [];
  for (const input of inputs) {
    const step = "t" in input ? onControl(stream, input) : onBinary(stream, input);
    stream = step.stream;
    effects.push(...step.effects);
  }
  return { stream, effects };
}

/** What the terminal shows, as text; a screen replaces everything. */
function shown(effects: readonly Effect[]): string {
  let text = "";
  for (const effect of effects) {
    if (effect.type === "screen") text = new TextDecoder().decode(effect.bytes);
    if (effect.type === "write") text += new TextDecoder().decode(effect.bytes);
  }
  return text;
}

const attached = run([begin(100, 6), part("screen", FLAG.last)]).stream;

describe("attach", () => {
  it("[CH4] the screen comes first and output goes on exactly at its offset", () => {
    const { stream, effects } = run([
      output(90, "early"),
      begin(100, 6),
      part("scr"),
      part("een", FLAG.last),
      output(98, "..ab", FLAG.replay),
      output(102, "cd"),
    ]);
    expect(shown(effects)).toBe("screenabcd");
    expect(stream.cursor).toEqual({ epoch: 1, offset: 104 });
    expect(effects.map((effect) => effect.type)).toEqual(["screen", "write", "write"]);
  });

  it("[CH4] output that comes between the parts of a screen waits for its end", () => {
    const { effects } = run([begin(100, 6), part("scr"), output(100, "abc"), output(103, "d"), part("een", FLAG.last)]);
    expect(shown(effects)).toBe("screenabcd");
    expect(effects[0]?.type).toBe("screen");
  });

  it("[CH4] an empty screen is a screen", () => {
    const { stream, effects } = run([begin(0, 0), output(0, "$ ")]);
    expect(effects.map((effect) => effect.type)).toEqual(["screen", "write"]);
    expect(stream.phase.type).toBe("following");
  });

  it("[CH1] whatever arrives twice or overlapping is shown once", () => {
    const { effects } = run([output(100, "abc"), output(100, "abc", FLAG.replay), output(101, "bcd"), output(104, "e")], attached);
    expect(shown(effects)).toBe("abcde");
  });

  it("[VW2] only output that is produced now is marked live: replies to a replayed question go nowhere", () => {
    const { effects } = run([output(100, "ab", FLAG.replay), output(102, "cd")], attached);
    expect(effects.map((effect) => effect.type === "write" && effect.live)).toEqual([false, true]);
  });

  it("[VR2] a screen of another length than announced ends the socket, not the page", () => {
    for (const parts of [[part("screen!")], [part("scr", FLAG.last)]]) {
      const { stream, effects } = run([begin(100, 6), ...parts]);
      expect(effects.at(-1)?.type).toBe("redial");
      expect(resumeFrom(stream)).toBeUndefined();
    }
  });

  it("[VR2] frames that are not for a viewer change nothing", () => {
    const step = run(
      [
        { ...output(100, "x"), kind: "log" },
        { ...output(100, "x"), kind: "blob" },
        { ...output(100, "x"), kind: "input" },
      ],
      attached,
    );
    expect(step).toEqual({ stream: attached, effects: [] });
  });
});

describe("gaps", () => {
  it("[CH5] a gap is told and nothing is shown before the fresh screen", () => {
    const { effects } = run(
      [
        output(100, "a"),
        { t: "gap", epoch: 1, from: 101, to: 900 },
        output(900, "lost"),
        begin(900, 5),
        part("fresh", FLAG.last),
        output(900, "!"),
      ],
      attached,
    );
    expect(effects.find((effect) => effect.type === "gap")).toEqual({ type: "gap", from: 101, to: 900 });
    expect(shown(effects)).toBe("fresh!");
  });

  it("[CH5] output beyond the cursor that nobody announced is a visible gap and a new socket", () => {
    const { stream, effects } = run([output(103, "d")], attached);
    expect(effects).toEqual([
      { type: "gap", from: 100, to: 103 },
      { type: "redial", why: "Output is missing." },
    ]);
    expect(resumeFrom(stream)).toBeUndefined();
  });

  it("[VW6] a new epoch waits for its own screen", () => {
    const { stream, effects } = run(
      [output(0, "new life", 0, 2), begin(8, 3, 0, 2), part("new", FLAG.last), output(8, "!", 0, 2)],
      attached,
    );
    expect(shown(effects)).toBe("new!");
    expect(stream.cursor).toEqual({ epoch: 2, offset: 9 });
  });
});

describe("acknowledgements", () => {
  it("[VW4] nothing is acknowledged before the terminal parsed it, then every 128 KiB", () => {
    const big = "x".repeat(VIEWER_ACK_BYTES);
    const { stream, effects } = run([output(100, big)], onWritten(attached, { epoch: 1, offset: 100 }).stream);
    expect(effects.some((effect) => effect.type === "send")).toBe(false);
    const end = { epoch: 1, offset: 100 + big.length };
    expect(onWritten(stream, { epoch: 1, offset: end.offset - 1 }).effects).toEqual([]);
    expect(onWritten(stream, end).effects).toEqual([{ type: "send", frame: { t: "ack", ...end } }]);
  });

  it("[VW4] the first screen is acknowledged at once, and a pause acknowledges the rest", () => {
    const first = onWritten(attached, { epoch: 1, offset: 100 });
    expect(first.effects).toEqual([{ type: "send", frame: { t: "ack", epoch: 1, offset: 100 } }]);
    expect(hasUnacknowledged(first.stream)).toBe(false);
    const more = onWritten(run([output(100, "abc")], first.stream).stream, { epoch: 1, offset: 103 });
    expect(hasUnacknowledged(more.stream)).toBe(true);
    const idle = onIdle(more.stream);
    expect(idle.effects).toEqual([{ type: "send", frame: { t: "ack", epoch: 1, offset: 103 } }]);
    expect(onIdle(idle.stream).effects).toEqual([]);
  });

  it("[VW4] a screen taken again is acknowledged though it shows nothing new", () => {
    const { stream } = onWritten(attached, { epoch: 1, offset: 100 });
    expect(onWritten(stream, { epoch: 1, offset: 90 }).effects).toEqual([]);
    expect(onWritten(stream, { epoch: 1, offset: 100 }).effects).toEqual([{ type: "send", frame: { t: "ack", epoch: 1, offset: 100 } }]);
  });

  it("[VW4] sync restates the offset even if it was acknowledged before", () => {
    const { stream } = onWritten(attached, { epoch: 1, offset: 100 });
    expect(run([{ t: "sync" }], stream).effects).toEqual([{ type: "send", frame: { t: "ack", epoch: 1, offset: 100 } }]);
    expect(run([{ t: "sync" }]).effects).toEqual([]);
  });
});

describe("history", () => {
  it("[CH4] a screen with history replaces the present one and the stream goes on from its offset without a loss", () => {
    const before = run([output(100, "abcdef")], attached);
    const swapped = run(
      [begin(103, 7, 2000), part("history", FLAG.last), output(103, "def", FLAG.replay), output(106, "g")],
      before.stream,
    );
    expect(shown(swapped.effects)).toBe("historydefg");
    expect(swapped.stream.cursor).toEqual({ epoch: 1, offset: 107 });
  });

  it("[VW6] a socket that dies in the middle of it leaves the old screen usable", () => {
    const before = run([output(100, "abc")], attached).stream;
    const half = run([begin(101, 7, 2000), part("his")], before).stream;
    expect(resumeFrom(half)).toEqual({ epoch: 1, offset: 103 });
    const again = run([{ t: "resumed", epoch: 1, offset: 103 }, output(103, "d")], reopened(half));
    expect(shown(again.effects)).toBe("d");
  });
});

describe("redial", () => {
  it("[VW6] asks for the bytes after the last one taken and continues without a new screen", () => {
    const before = run([output(100, "abc")], attached).stream;
    expect(resumeFrom(before)).toEqual({ epoch: 1, offset: 103 });
    const { effects } = run(
      [{ t: "resumed", epoch: 1, offset: 103 }, output(101, "bcde", FLAG.replay), output(105, "f")],
      reopened(before),
    );
    expect(shown(effects)).toBe("def");
  });

  it("[VW6] half of a first screen is worth nothing", () => {
    const half = run([begin(100, 6), part("scr")]).stream;
    expect(resumeFrom(half)).toBeUndefined();
    expect(reopened(half)).toEqual(emptyStream);
  });

  it("[VW6] a resume the terminal cannot follow gets a fresh screen from a new socket", () => {
    const { stream, effects } = run([{ t: "resumed", epoch: 1, offset: 500 }], attached);
    expect(effects.at(-1)?.type).toBe("redial");
    expect(resumeFrom(stream)).toBeUndefined();
  });
});

/** mulberry32: small, seeded, good enough to choose cuts. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

describe("any cut, overlap and repetition", () => {
  it("[VW6] the terminal's bytes are the program's bytes (seeded)", () => {
    for (let seed = 1; seed <= 200; seed++) {
      const next = random(seed);
      const program = Array.from({ length: 400 }, () => String.fromCharCode(97 + Math.floor(next() * 26))).join("");
      let stream = emptyStream;
      let text = "";
      const feed = (input: Input): void => {
        const step = run([input], stream);
        stream = step.stream;
        for (const effect of step.effects) {
          expect(effect.type, `seed ${seed}`).not.toBe("redial");
          if (effect.type === "screen") text = new TextDecoder().decode(effect.bytes);
          if (effect.type === "write") text += new TextDecoder().decode(effect.bytes);
        }
      };
      while ((stream.cursor?.offset ?? 0) < program.length) {
        const from = resumeFrom(stream);
        stream = reopened(stream);
        if (from === undefined || next() < 0.2) {
          const at = from === undefined ? Math.floor(next() * 50) : Math.floor(next() * (from.offset + 1));
          feed(begin(at, at));
          for (let i = 0; i < at; i += 7) {
            if (next() < 0.05) break;
            feed(part(program.slice(i, Math.min(at, i + 7))));
          }
          if (stream.phase.type !== "following") continue;
        } else {
          feed({ t: "resumed", ...from });
        }
        for (let sent = 0; sent < 8; sent++) {
          const at = Math.max(0, (stream.cursor?.offset ?? 0) - Math.floor(next() * 10));
          feed(output(at, program.slice(at, at + 1 + Math.floor(next() * 25)), next() < 0.5 ? FLAG.replay : 0));
        }
      }
      expect(text, `seed ${seed}`).toBe(program);
    }
  });
});
