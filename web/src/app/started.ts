/** Where an answer that took its time leads: to what was made, unless its maker is elsewhere by then. */
import { sessionPath } from "./router.ts";

/** Remembers the page and what has the keyboard; the answer says whether that is so still. */
export function stillHere(): () => boolean {
  const path = pathNow();
  const writing = writesIn();
  return () => {
    const now = writesIn();
    // A button that was clicked loses the keyboard to nobody; only one who writes somewhere else would be torn from it.
    return pathNow() === path && (now === undefined || now === writing);
  };
}

/**
 * Called when the start is asked for; what it returns, when the session is there: it opens the terminal, and the keyboard is
 * meant for it. Who has gone on to something else stays there, and finds the session in the fleet's tree.
 */
export function toStarted(): (session: { id: string }) => void {
  const here = stillHere();
  return (session) => {
    if (!here()) return;
    history.pushState(STARTED, "", sessionPath(session.id));
    window.dispatchEvent(new PopStateEvent("popstate"));
  };
}

const STARTED = "started";
/** Kept with this place in the history: after a reload it is so still. */
export const wasStarted = (): boolean => history.state === STARTED;

const pathNow = (): string => location.pathname + location.search;

/** Of a dialog no matter which part: it is left as a whole. */
const writesIn = (): Element | undefined =>
  document.activeElement?.closest("dialog[open]") ?? document.activeElement?.closest("input, textarea, select") ?? undefined;
