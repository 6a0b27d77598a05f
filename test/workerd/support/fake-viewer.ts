/** A viewer that folds what it gets into what it shows, and fails on a hole or a wrong byte. */
import { advance, type Cursor } from "@maestro/shared/protocol/cursor";
import type { Frame } from "@maestro/shared/protocol/frame";
import { byteAt } from "./program.ts";
import { FrameSocket, type Text } from "./relay-frames.ts";

export class FakeViewer extends FrameSocket {
  cursor: Cursor | undefined;
  screen = "";
  /** Bytes shown since the last screen. */
  shown = 0;
  problem: string | undefined;
  /** Confirms nothing while set. */
  stalled = false;
  #left = 0;
  #at: Cursor | undefined;

  constructor(socket: WebSocket) {
    super(socket);
    socket.addEventListener("message", ({ data }) => {
      if (typeof data === "string" && data.startsWith("{")) this.#onText(JSON.parse(data) as Text);
      else if (data instanceof ArrayBuffer) this.#fold();
    });
  }

  async hello(more: object = {}): Promise<Text> {
    this.say({ t: "hello", versions: { min: 1, max: 1 }, ...more });
    return this.next("welcome");
  }

  async reaches(offset: number): Promise<void> {
    await this.until(() => this.cursor?.offset === offset || this.problem !== undefined, `offset ${offset}, at ${this.cursor?.offset}`);
    if (this.problem !== undefined) throw new Error(this.problem);
  }

  ack(): void {
    if (this.cursor !== undefined) this.say({ t: "ack", ...this.cursor });
  }

  type(text: string): void {
    this.data("input", new TextEncoder().encode(text));
  }

  #fold(): void {
    const frame = this.frames.at(-1);
    if (frame === undefined) return;
    if (frame.kind === "snapshot") this.#foldScreen(frame);
    else this.#foldOutput(frame);
  }

  #foldScreen({ payload }: Frame): void {
    this.screen += new TextDecoder().decode(payload);
    this.#left -= payload.byteLength;
    if (this.#left !== 0 || this.#at === undefined) return;
    this.cursor = this.#at;
    this.#at = undefined;
    this.shown = 0;
    if (!this.stalled) this.ack();
  }

  #foldOutput({ epoch, offset, payload }: Frame): void {
    if (this.cursor === undefined || this.#at !== undefined) return;
    const step = advance(this.cursor, { epoch, offset, length: payload.byteLength });
    if (step.type === "gap") this.problem = `a hole ${step.from}..${step.to}`;
    if (step.type !== "take") return;
    for (let i = step.skip; i < payload.byteLength; i++) if (payload[i] !== byteAt(offset + i)) this.problem = `byte ${offset + i} differs`;
    this.shown += payload.byteLength - step.skip;
    this.cursor = step.next;
    if (!this.stalled) this.ack();
  }

  #onText(frame: Text): void {
    if (frame.t === "snapshot") {
      this.screen = "";
      this.#left = Number(frame["bytes"]);
      this.#at = { epoch: Number(frame["epoch"]), offset: Number(frame["offset"]) };
    } else if (frame.t === "resumed") this.cursor = { epoch: Number(frame["epoch"]), offset: Number(frame["offset"]) };
    else if (frame.t === "sync" && !this.stalled) this.ack();
  }
}
