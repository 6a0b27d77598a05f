/** Who has just started a session means to type into it: its terminal gets the keyboard. */
import { wasStarted } from "../app/started.ts";
import type { Attachment } from "./attachment.ts";

/** Once it can be typed into, for before that it is not even shown. Returns what calls it off. */
export function focusWhenOurs(attachment: Attachment): () => void {
  // Where fingers point, a keyboard would come up over the screen before anybody has read it.
  if (!wasStarted() || !matchMedia("(pointer: fine)").matches) return () => undefined;
  const stop = attachment.subscribe(() => {
    if (!attachment.view().face.pen.you) return;
    stop();
    attachment.emulator.focus();
  });
  return stop;
}
