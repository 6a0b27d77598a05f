/** [VW3] The writer's window decides the size; everybody else adapts the letters. */
import type { Emulator, Size } from "./emulator.ts";
import type { Face } from "./face.ts";

export interface WindowFitPort {
  emulator: Emulator;
  face(): Face;
  /** False when there is nobody to tell. */
  resize(size: Size): boolean;
}

const SETTLE_MS = 80;

export class WindowFit {
  readonly #port: WindowFitPort;
  /** The size last said on this socket. */
  #said: Size | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(port: WindowFitPort) {
    this.#port = port;
  }

  /** For the hello of a new socket. */
  greet(): Size | undefined {
    this.#said = this.#port.emulator.roomFor();
    return this.#said;
  }

  /** The window or the letters changed. */
  later(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.now(), SETTLE_MS);
  }

  now(): void {
    const { emulator, face, resize } = this.#port;
    const { pen, size } = face();
    if (!pen.you) return emulator.scaleTo();
    const room = emulator.roomFor();
    if (room === undefined) return;
    emulator.write({ type: "resize", ...room });
    if (same(this.#said, room) && same(size, room)) return;
    if (resize(room)) this.#said = room;
  }

  dispose(): void {
    clearTimeout(this.#timer);
  }
}

const same = (a: Size | undefined, b: Size): boolean => a?.cols === b.cols && a.rows === b.rows;
