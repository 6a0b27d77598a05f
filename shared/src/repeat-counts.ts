/**
 * xterm.js 6 repeats some actions as often as output says, each time in full: 16 KiB of `CSI 10000 S` stop a page,
 * or the screens of all sessions of a host, for 40 s, and `CSI 2147483647 b` throws. What goes beyond the screen
 * changes nothing any more, so it is done as often as there are lines or columns, and no more.
 */

interface Screen {
  readonly cols: number;
  readonly rows: number;
  readonly parser: { registerCsiHandler(id: { final: string }, handle: (params: (number | number[])[]) => boolean): unknown };
}

const lines = ({ rows }: Screen): number => rows;
const columns = ({ cols }: Screen): number => cols;
/** Programs repeat a character along a line; a few lines' worth harms nobody. */
const fewLines = ({ cols }: Screen): number => 4 * cols;

/** SU, SD, IL, DL, CHT, CBT, REP: what xterm.js calls them, and how often each can matter. */
const REPEATING = [
  ["S", "scrollUp", lines],
  ["T", "scrollDown", lines],
  ["L", "insertLines", lines],
  ["M", "deleteLines", lines],
  ["I", "cursorForwardTab", columns],
  ["Z", "cursorBackwardTab", columns],
  ["b", "repeatPrecedingCharacter", fewLines],
] as const;

/** Where a newer xterm.js hides its actions, too large a count does nothing at all. */
export function boundRepeats(screen: Screen): void {
  for (const [final, action, most] of REPEATING) {
    screen.parser.registerCsiHandler({ final }, ([count]) => {
      const times = most(screen);
      if (typeof count !== "number" || count <= times) return false;
      const input = member(member(screen, "_core"), "_inputHandler");
      const act = member(input, action);
      if (typeof act === "function") Reflect.apply(act, input, [{ params: Int32Array.of(times), length: 1 }]);
      return true;
    });
  }
}

const member = (target: unknown, name: string): unknown =>
  typeof target === "object" && target !== null ? Reflect.get(target, name) : undefined;
