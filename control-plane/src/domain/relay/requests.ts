/** [VR5] Requests to the host: every one gets exactly one answer, one error, or `timeout`. */
import { isErrorCode, maestroError, type MaestroError } from "@maestro/shared/errors";
import type { WireError } from "@maestro/shared/protocol/link";
import { err, ok, type Result } from "@maestro/shared/result";

interface Pending {
  name: string;
  deadlineMs: number;
  settle: (result: Result<unknown>) => void;
}

/** More than any host answers at once; past it new requests are refused, not queued. */
export const MAX_PENDING_REQUESTS = 1_000;

export class Requests {
  readonly #pending = new Map<number, Pending>();
  #nextId: number;

  /** @param firstId larger than every id an earlier life of this object used, e.g. the time in milliseconds. */
  constructor(firstId: number) {
    this.#nextId = firstId;
  }

  /** @param settle called once, unless the request is refused here. */
  open(name: string, deadlineMs: number, settle: Pending["settle"]): Result<number> {
    if (this.#pending.size >= MAX_PENDING_REQUESTS)
      return err(maestroError("rate_limited", `${MAX_PENDING_REQUESTS} requests to this host are unanswered.`));
    const id = this.#nextId++;
    this.#pending.set(id, { name, deadlineMs, settle });
    return ok(id);
  }

  /** False: nobody waits for it (too late, or of an earlier life). */
  answer(id: number, value: unknown): boolean {
    return this.#settle(id, ok(value));
  }

  refuse(id: number, error: WireError): boolean {
    return this.#settle(id, err(fromWire(error)));
  }

  /** The link went: nothing will be answered any more. */
  failAll(error: MaestroError): void {
    for (const id of [...this.#pending.keys()]) this.#settle(id, err(error));
  }

  expire(nowMs: number): void {
    for (const [id, { name, deadlineMs }] of [...this.#pending]) {
      if (deadlineMs <= nowMs) this.#settle(id, err(maestroError("timeout", `The host did not answer '${name}' in time.`)));
    }
  }

  nextDeadlineMs(): number | undefined {
    let next: number | undefined;
    for (const { deadlineMs } of this.#pending.values()) next = next === undefined ? deadlineMs : Math.min(next, deadlineMs);
    return next;
  }

  #settle(id: number, result: Result<unknown>): boolean {
    const pending = this.#pending.get(id);
    if (pending === undefined) return false;
    this.#pending.delete(id);
    pending.settle(result);
    return true;
  }
}

/** A refusal of a host that may be newer than we are: a code we do not know is `internal`, its words stay. */
export function fromWire(error: WireError): MaestroError {
  const { code, detail, field, hint } = error;
  return maestroError(isErrorCode(code) ? code : "internal", detail, {
    ...(field === undefined ? {} : { field }),
    ...(hint === undefined ? {} : { hint }),
  });
}

export const toWire = ({ code, detail, field, hint }: MaestroError): WireError => ({
  code,
  detail,
  ...(field === undefined ? {} : { field }),
  ...(hint === undefined ? {} : { hint }),
});
