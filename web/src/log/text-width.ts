/** How many columns of a fixed-width font a text takes, well enough to lay out lines. Pure. */

const TAB = 8;
/** East Asian wide and full-width, and emoji: two columns. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const MARK = /\p{M}/u;

export function textWidth(text: string): number {
  // The usual case, and the only one that matters for speed.
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  for (const char of text) {
    if (char === "\t") width += TAB - (width % TAB);
    else if (!MARK.test(char)) width += WIDE.test(char) ? 2 : 1;
  }
  return width;
}
