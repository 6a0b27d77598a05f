import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { isSafeText } from "@maestro/shared/sanitize";
import { decodeCase, HostileCorpus } from "../../../../test/fixtures/hostile-escapes.ts";
import { LogFilter, readableText } from "./log-filter.ts";

const corpus = HostileCorpus.parse(
  JSON.parse(readFileSync(new URL("../../../../test/fixtures/hostile-escapes.json", import.meta.url), "utf8")),
);
const COLOURS = /\u001b\[[\d;:]*m/g;

describe("a log that is printed", () => {
  test.each(corpus)("shows what $name shows, as lines that do not act", (one) => {
    for (const colours of [false, true]) {
      const filter = new LogFilter({ colours });
      const text = [Buffer.from("before\n"), ...decodeCase(one)].map((part) => filter.write(part)).join("") + filter.end();
      expect(text.startsWith("before\n")).toBe(true);
      const plain = colours ? text.replace(COLOURS, "") : text;
      expect(plain.split(/[\n\t]/).every(isSafeText)).toBe(true);
    }
  });

  test("keeps colours for a terminal only, and ends them", () => {
    expect(readableText("\u001b[31mred\u001b[0m\tx\n", true)).toBe("\u001b[31mred\u001b[0m\tx\n\u001b[0m");
    expect(readableText("\u001b[31mred\u001b[0m\tx\n")).toBe("red\tx\n");
  });

  test("makes lines of what was written over", () => {
    expect(readableText("10%\r20%\rdone\r\nnext\r")).toBe("10%\n20%\ndone\nnext");
  });

  test("is the same however it is cut", () => {
    const bytes = Buffer.from("a\u001b[1mb\r\n\u001b]0;title\u0007日本\r\rc\u001b[2Jd\u001b]8;;http://x\u001b\\e\n");
    const whole = new LogFilter({ colours: true });
    const expected = whole.write(bytes) + whole.end();
    for (let at = 1; at < bytes.byteLength; at++) {
      const filter = new LogFilter({ colours: true });
      expect(filter.write(bytes.subarray(0, at)) + filter.write(bytes.subarray(at)) + filter.end()).toBe(expected);
    }
  });
});
