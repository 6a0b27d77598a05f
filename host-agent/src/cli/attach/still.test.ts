import { describe, expect, test } from "vitest";
import { stillAnsi } from "./still.ts";

const E = "\u001b";
const END = `${E}]8;;${E}\\${E}[0m\n`;

describe("a screen printed once", () => {
  test.each([
    ["colours", `${E}[1;38;5;196mx${E}[0m`],
    ["moves over blank cells", `a${E}[12Cb\r\nc`],
    ["a web link", `${E}]8;;https://example.com/${E}\\x${E}]8;;${E}\\`],
  ])("keeps %s", (_what, screen) => expect(stillAnsi(screen)).toBe(`${screen}${END}`));

  test.each([
    ["the alternate screen", `${E}[?1049hx`],
    ["the mouse", `${E}[?1003h${E}[?1006hx`],
    ["pasting in brackets", `${E}[?2004hx`],
    ["a hidden cursor", `${E}[?25lx`],
    ["insert mode", `${E}[4hx`],
    ["margins", `${E}[2;20rx`],
    ["a keyboard of its own", `${E}[>1ux${E}[>4;2m`],
    ["a cursor's shape", `${E}[5 qx`],
    ["line drawing", `${E}(0\u000ex`],
    ["a saved cursor", `${E}7x${E}8`],
    ["the keypad", `${E}=x`],
    ["a title", `${E}]2;mine\u0007x`],
    ["a full reset", `${E}cx`],
    ["protection from erasing", `${E}[1"qx`],
    ["a bell", "\u0007x"],
  ])("does not switch on %s", (_what, screen) => {
    expect(stillAnsi(screen).replace(`${E}[2J${E}[H`, "")).toBe(`x${END}`);
  });
});
