/** Where an answer that took its time leads: to what was made, unless its maker is elsewhere by then. */
import { navigate, sessionPath } from "./router.ts";

/** Remembers the page, its dialogs and who writes where; the answer says whether that is so still. */
export function stillHere(): () => boolean {
  const path = pathNow();
  const before = busyWith();
  // A button that was clicked loses the keyboard to nobody; only one who does something else would be torn from it.
  return () => pathNow() === path && busyWith().every((thing) => before.includes(thing));
}

/** Called when something is asked for; what it returns goes where the answer leads, unless its asker is elsewhere by then. */
export function onward(): typeof navigate {
  const here = stillHere();
  return (path, options) => {
    if (here()) navigate(path, options);
  };
}

let lastAsked: object | undefined;

/**
 * Called when the start is asked for; what it returns, when the session is there: it opens the terminal, and the keyboard is
 * meant for it. Who has gone on to something else, another start for one, stays there, and finds the session in the fleet's tree.
 */
export function toStarted(): (session: { id: string }) => void {
  // Who starts the next one from the terminal of the last one no longer waits to write in that.
  if (wasStarted()) navigate(pathNow(), { replace: true });
  const go = onward();
  const mine = {};
  lastAsked = mine;
  return (session) => {
    if (lastAsked === mine) go(sessionPath(session.id), { state: STARTED });
  };
}

const STARTED = "started";
/** Kept with this place in the history: after a reload it is so still. */
export const wasStarted = (): boolean => history.state === STARTED;

const pathNow = (): string => location.pathname + location.search;

/** Of a dialog no matter which part: it is left as a whole. */
function busyWith(): Element[] {
  const dialogs = [...document.querySelectorAll("dialog[open]")];
  const field = document.activeElement?.closest("input, textarea, select") ?? undefined;
  return field === undefined || field.closest("dialog[open]") !== null ? dialogs : [...dialogs, field];
}
