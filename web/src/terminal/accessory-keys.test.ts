import { describe, expect, it } from "vitest";
import { controlByte, KEYS } from "./accessory-keys.ts";

describe("keys of the phone", () => {
  it("are Esc, Tab, Ctrl, ↑, ↓, ^C, ⏎ and send what a keyboard would", () => {
    const sent = (application: boolean): string[] => KEYS.map((key) => (key.type === "ctrl" ? "ctrl" : key.bytes(application)));
    expect(sent(false)).toEqual(["\u001b", "\t", "ctrl", "\u001b[A", "\u001b[B", "\u0003", "\r"]);
    expect(sent(true).slice(3, 5)).toEqual(["\u001bOA", "\u001bOB"]);
  });

  it("Ctrl turns letters and a few signs into control characters, and leaves the rest", () => {
    expect(["a", "C", "[", " ", "?", "é", "1", "ab"].map(controlByte)).toEqual([
      "\u0001",
      "\u0003",
      "\u001b",
      "\u0000",
      "\u007f",
      undefined,
      undefined,
      undefined,
    ]);
  });
});
