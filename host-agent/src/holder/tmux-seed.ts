/** A pane's screen as tmux tells it, turned into bytes for an empty terminal of its size. */
import type { Seed } from "./backend.ts";

const MODE_FIELDS = [
  "window_width",
  "window_height",
  "cursor_x",
  "cursor_y",
  "alternate_on",
  "history_size",
  "cursor_flag",
  "insert_flag",
  "keypad_cursor_flag",
  "keypad_flag",
  "origin_flag",
  "wrap_flag",
  "mouse_standard_flag",
  "mouse_button_flag",
  "mouse_all_flag",
  "mouse_sgr_flag",
  "scroll_region_upper",
  "scroll_region_lower",
  "alternate_saved_x",
  "alternate_saved_y",
  "bracket_paste_flag",
] as const;
type ModeField = (typeof MODE_FIELDS)[number];

/** For `display-message -p`. */
export const MODES_FORMAT = MODE_FIELDS.map((field) => `#{${field}}`).join("|");

export interface PaneCapture {
  /** The answer to `MODES_FORMAT`. */
  modes: string;
  /** Scrollback, oldest first. */
  history: readonly Buffer[];
  /** What is on the screen now. */
  visible: readonly Buffer[];
  /** The normal screen behind an alternate one. */
  behind: readonly Buffer[];
}

export function seedOf({ modes, history, visible, behind }: PaneCapture): Seed {
  const values = modes.split("|");
  const get = (field: ModeField): number => Number(values[MODE_FIELDS.indexOf(field)] ?? "") || 0;
  const cols = Math.max(1, get("window_width"));
  const rows = Math.max(1, get("window_height"));
  const alternate = get("alternate_on") === 1;
  const past = get("history_size") > 0 ? history : [];
  const parts: Buffer[] = [];
  if (alternate) {
    parts.push(...asText([...past, ...padded(behind, rows)]));
    parts.push(
      moveTo(get("alternate_saved_x"), get("alternate_saved_y")),
      Buffer.from("\x1b[?1049h\x1b[0m\x1b[2J\x1b[H"),
      ...asText(visible),
    );
  } else {
    parts.push(...asText([...past, ...visible]));
  }
  return { bytes: Buffer.concat([...parts, Buffer.from(modesText(get, rows))]), cols, rows };
}

/** Lines after one another; a background that is still on must not colour the line that scrolls in. */
function asText(lines: readonly Buffer[]): Buffer[] {
  const out: Buffer[] = [RESET];
  let style = "";
  for (const [index, line] of lines.entries()) {
    if (index > 0) out.push(Buffer.from(`\x1b[0m\r\n${style}`));
    out.push(line);
    style = styleAfter(style, line.toString("latin1"));
  }
  out.push(RESET);
  return out;
}

/** The SGR sequences since the last reset: tmux carries a style from line to line. */
function styleAfter(style: string, line: string): string {
  let current = style;
  for (const [sequence, codes = ""] of line.matchAll(/\x1b\[([\d;:]*)m/g)) {
    const resets = codes === "" || codes === "0" || codes.startsWith("0;");
    current = resets ? sequence : `${current}${sequence}`.slice(-MAX_STYLE_CHARS);
  }
  return current;
}

function modesText(get: (field: ModeField) => number, rows: number): string {
  const [upper, lower] = [get("scroll_region_upper"), get("scroll_region_lower")];
  let out = lower > upper && (upper !== 0 || lower !== rows - 1) ? `\x1b[${upper + 1};${lower + 1}r` : "";
  if (get("keypad_cursor_flag") === 1) out += "\x1b[?1h";
  if (get("keypad_flag") === 1) out += "\x1b=";
  if (get("bracket_paste_flag") === 1) out += "\x1b[?2004h";
  if (get("mouse_all_flag") === 1) out += "\x1b[?1003h";
  else if (get("mouse_button_flag") === 1) out += "\x1b[?1002h";
  else if (get("mouse_standard_flag") === 1) out += "\x1b[?1000h";
  if (get("mouse_sgr_flag") === 1) out += "\x1b[?1006h";
  if (get("cursor_flag") === 0) out += "\x1b[?25l";
  if (get("wrap_flag") === 0) out += "\x1b[?7l";
  const origin = get("origin_flag") === 1;
  if (origin) out += "\x1b[?6h";
  out += `\x1b[${Math.max(0, get("cursor_y") - (origin ? upper : 0)) + 1};${get("cursor_x") + 1}H`;
  if (get("insert_flag") === 1) out += "\x1b[4h";
  return out;
}

/** Trailing empty lines of the screen are told by nobody, yet they push the history up. */
const padded = (lines: readonly Buffer[], rows: number): Buffer[] => [
  ...lines,
  ...Array.from({ length: Math.max(0, rows - lines.length) }, () => Buffer.alloc(0)),
];
const moveTo = (x: number, y: number): Buffer => Buffer.from(`\x1b[${y + 1};${x + 1}H`);
const RESET = Buffer.from("\x1b[0m");
/** Styles longer than that are nobody's honest work. */
const MAX_STYLE_CHARS = 512;
