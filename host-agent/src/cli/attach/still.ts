/** A session's screen printed once: it may draw, and leaves nothing switched on in the terminal that it is printed to. */
import { stripUnsafe } from "@maestro/shared/sanitize";
import { OutputFilter } from "./filter.ts";

/** The filter's own output is well-formed: this finds every sequence in it, and the single controls. */
const SEQUENCE = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[ -/]*[0-~])|[\u0007\u000b\u000c\u000e\u000f]/g;
/**
 * Moves, erasing, inserting, scrolling, colours, links. What the filter lets an attached program switch on (modes, margins,
 * titles, keyboards, charsets, a saved cursor) stays switched on here, for there is no detaching.
 */
const DRAWS = /^\u001b(?:\[[\d;]*[@A-HJ-MPSTXZ`abdef]|\[\?[\d;]*[JK]|\[[\d;:]*m|\]8;;[!-~]*\u001b\\|[DEM])$/;
const CLOSED = "\u001b]8;;\u001b\\\u001b[0m";

/** With colours and links. What is cut off in the middle of a sequence goes away. */
export function stillAnsi(screen: string): string {
  const drawn = new OutputFilter()
    .write(new TextEncoder().encode(screen))
    .replace(SEQUENCE, (sequence) => (DRAWS.test(sequence) ? sequence : ""));
  return `${drawn}${CLOSED}\n`;
}

/** Lines of what can be seen. */
export function stillText(screen: string): string {
  const lines = screen.split("\n").map((line) => stripUnsafe(line, Number.POSITIVE_INFINITY));
  return lines.at(-1) === "" ? lines.join("\n") : `${lines.join("\n")}\n`;
}
