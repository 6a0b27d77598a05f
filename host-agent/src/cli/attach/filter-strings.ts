/** Which escape, operating-system (OSC) and device (DCS) sequences may reach the user's terminal. */
import { stripUnsafe } from "@maestro/shared/sanitize";
import { DROP, pass, question, type Verdict } from "./verdict.ts";

/** Index, next line, tab set, reverse index, single shifts, save, restore, keypad, locking shifts, back and forward index. */
const PLAIN_ESCAPES = new Set([..."DEHMNO78=>no|}~69"]);
const CHARSETS = new Set([..."()*+-./"]);
const MAX_LINK_CHARS = 2048;

/** A full reset would also undo what `attach` set up: this is what a program means by it. */
const SOFT_RESET = "\u001b[!p\u001b[?1049l\u001b[?1000;1002;1003;1004;1006;2004l\u001b[2J\u001b[H";

export function escVerdict(intermediates: string, final: string): Verdict {
  if (intermediates === "") {
    if (final === "c") return pass(SOFT_RESET);
    if (final === "Z") return question("\u001bZ");
    return PLAIN_ESCAPES.has(final) ? pass(`\u001b${final}`) : DROP;
  }
  if (intermediates === "#") return "34568".includes(final) ? pass(`\u001b#${final}`) : DROP;
  // Not `%`, which leaves UTF-8, nor space, which changes the width of controls.
  return CHARSETS.has(intermediates) && /^[0-9A-Z<=>`]$/.test(final) ? pass(`\u001b${intermediates}${final}`) : DROP;
}

export function oscVerdict(body: string): Verdict {
  const [, number = "", rest = ""] = /^(\d{1,5})(?:;([\s\S]*))?$/.exec(body) ?? [];
  switch (number) {
    case "0":
    case "1":
    case "2":
      return pass(`\u001b]${number};${stripUnsafe(rest)}\u0007`);
    case "8":
      return link(rest);
    case "4":
      return /^\d{1,3};\?$/.test(rest) ? question(`\u001b]4;${rest}\u0007`) : DROP;
    case "10":
    case "11":
    case "12":
      // Asked by programs that look for a dark background; setting a colour would outlive the session.
      return rest === "?" ? question(`\u001b]${number};?\u0007`) : DROP;
    default:
      return DROP;
  }
}

/** Links to the web only, without anything that could hide where they lead; closing one is always right. */
function link(rest: string): Verdict {
  const target = rest.slice(rest.indexOf(";") + 1);
  if (!rest.includes(";")) return DROP;
  if (target === "") return pass("\u001b]8;;\u001b\\");
  const safe = target.length <= MAX_LINK_CHARS && /^https?:\/\/[!-~]+$/.test(target) && URL.canParse(target);
  const { username, password } = safe ? new URL(target) : { username: "", password: "" };
  return safe && username === "" && password === "" ? pass(`\u001b]8;;${target}\u001b\\`) : pass("\u001b]8;;\u001b\\");
}

/** Two questions: the state of a setting, and a terminal capability by name. */
export function dcsVerdict(body: string): Verdict {
  if (/^\$q[ -~]{0,4}$/.test(body) || /^\+q[0-9A-Fa-f;]{1,256}$/.test(body)) return question(`\u001bP${body}\u001b\\`);
  return DROP;
}
