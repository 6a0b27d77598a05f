/** Who has just started a session means to type into it: its terminal gets the keyboard. */
import { stillHere, wasStarted } from "../app/started.ts";
import type { AttachmentView } from "./attachment-view.ts";

interface Focusable {
  view: () => { face: { pen: Pick<AttachmentView["face"]["pen"], "you"> } };
  subscribe: (listener: () => void) => () => void;
  emulator: { focus(): void };
}

/** Once it can be typed into, for before that it is not even shown. Returns what calls it off. */
export function focusWhenOurs(attachment: Focusable): () => void {
  // Where fingers point, a keyboard would come up over the screen before anybody has read it.
  if (!wasStarted() || !matchMedia("(pointer: fine)").matches) return () => undefined;
  const here = stillHere();
  const stop = attachment.subscribe(() => {
    if (!attachment.view().face.pen.you) return;
    stop();
    if (wasStarted() && here()) attachment.emulator.focus();
  });
  return stop;
}
