/**
 * A host's replies to orders that came together. Those that are there a moment after the first one go back together, for a
 * call costs more than what it carries; the others are asked for again, so that no order waits for a slow one.
 */
import { maestroError } from "@maestro/shared/errors";
import type { OrderReply } from "../../domain/tasks/calls.ts";
import { errorText } from "../../log-text.ts";

/** Of replies that nobody came for: the Scheduler that had asked began anew. */
const FORGOTTEN_AFTER_MS = 120_000;

export interface OrderRepliesPort {
  nowMs(): number;
  /** After a moment in which more may come. */
  soon(act: () => void): void;
}

interface Open {
  sinceMs: number;
  reply: Promise<OrderReply>;
}

export class OrderReplies {
  readonly #port: OrderRepliesPort;
  readonly #open = new Map<string, Open>();

  constructor(port: OrderRepliesPort) {
    this.#port = port;
  }

  /** @param asked a name for each order, and the reply to come. */
  together(asked: readonly (readonly [name: string, reply: Promise<OrderReply>])[]): Promise<(OrderReply | null)[]> {
    const nowMs = this.#port.nowMs();
    for (const [name, { sinceMs }] of this.#open) if (Math.abs(nowMs - sinceMs) > FORGOTTEN_AFTER_MS) this.#open.delete(name);
    for (const [name, reply] of asked) this.#open.set(name, { sinceMs: nowMs, reply });
    return this.rest(asked.map(([name]) => name));
  }

  /** Those of `names`, in their order. One of which nothing is known was asked of a life before this one. */
  async rest(names: readonly string[]): Promise<(OrderReply | null)[]> {
    const replies: (OrderReply | null)[] = names.map(() => null);
    const { promise: moment, resolve } = Promise.withResolvers<void>();
    let first = names.length > 1;
    const open = names.map((name) => this.#open.get(name));
    const each = names.map(async (name, i) => {
      replies[i] = await replyOf(name, open[i]);
      if (first) this.#port.soon(resolve);
      first = false;
    });
    await Promise.race([moment, Promise.all(each)]);
    // Not what was asked once more meanwhile.
    for (const [i, name] of names.entries()) if (replies[i] !== null && this.#open.get(name) === open[i]) this.#open.delete(name);
    return [...replies];
  }
}

async function replyOf(name: string, open: Open | undefined): Promise<OrderReply> {
  if (open === undefined) return failed("The host's relay began anew before the host had answered.");
  try {
    return await open.reply;
  } catch (cause) {
    console.warn(JSON.stringify({ message: "an order could not be passed on", order: name, cause: errorText(cause) }));
    return failed("The host's relay could not pass the order on.");
  }
}

const failed = (detail: string): OrderReply => ({ ok: false, error: maestroError("internal", detail) });
