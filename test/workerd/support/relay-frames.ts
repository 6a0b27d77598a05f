/** A socket's frames as they come, awaited by shape rather than by time. */
import { decodeFrame, encodeFrame, type Frame, type KindName } from "@maestro/shared/protocol/frame";

export interface Closing {
  code: number;
  reason: string;
}

type Waiter<T> = { wants: (frame: T) => boolean; settle: (frame: T) => void };

export interface Text {
  t: string;
  [key: string]: unknown;
}

/** Long enough for a busy machine; a dialogue that waits for it is broken. */
const PATIENCE_MS = 15_000;

export class FrameSocket {
  readonly socket: WebSocket;
  readonly texts: Text[] = [];
  readonly frames: Frame[] = [];
  readonly closed: Promise<Closing>;
  #seenTexts = 0;
  readonly #waiters = new Set<Waiter<Text>>();
  readonly #dataWaiters = new Set<() => void>();
  pongs = 0;

  constructor(socket: WebSocket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => socket.addEventListener("close", ({ code, reason }) => resolve({ code, reason })));
    socket.addEventListener("message", ({ data }) => this.#onMessage(data));
    // Since 2026 the default is a Blob, which is read asynchronously and so out of order with text.
    socket.binaryType = "arraybuffer";
    socket.accept();
  }

  say(frame: object): void {
    this.raw(JSON.stringify(frame));
  }

  raw(data: string | ArrayBuffer | Uint8Array): void {
    // The far side may have closed while an answer was on its way, as on any network.
    if (this.socket.readyState === WebSocket.READY_STATE_OPEN) this.socket.send(data);
  }

  data(kind: KindName, payload: Uint8Array, at: Partial<Omit<Frame, "kind" | "payload">> = {}): void {
    this.raw(encodeFrame({ kind, flags: 0, epoch: 1, channel: 0, offset: 0, ...at, payload }));
  }

  close(code = 1000): void {
    this.socket.close(code, "test");
  }

  /** The next text frame of this type that nobody took yet; earlier ones of other types are skipped. */
  async next<T extends Text = Text>(t: string, matches: (frame: Text) => boolean = () => true): Promise<T> {
    const wants = (frame: Text): boolean => frame.t === t && matches(frame);
    const at = this.texts.findIndex((frame, i) => i >= this.#seenTexts && wants(frame));
    if (at !== -1) {
      this.#seenTexts = at + 1;
      return this.texts[at] as T;
    }
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(
        () =>
          reject(
            new Error(
              `no '${t}' came; after ${this.texts
                .slice(-8)
                .map((frame) => JSON.stringify(frame).slice(0, 160))
                .join(" ")}`,
            ),
          ),
        PATIENCE_MS,
      );
      const waiter: Waiter<Text> = {
        wants,
        settle: (frame) => {
          clearTimeout(timer);
          this.#seenTexts = this.texts.indexOf(frame) + 1;
          resolve(frame as T);
        },
      };
      this.#waiters.add(waiter);
    });
  }

  /** Resolves when `enough` holds for the data that came. */
  async until(enough: () => boolean, what: string): Promise<void> {
    if (enough()) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`never: ${what}`)), PATIENCE_MS);
      const look = (): void => {
        if (!enough()) return;
        clearTimeout(timer);
        this.#dataWaiters.delete(look);
        resolve();
      };
      this.#dataWaiters.add(look);
    });
  }

  /** A round trip through the platform: whatever was sent before it has been taken. */
  async pingPong(): Promise<void> {
    const before = this.pongs;
    this.socket.send("ping");
    await this.until(() => this.pongs > before, "a pong");
  }

  #onMessage(data: unknown): void {
    if (data === "pong") this.pongs += 1;
    else if (typeof data === "string") {
      const frame = JSON.parse(data) as Text;
      this.texts.push(frame);
      for (const waiter of this.#waiters) {
        if (!waiter.wants(frame)) continue;
        this.#waiters.delete(waiter);
        waiter.settle(frame);
        break;
      }
    } else if (data instanceof ArrayBuffer) {
      const decoded = decodeFrame(new Uint8Array(data));
      if (decoded.ok && decoded.value !== undefined) this.frames.push(decoded.value);
    }
    // After the listeners of who builds on this one.
    queueMicrotask(() => {
      for (const look of [...this.#dataWaiters]) look();
    });
  }
}
