/** What the page says about an attached terminal, and who is told when it changes. */
import type { ConnectionState } from "../net/connection.ts";
import { neverHeard, type Liveness } from "../net/liveness.ts";
import type { ClipboardRequest } from "./clipboard-rule.ts";
import { emptyFace, type Face } from "./face.ts";
import { noScrollback, type Scrollback } from "./scrollback.ts";

export interface AttachmentView {
  connection: ConnectionState;
  liveness: Readonly<Liveness>;
  face: Face;
  /** A short word beside the terminal; a newer one replaces it. */
  notice: { text: string; serial: number } | undefined;
  /** [VW2] Who has the pen that was ours; stays until it is ours again, or dismissed. */
  takenBy: string | undefined;
  /** [CH5] Output that was not shown; stays until dismissed. */
  gap: { bytes: number } | undefined;
  scrollback: Scrollback;
  link: string | undefined;
  clipboard: Extract<ClipboardRequest, { type: "offer" }> | undefined;
}

export class ViewStore {
  readonly #listeners = new Set<() => void>();
  #noticeSerial = 0;
  #view: AttachmentView = {
    connection: { type: "connecting", attempt: 0 },
    liveness: neverHeard,
    face: emptyFace,
    notice: undefined,
    takenBy: undefined,
    gap: undefined,
    scrollback: noScrollback,
    link: undefined,
    clipboard: undefined,
  };

  readonly get = (): AttachmentView => this.#view;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly notify = (text: string): void => this.set({ notice: { text, serial: ++this.#noticeSerial } });

  readonly dismiss = (what: "notice" | "takenBy" | "gap" | "link" | "clipboard"): void => this.set({ [what]: undefined });

  set(change: Partial<AttachmentView>): void {
    this.#view = { ...this.#view, ...change };
    for (const listener of this.#listeners) listener();
  }
}
