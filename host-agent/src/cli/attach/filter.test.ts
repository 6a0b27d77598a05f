import { describe, expect, test } from "vitest";
import { OutputFilter } from "./filter.ts";

const E = "\u001b";
const ST = `${E}\\`;
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

function filtered(input: string | Uint8Array, answering: boolean): string {
  const filter = new OutputFilter();
  filter.answering = answering;
  return filter.write(typeof input === "string" ? encode(input) : input);
}

/** Reach the terminal unchanged, whoever looks. */
const DRAWING: readonly [string, string][] = [
  ["plain text", "hello, wörld 你好 🎉"],
  ["bell, tab, line feed, return", "a\u0007\tb\r\n"],
  ["backspace", "ab\b"],
  ["shift out and in", "\u000e\u000f"],
  ["colours", `${E}[1;38;5;196;48;2;1;2;3mx${E}[0m`],
  ["underline style with colons", `${E}[4:3m`],
  ["cursor position", `${E}[12;40H`],
  ["cursor moves", `${E}[3A${E}[2B${E}[C${E}[D`],
  ["erase display and line", `${E}[2J${E}[K`],
  ["selective erase", `${E}[?2J`],
  ["insert and delete", `${E}[2L${E}[2M${E}[3P${E}[3@`],
  ["scroll", `${E}[2S${E}[2T`],
  ["margins", `${E}[2;20r`],
  ["save and restore cursor", `${E}7${E}8${E}[s${E}[u`],
  ["alternate screen", `${E}[?1049h${E}[?1049l`],
  ["cursor visibility", `${E}[?25l${E}[?25h`],
  ["bracketed paste", `${E}[?2004h`],
  ["mouse reporting", `${E}[?1000;1006h`],
  ["synchronised output", `${E}[?2026h`],
  ["application cursor keys", `${E}[?1h${E}=`],
  ["cursor shape", `${E}[5 q`],
  ["soft reset", `${E}[!p`],
  ["line drawing charset", `${E}(0lqk${E}(B`],
  ["reverse index", `${E}M`],
  ["alignment test", `${E}#8`],
  ["repeat", `x${E}[10b`],
  ["insert mode", `${E}[4h`],
  ["kitty keyboard push and pop", `${E}[>1u${E}[<u`],
  ["modified keys", `${E}[>4;2m`],
  ["a clean title", `${E}]0;make test\u0007`],
  ["a web link", `${E}]8;;https://example.com/a?b=c${ST}text${E}]8;;${ST}`],
];

/** Questions: pass for the writer, whose terminal's answer is input; vanish for everybody else. */
const QUESTIONS: readonly [string, string][] = [
  ["primary device attributes", `${E}[c`],
  ["primary device attributes with a zero", `${E}[0c`],
  ["secondary device attributes", `${E}[>c`],
  ["tertiary device attributes", `${E}[=c`],
  ["DECID", `${E}Z`],
  ["status report", `${E}[5n`],
  ["cursor position report", `${E}[6n`],
  ["extended cursor position report", `${E}[?6n`],
  ["DECREQTPARM", `${E}[x`],
  ["DECRQM", `${E}[?2026$p`],
  ["DECRQM of a public mode", `${E}[4$p`],
  ["XTVERSION", `${E}[>0q`],
  ["kitty keyboard state", `${E}[?u`],
  ["DECRQSS of SGR", `${E}P$qm${ST}`],
  ["DECRQSS of the cursor shape", `${E}P$q q${ST}`],
  ["XTGETTCAP", `${E}P+q544e${ST}`],
  ["background colour", `${E}]11;?\u0007`],
  ["palette colour", `${E}]4;1;?\u0007`],
];

/** Never reach any terminal; what remains is given. */
const HOSTILE: readonly [string, string | Uint8Array, string][] = [
  ["OSC 52 clipboard write", `a${E}]52;c;cm0gLXJmIC8=\u0007b`, "ab"],
  ["OSC 52 ended by ST", `a${E}]52;c;cm0gLXJmIC8=${ST}b`, "ab"],
  ["OSC 52 clipboard read", `${E}]52;c;?\u0007`, ""],
  ["OSC 52 of the primary selection", `${E}]52;p;eA==\u0007`, ""],
  ["OSC 52 with leading zeros", `${E}]052;c;eA==\u0007`, ""],
  ["OSC 52 by C1", "a\u009d52;c;eA==\u009cb", "ab"],
  ["OSC 52 in a tmux passthrough", `${E}Ptmux;${E}${E}]52;c;eA==\u0007${ST}`, ""],
  ["OSC 52 in a screen passthrough", `${E}P${E}]52;c;eA==\u0007${ST}`, ""],
  ["a title with bidi override", `${E}]0;abc\u202efdp.exe\u0007`, `${E}]0;abcfdp.exe\u0007`],
  ["a title with C1", `${E}]2;a\u009b31mb\u0007`, `${E}]2;a31mb\u0007`],
  ["a title with zero-width characters", `${E}]2;a\u200bb\ufeff\u0007`, `${E}]2;ab\u0007`],
  ["a title that hides an escape", `${E}]2;a${E}[21t\u0007`, "\u0007"],
  ["a title with a line feed", `${E}]2;a\nrm -rf /\n\u0007`, `${E}]2;arm -rf /\u0007`],
  ["a title beyond measure", `${E}]2;${"x".repeat(5000)}\u0007ok`, "ok"],
  ["screen's title", `${E}ktitle${ST}x`, "x"],
  ["title report", `${E}[21t`, ""],
  ["icon name report", `${E}[20t`, ""],
  ["window size in pixels, of a cell, in characters", `${E}[14t${E}[16t${E}[18t${E}[19t`, ""],
  ["resize the window", `${E}[8;1;1t`, ""],
  ["resize in pixels", `${E}[4;10;10t`, ""],
  ["minimise", `${E}[2t`, ""],
  ["move the window", `${E}[3;0;0t`, ""],
  ["full screen", `${E}[10;1t`, ""],
  ["push and pop title", `${E}[22;0t${E}[23;0t`, ""],
  ["132 columns", `${E}[?3h`, ""],
  ["allow 132 columns", `${E}[?40h${E}[?3h`, ""],
  ["132 columns hidden among modes", `${E}[?25;3;7h`, `${E}[?25;7h`],
  ["columns by DECSCPP", `${E}[132$|`, ""],
  ["rows by DECSLPP", `${E}[40*|`, ""],
  ["keyboard lock", `${E}[2h`, ""],
  ["local echo", `${E}[12l`, ""],
  ["print the screen", `${E}[0i`, ""],
  ["printer on", `${E}[5isecret${E}[4i`, "secret"],
  ["auto print", `${E}[?5i`, ""],
  ["screen checksum", `${E}[1;1;1;1;1;1*y`, ""],
  ["fill rectangle", `${E}[65;1;1;9;9$x`, ""],
  ["answerback", "\u0005", ""],
  ["user-defined keys", `${E}P0;1|17/726d${ST}`, ""],
  ["sixel image", `${E}Pq#0;2;0;0;0~-${ST}x`, "x"],
  ["DECRQSS with a payload to echo", `${E}P$q${"\r"}rm${"\r"}${ST}`, ""],
  ["XTGETTCAP that is not hexadecimal", `${E}P+qzz;rm${ST}`, ""],
  ["kitty graphics reading a file", `${E}_Gt=f,a=T;L2V0Yy9wYXNzd2Q=${ST}x`, "x"],
  ["privacy message", `${E}^hidden${ST}x`, "x"],
  ["start of string", `${E}Xhidden${ST}x`, "x"],
  ["application command by C1", "\u009fhidden\u009cx", "x"],
  ["iTerm file download", `${E}]1337;File=name=eA==:eA==\u0007`, ""],
  ["iTerm clipboard", `${E}]1337;CopyToClipboard=\u0007x`, "x"],
  ["iTerm steal focus", `${E}]1337;StealFocus\u0007`, ""],
  ["kitty file transfer", `${E}]5113;ac=send\u0007`, ""],
  ["kitty clipboard", `${E}]5522;type=write\u0007`, ""],
  ["notification", `${E}]9;Click here\u0007`, ""],
  ["notification by 777", `${E}]777;notify;a;b\u0007`, ""],
  ["notification by 99", `${E}]99;;x\u0007`, ""],
  ["working directory", `${E}]7;file://evil/x\u0007`, ""],
  ["font", `${E}]50;huge\u0007`, ""],
  ["background colour set", `${E}]11;#000000\u0007`, ""],
  ["palette set", `${E}]4;1;#000000\u0007`, ""],
  ["palette set behind a question", `${E}]4;1;?;2;#000\u0007`, ""],
  ["pointer shape", `${E}]22;none\u0007`, ""],
  ["log file", `${E}]46;/tmp/x\u0007`, ""],
  ["Sun title", `${E}]lhello${ST}x`, "x"],
  ["a javascript link", `${E}]8;;javascript:alert(1)${ST}x${E}]8;;${ST}`, `${E}]8;;${ST}x${E}]8;;${ST}`],
  ["a file link", `${E}]8;;file:///etc/passwd${ST}x`, `${E}]8;;${ST}x`],
  ["a link with a password", `${E}]8;;https://bank.com@evil.com/${ST}x`, `${E}]8;;${ST}x`],
  ["a link with an id parameter loses it", `${E}]8;id=1;https://a.com/${ST}x`, `${E}]8;;https://a.com/${ST}x`],
  ["a link with bidi", `${E}]8;;https://a.com/\u202e${ST}x`, `${E}]8;;${ST}x`],
  ["leave UTF-8", `${E}%@x`, "x"],
  ["8-bit controls", `${E} Gx`, "x"],
  ["memory lock", `${E}lx`, "x"],
  ["mouse highlighting", `${E}[1;1;1;1;1T`, ""],
  ["in-band resize reports", `${E}[?2048h`, ""],
  ["colour scheme reports", `${E}[?2031h`, ""],
  ["save private modes", `${E}[?1049s`, ""],
  ["locator", `${E}[1;1'z`, ""],
  ["compatibility level", `${E}[61"p`, ""],
  ["a repeat beyond measure", `x${E}[2147483647b`, `x${E}[10000b`],
  ["a CSI that never ends", `${E}[${"1;".repeat(200)}mx`, "x"],
  ["a full reset", `${E}c`, `${E}[!p${E}[?1049l${E}[?1000;1002;1003;1004;1006;2004l${E}[2J${E}[H`],
  ["NUL and DEL", "a\u0000\u007fb", "ab"],
  ["CSI by C1", "\u009b31mx", `${E}[31mx`],
  ["a report by C1", "\u009b21t", ""],
  ["C1 as a bare byte", Uint8Array.of(0x61, 0x9b, 0x36, 0x6e), "a\ufffd6n"],
  ["C1 overlong", Uint8Array.of(0xe0, 0x82, 0x9b, 0x36, 0x6e), "\ufffd\ufffd\ufffd6n"],
  ["ESC overlong", Uint8Array.of(0xc0, 0x9b, 0x5b, 0x36, 0x6e), "\ufffd\ufffd[6n"],
  ["a question cut by a control", `${E}[6\u0018n`, "n"],
  ["an escape inside an OSC", `${E}]0;a${E}]52;c;eA==\u0007x`, "x"],
];

describe("hostile terminal output in the CLI", () => {
  test("the table holds at least 80 sequences", () => {
    expect(DRAWING.length + QUESTIONS.length + HOSTILE.length).toBeGreaterThanOrEqual(80);
  });

  test.each(DRAWING)("%s is drawn for watcher and writer", (_name, input) => {
    expect(filtered(input, false)).toBe(input);
    expect(filtered(input, true)).toBe(input);
  });

  test.each(QUESTIONS)("[VW2] %s is asked of the writer's terminal only", (_name, input) => {
    expect(filtered(input, false)).toBe("");
    expect(filtered(input, true)).toBe(input);
  });

  test.each(HOSTILE)("%s never gets through", (_name, input, expected) => {
    expect(filtered(input, false)).toBe(expected);
    expect(filtered(input, true)).toBe(expected);
  });

  test("every sequence is judged alike when it arrives byte by byte", () => {
    for (const [name, input] of [...DRAWING, ...QUESTIONS, ...HOSTILE]) {
      const bytes = typeof input === "string" ? encode(input) : input;
      const filter = new OutputFilter();
      filter.answering = true;
      const pieces = [...bytes].map((byte) => filter.write(Uint8Array.of(byte)));
      expect(pieces.join(""), name).toBe(filtered(bytes, true));
    }
  });

  test("a flood of questions is cut off until the next refill", () => {
    const filter = new OutputFilter();
    filter.answering = true;
    expect(filter.write(encode(`${E}[c`.repeat(1000)))).toBe(`${E}[c`.repeat(32));
    expect(filter.write(encode(`${E}[6n`))).toBe("");
    filter.refill();
    expect(filter.write(encode(`${E}[6n`))).toBe(`${E}[6n`);
  });

  test("a new screen is not swallowed by an unfinished string", () => {
    const filter = new OutputFilter();
    filter.write(encode(`${E}]0;never ends`));
    filter.reset();
    expect(filter.write(encode("screen"))).toBe("screen");
  });
});
