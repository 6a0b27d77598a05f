import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { commandLine, decodeOctal, quoteWord } from "./tmux-escape.ts";
import { seededRandom } from "./testing/random.ts";

const dir = mkdtempSync(path.join(tmpdir(), "mt-"));
const socket = path.join(dir, "s");
const tmux = (...args: string[]): string => execFileSync("tmux", ["-S", socket, "-f", "/dev/null", "-u", ...args], { encoding: "utf8" });

beforeAll(() => void tmux("start-server", ";", "set", "-s", "exit-empty", "off", ";", "new-session", "-d", "-s", "t", "cat"));
afterAll(() => {
  spawnSync("tmux", ["-S", socket, "kill-server"]);
  rmSync(dir, { recursive: true });
});

/** As tmux does it: below 0x20 and the backslash. */
function encodeOctal(bytes: Buffer): Buffer {
  return Buffer.concat(
    [...bytes].map((byte) => (byte < 0x20 || byte === 0x5c ? Buffer.from(`\\${byte.toString(8).padStart(3, "0")}`) : Buffer.from([byte]))),
  );
}

function decoded(data: Buffer): Buffer {
  const out = Buffer.alloc(data.byteLength);
  return out.subarray(0, decodeOctal(data, out, 0));
}

test("octal escapes are undone byte by byte, for any bytes", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = seededRandom(seed);
    const bytes = Buffer.from(
      Array.from({ length: Math.floor(random() * 500) }, () => (random() < 0.3 ? 0x5c : Math.floor(random() * 256))),
    );
    expect(decoded(encodeOctal(bytes)).equals(bytes), `seed ${seed}`).toBe(true);
  }
});

test("what is decoded goes where it was told to, and nothing around it is touched", () => {
  const out = Buffer.alloc(12, 0x2e);
  expect(decodeOctal(Buffer.from("a\\015\\012"), out, 3)).toBe(6);
  expect(out.toString("latin1")).toBe("...a\r\n......");
});

test("any words go through tmux's own parser unchanged", () => {
  const random = seededRandom(0x7a);
  const alphabet = [
    "a",
    " ",
    "'",
    '"',
    "\\",
    "$HOME",
    "~",
    "#{pid}",
    "#(id)",
    ";",
    "{",
    "}",
    "\n",
    "\t",
    "%",
    "é",
    "日",
    "-",
    "=",
    "\x1b",
    "\x7f",
  ];
  for (let round = 0; round < 60; round++) {
    const word = Array.from({ length: 1 + Math.floor(random() * 12) }, () => alphabet[Math.floor(random() * alphabet.length)]).join("");
    execFileSync("tmux", ["-S", socket, "-f", "/dev/null", "-u", "source-file", "-"], {
      input: `${commandLine(["set-environment", "-t", "t", "WORD", word])}\n`,
    });
    // Shown with C escapes and quotes by newer versions, raw by older ones: the process environment is exact.
    const seen = tmux("show-environment", "-t", "t", "WORD");
    expect(seen.slice("WORD=".length, -1), JSON.stringify(word)).toBe(word);
  }
});

test("plain words stay readable", () => {
  expect(commandLine(["resize-window", "-x", "80"])).toBe("resize-window -x 80");
  expect(quoteWord("")).toBe('""');
});
