/** SGR of a cell, whole: every style begins with a reset, so that no earlier one can leak into it. */

/** What buffer cells and the parser's current attributes have in common. */
export interface Styled {
  isBold(): number;
  isDim(): number;
  isItalic(): number;
  isUnderline(): number;
  isBlink(): number;
  isInverse(): number;
  isInvisible(): number;
  isStrikethrough(): number;
  isOverline(): number;
  isFgRGB(): boolean;
  isBgRGB(): boolean;
  isFgPalette(): boolean;
  isBgPalette(): boolean;
  getFgColor(): number;
  getBgColor(): number;
}

export const PLAIN = "\x1b[0m";

export function sgrOf(style: Styled): string {
  const codes = ["0"];
  if (style.isBold() !== 0) codes.push("1");
  if (style.isDim() !== 0) codes.push("2");
  if (style.isItalic() !== 0) codes.push("3");
  if (style.isUnderline() !== 0) codes.push(underline(style));
  if (style.isBlink() !== 0) codes.push("5");
  if (style.isInverse() !== 0) codes.push("7");
  if (style.isInvisible() !== 0) codes.push("8");
  if (style.isStrikethrough() !== 0) codes.push("9");
  if (style.isOverline() !== 0) codes.push("53");
  if (style.isFgRGB()) codes.push(`38;2;${rgb(style.getFgColor())}`);
  else if (style.isFgPalette()) codes.push(palette(style.getFgColor(), 30, 90, 38));
  codes.push(...background(style));
  return codes.length === 1 ? PLAIN : `\x1b[${codes.join(";")}m`;
}

/** Erased cells keep nothing but a background. */
export function backgroundSgr(style: Styled): string {
  const codes = background(style);
  return codes.length === 0 ? PLAIN : `\x1b[0;${codes.join(";")}m`;
}

export const hasAttributes = (style: Styled): boolean =>
  (style.isInverse() | style.isUnderline() | style.isStrikethrough() | style.isOverline()) !== 0;

function background(style: Styled): string[] {
  if (style.isBgRGB()) return [`48;2;${rgb(style.getBgColor())}`];
  return style.isBgPalette() ? [palette(style.getBgColor(), 40, 100, 48)] : [];
}

const rgb = (color: number): string => `${(color >>> 16) & 255};${(color >>> 8) & 255};${color & 255}`;

function palette(color: number, normal: number, bright: number, extended: number): string {
  if (color < 8) return String(normal + color);
  return color < 16 ? String(bright + color - 8) : `${extended};5;${color}`;
}

/** 1 plain, 2 double, 3 curly, 4 dotted, 5 dashed; the public interface tells only whether. */
function underline(style: Styled): string {
  const read: unknown = Reflect.get(style, "getUnderlineStyle");
  const kind: unknown = typeof read === "function" ? Reflect.apply(read, style, []) : 1;
  return typeof kind === "number" && kind > 1 ? `4:${kind}` : "4";
}
