/** What a person types, on its way to the program: paced, in frames, and refused with a reason when it cannot go there. */
import { MAX_INPUT_BYTES_PER_FRAME } from "@maestro/shared/limits";
import { encodeFrame } from "@maestro/shared/protocol/frame";
import { InputPacer } from "./input-pacer.ts";

interface TypingPort {
  /** Why nothing may be typed now; undefined: it may. */
  whyNot(): string | undefined;
  epoch(): number;
  send(frame: Uint8Array<ArrayBuffer>): boolean;
  notify(text: string): void;
}

export class Typing {
  readonly #port: TypingPort;
  readonly #pacer: InputPacer;

  constructor(port: TypingPort) {
    this.#port = port;
    this.#pacer = new InputPacer(
      (bytes) => this.#send(bytes),
      () => this.explain(),
    );
  }

  push(bytes: Uint8Array): void {
    if (this.#port.whyNot() !== undefined) return this.explain();
    this.#pacer.push(bytes);
  }

  /** Says why what was typed went nowhere. */
  explain(): void {
    this.#port.notify(this.#port.whyNot() ?? "Too much at once: the rest was not sent.");
  }

  clear(): void {
    this.#pacer.clear();
  }

  #send(bytes: Uint8Array): boolean {
    for (let at = 0; at < bytes.byteLength; at += MAX_INPUT_BYTES_PER_FRAME) {
      const payload = bytes.subarray(at, at + MAX_INPUT_BYTES_PER_FRAME);
      if (!this.#port.send(encodeFrame({ kind: "input", flags: 0, epoch: this.#port.epoch(), channel: 0, offset: 0, payload })))
        return false;
    }
    return true;
  }
}
