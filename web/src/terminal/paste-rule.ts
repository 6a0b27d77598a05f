/** What a paste becomes: control characters that could act are taken out, several lines ask first. */

export interface Paste {
  text: string;
  lines: number;
  /** More than one line: a shell would run all but the last at once. */
  confirm: boolean;
  /** Control characters that were taken out, ESC among them: it could end a bracketed paste. */
  removed: number;
}

export const MAX_PASTE_CHARS = 256 * 1024;
const ACTING = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/g;

export function pasteRule(raw: string): Paste | { tooLong: number } {
  if (raw.length > MAX_PASTE_CHARS) return { tooLong: raw.length };
  const text = raw.replace(ACTING, "");
  const lines = text.replace(/\r\n?|\n/g, "\n").split("\n").length;
  return { text, lines, confirm: lines > 1, removed: raw.length - text.length };
}
