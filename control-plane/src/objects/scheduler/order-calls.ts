/** Orders to hosts, in as few calls as go: one carries what is due on one host, and brings the replies that come close to each other. */
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import type { Board } from "../../domain/tasks/board.ts";
import type { OfferAsked, OrderReply, RelayForTasks, StartAsked } from "../../domain/tasks/calls.ts";
import type { Attempt } from "../../domain/tasks/model.ts";
import { errorText } from "../../log-text.ts";

/** Of one call. */
const MAX_ORDERS = 100;
const MAX_CHARS = 1024 * 1024;

interface Order {
  host: Attempt["host"];
  /** About how long it is. */
  chars: number;
  /** Part of a decision of the board. */
  replied: (board: Board, reply: OrderReply, nowMs: number) => void;
}

export type OfferCall = Order & { kind: "offer"; asked: OfferAsked };
export type StartCall = Order & { kind: "start"; asked: StartAsked };

export interface OrderCallsPort {
  relay(host: string): Pick<RelayForTasks, "offers" | "starts" | "repliesTo">;
  decide(decision: (board: Board, nowMs: number) => void): Promise<void>;
}

export class OrderCalls {
  readonly #port: OrderCallsPort;

  constructor(port: OrderCallsPort) {
    this.#port = port;
  }

  /** All of one kind. Never waits: each reply is a decision when it is there. */
  send(orders: readonly OfferCall[] | readonly StartCall[]): void {
    for (const call of callsOf<OfferCall | StartCall>(orders)) void this.#send(call);
  }

  async #send([first, ...others]: Call<OfferCall | StartCall>): Promise<void> {
    const { host, kind } = first;
    const orders = [first, ...others];
    const relay = this.#port.relay(host.id);
    const offered = orders.flatMap((order) => (order.kind === "offer" ? order.asked : []));
    const started = orders.flatMap((order) => (order.kind === "start" ? order.asked : []));
    let waiting = orders;
    let ask = () => (kind === "offer" ? relay.offers(offered) : relay.starts(started));
    while (waiting.length > 0) {
      const asked = waiting;
      const replies = await repliesOf(asked, ask);
      await this.#port.decide((board, nowMs) => {
        for (const [i, { replied }] of asked.entries()) {
          const reply = replies[i] ?? null;
          if (reply !== null) replied(board, reply, nowMs);
        }
      });
      waiting = asked.filter((_order, i) => (replies[i] ?? null) === null);
      const attempts = waiting.map((order) => order.asked.attempt);
      ask = () => relay.repliesTo(kind, attempts);
    }
  }
}

/** @returns as many as orders: one for which there is none has failed. */
async function repliesOf(orders: readonly Order[], ask: () => Promise<(OrderReply | null)[]>): Promise<(OrderReply | null)[]> {
  try {
    return await ask();
  } catch (cause) {
    return orders.map(({ host }) => noAnswer(host, "orders", cause));
  }
}

export function noAnswer(host: Attempt["host"], asked: string, cause: unknown): { ok: false; error: MaestroError } {
  console.warn(JSON.stringify({ message: "a host's relay does not answer", host: host.id, asked, cause: errorText(cause) }));
  return { ok: false, error: maestroError("internal", `The relay of host '${host.name}' did not answer.`) };
}

type Call<O> = [O, ...O[]];

/** By host, in order. */
export function callsOf<O extends Pick<Order, "host" | "chars">>(orders: readonly O[]): Call<O>[] {
  const calls: Call<O>[] = [];
  const open = new Map<string, { call: Call<O>; chars: number }>();
  for (const order of orders) {
    const last = open.get(order.host.id);
    if (last !== undefined && last.call.length < MAX_ORDERS && last.chars + order.chars <= MAX_CHARS) {
      last.call.push(order);
      last.chars += order.chars;
    } else {
      const call: Call<O> = [order];
      calls.push(call);
      open.set(order.host.id, { call, chars: order.chars });
    }
  }
  return calls;
}
