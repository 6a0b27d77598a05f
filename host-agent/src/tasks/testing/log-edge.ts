/** The far end of a shipper's link, as [LG1] and [LG2] want it: keeps bytes by offset, drops overlap, asks for what is missing. */
import { createHash } from "node:crypto";
import { LINK_CREDIT_BYTES } from "@maestro/shared/limits";
import { decodeControl } from "@maestro/shared/protocol/codec";
import { decodeFrame } from "@maestro/shared/protocol/frame";
import { HostFrames, type HostFrame } from "@maestro/shared/protocol/link";
import type { LogLink } from "../log-sending.ts";
import type { LogShipper } from "../log-shipper.ts";

export interface StoredLog {
  bytes: Buffer[];
  position: number;
  omitted: { from: number; to: number } | undefined;
}

export class LogEdge {
  readonly logs = new Map<string, StoredLog>();
  /** Everything that came, in order, as a person would tell it. */
  readonly told: string[] = [];
  readonly fences = new Map<string, number>();
  frames = 0;
  receivedBytes = 0;
  mostOnItsWay = 0;
  /** Commits are told when this is called, or at once. */
  manual = false;
  readonly #waiting: (() => void)[] = [];
  readonly #listeners = new Set<() => void>();

  log(attempt: string): StoredLog {
    const log = this.logs.get(attempt) ?? { bytes: [], position: 0, omitted: undefined };
    this.logs.set(attempt, log);
    return log;
  }
  content(attempt: string): Buffer {
    return Buffer.concat(this.log(attempt).bytes);
  }
  sha256(attempt: string): string {
    return createHash("sha256").update(this.content(attempt)).digest("hex");
  }
  /** Forgets the end of what it had, as a commit that was told too early would. */
  lose(attempt: string, from: number): void {
    const log = this.log(attempt);
    log.bytes = [this.content(attempt).subarray(0, from)];
    log.position = from;
  }
  commit(): void {
    for (const tell of this.#waiting.splice(0)) tell();
  }
  /** Resolves when it holds; asked again after whatever comes. */
  until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!holds()) return;
        this.#listeners.delete(look);
        resolve();
      };
      this.#listeners.add(look);
      look();
    });
  }

  /** A new link to it. `quiet` may hold frames back; whatever is sent after `cut` is lost. */
  link(shipper: LogShipper, quiet: (send: () => void) => void = (send) => send()): LogLink & { cut(): void } {
    const channels = new Map<number, string>();
    const unconfirmed = new Map<string, number>();
    let up = true;
    const tell = (attempt: string, offset: number): void => {
      const send = (): void => {
        if (!up) return;
        unconfirmed.set(attempt, 0);
        shipper.durable(attempt, offset);
      };
      if (this.manual) this.#waiting.push(send);
      else queueMicrotask(send);
    };
    const changed = (): void => {
      for (const look of [...this.#listeners]) look();
    };
    return {
      cut: () => {
        up = false;
      },
      whenQuiet: quiet,
      control: (text) => {
        if (!up) return;
        const decoded = decodeControl<HostFrame>(text, HostFrames);
        if (!decoded.ok || decoded.value.type === "unknown") throw new Error(`not a frame: ${text}`);
        const { frame } = decoded.value;
        if (frame.t === "log.open") {
          channels.set(frame.channel, frame.attempt);
          this.fences.set(frame.attempt, frame.fence);
          this.told.push(`open ${frame.attempt}`);
        }
        if (frame.t === "log.skip") {
          const log = this.log(frame.attempt);
          this.told.push(`skip ${frame.attempt} ${frame.from}-${frame.to}`);
          this.#skip(log, frame);
          tell(frame.attempt, log.position);
        }
        changed();
      },
      data: (bytes) => {
        if (!up) return;
        const decoded = decodeFrame(bytes);
        if (!decoded.ok || decoded.value === undefined) throw new Error("not a frame");
        const { channel, offset, payload } = decoded.value;
        const attempt = channels.get(channel);
        if (attempt === undefined) throw new Error(`channel ${channel} was not opened on this link`);
        this.frames += 1;
        this.receivedBytes += payload.byteLength;
        if (payload.byteLength > 128 * 1024) throw new Error(`a frame of ${payload.byteLength} bytes`);
        unconfirmed.set(attempt, (unconfirmed.get(attempt) ?? 0) + payload.byteLength);
        this.mostOnItsWay = Math.max(this.mostOnItsWay, unconfirmed.get(attempt) ?? 0);
        const log = this.log(attempt);
        if (offset > log.position) {
          this.told.push(`need ${attempt} ${log.position}`);
          queueMicrotask(() => up && shipper.need(attempt, log.position));
        } else if (offset + payload.byteLength > log.position) {
          log.bytes.push(Buffer.from(payload.subarray(log.position - offset)));
          log.position = offset + payload.byteLength;
        }
        tell(attempt, log.position);
        changed();
      },
    };
  }

  /** What lies in between goes; idempotent. */
  #skip(log: StoredLog, { from, to }: { from: number; to: number }): void {
    if (log.position < from || log.omitted?.to === to) return;
    const whole = Buffer.concat(log.bytes);
    log.bytes = [whole.subarray(0, from), whole.subarray(Math.min(to, whole.byteLength))];
    log.omitted = { from, to };
    log.position = Math.max(log.position, to);
  }
}

export const CREDIT = LINK_CREDIT_BYTES;
