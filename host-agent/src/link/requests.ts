/** [VR5] Every request of the relay is answered exactly once: by its result, its refusal, or `timeout`. */
import { maestroError, MaestroFailure, type MaestroError } from "@maestro/shared/errors";
import { requestTimeoutMs, type HostFrame, type WireError } from "@maestro/shared/protocol/link";
import type { Result } from "@maestro/shared/result";
import { deadlineMs, noCancel, type Cancel, type Clock } from "../daemon/clock.ts";
import type { Log } from "../daemon/log.ts";

/** So much less than the relay's own patience, that the answer, not the silence, reaches whoever asked. */
const AHEAD_MS = 1_000;
/** Requests at work on one link; the relay has far fewer. More are refused. */
const MAX_OPEN = 256;
/** Repeats come close behind the original; older ids are forgotten. */
const MAX_REMEMBERED = 1024;

export class Requests {
  readonly #send: (frame: HostFrame) => void;
  readonly #clock: Clock;
  readonly #scale: number;
  readonly #log: Log;
  /** What ends the wait for each. */
  readonly #open = new Map<number, Cancel>();
  /** Ids answered lately, oldest first. */
  readonly #answered = new Set<number>();

  constructor(send: (frame: HostFrame) => void, { clock, timeScale, log }: { clock: Clock; timeScale: number; log: Log }) {
    this.#send = send;
    this.#clock = clock;
    this.#scale = timeScale;
    this.#log = log;
  }

  /** A repeated frame changes nothing (F21): the one answer is on its way, or there already. */
  answer(id: number, name: string, work: (done: (result: Result<unknown>) => void) => void | Promise<void>): void {
    if (this.#open.has(id) || this.#answered.has(id)) return;
    if (this.#open.size >= MAX_OPEN) return this.#refuse(id, maestroError("rate_limited", `This host has ${MAX_OPEN} requests at work.`));
    this.#open.set(id, noCancel);
    const finish = (result: Result<unknown>) => {
      const cancel = this.#open.get(id);
      if (cancel === undefined) return;
      this.#open.delete(id);
      cancel();
      this.#remember(id);
      if (result.ok) this.#send({ t: "reply", id, value: result.value });
      else this.#refuse(id, result.error);
    };
    const deadline = this.#clock.after(deadlineMs(requestTimeoutMs(name) - AHEAD_MS, this.#scale), () => {
      this.#log.warn("a request was not done in time", { request: name });
      finish({ ok: false, error: maestroError("timeout", `The host did not finish '${name}' in time.`) });
    });
    this.#open.set(id, deadline);
    void this.#run(name, work, finish);
  }

  /** The link is gone: there is nobody left to answer, and nothing to wait for. */
  close(): void {
    for (const cancel of this.#open.values()) cancel();
    this.#open.clear();
  }

  async #run(
    name: string,
    work: (done: (result: Result<unknown>) => void) => void | Promise<void>,
    finish: (result: Result<unknown>) => void,
  ): Promise<void> {
    try {
      await work(finish);
    } catch (cause) {
      if (cause instanceof MaestroFailure) return finish({ ok: false, error: cause.error });
      // A bug here must not strand whoever waits; the log has the rest.
      this.#log.error("a request failed", {
        request: name,
        cause: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause),
      });
      finish({ ok: false, error: maestroError("internal", `The host failed at '${name}'.`, { hint: "Its log says more." }) });
    }
  }

  #remember(id: number): void {
    this.#answered.add(id);
    const [oldest] = this.#answered;
    if (this.#answered.size > MAX_REMEMBERED && oldest !== undefined) this.#answered.delete(oldest);
  }

  #refuse(id: number, error: MaestroError): void {
    this.#send({ t: "reply-error", id, error: toWire(error) });
  }
}

export function toWire({ code, detail, field, hint }: MaestroError): WireError {
  return {
    code,
    detail: detail.slice(0, 2048),
    ...(field === undefined ? {} : { field: field.slice(0, 128) }),
    ...(hint === undefined ? {} : { hint: hint.slice(0, 1024) }),
  };
}
