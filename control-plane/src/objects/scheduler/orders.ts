/** What the Scheduler asks of hosts, each through its relay and all at once: a slow one holds up nobody else, nor does a slow order. */
import type { RequestName, RequestResult } from "@maestro/shared/protocol/link";
import { LOST_AFTER_MS, SELF_FENCE_MARGIN_MS, STOP_GRACE_MS } from "@maestro/shared/limits";
import { checkResult } from "../../domain/relay/request-results.ts";
import { attemptSpec } from "../../domain/tasks/attempt-spec.ts";
import type { Board } from "../../domain/tasks/board.ts";
import type { Answer } from "../../domain/tasks/board-port.ts";
import type { OrderReply } from "../../domain/tasks/calls.ts";
import type { Attempt, StopWhy, TaskCore } from "../../domain/tasks/model.ts";
import { reason } from "../../domain/tasks/outcome.ts";
import { errorText } from "../../log-text.ts";
import type { RequestWithoutId } from "../host-relay/link-socket.ts";
import { relayOf } from "../relay-call.ts";
import { noAnswer, OrderCalls, type OfferCall, type StartCall } from "./order-calls.ts";
import type { SecretStore } from "./secret-store.ts";
import type { Work } from "./task-rows.ts";

export interface OrdersPort {
  env: Env;
  fleet(): string;
  scale: number;
  /** What its row says beside the task; undefined: it is not open any more. */
  work(key: string): Work | undefined;
  secrets: Pick<SecretStore, "ciphertext">;
  /** One decision of the board, together with others that are due. */
  decide(decision: (board: Board, nowMs: number) => void): Promise<void>;
}

export interface OfferOrder {
  task: TaskCore;
  target: number;
  attempt: Attempt;
}

export interface StartOrder {
  task: TaskCore;
  attempt: Attempt;
  /** It may have been asked before. */
  again: boolean;
}

export class Orders {
  readonly #port: OrdersPort;
  readonly #calls: OrderCalls;
  #offers: OfferOrder[] = [];
  /** By attempt, by which replies are told apart: one decision may come upon the same start twice. */
  readonly #starts = new Map<string, StartOrder>();

  constructor(port: OrdersPort) {
    this.#port = port;
    this.#calls = new OrderCalls({ relay: (host) => this.#relay(host), decide: port.decide });
  }

  /** With the next `send`. */
  offer(order: OfferOrder): void {
    this.#offers.push(order);
  }

  /** With the next `send`. */
  start(order: StartOrder): void {
    this.#starts.set(order.attempt.id, order);
  }

  /** Once what was decided is written. Those to one host go together: a call costs more than what it carries. */
  send(): void {
    const [offers, starts] = [this.#offers, [...this.#starts.values()]];
    this.#offers = [];
    this.#starts.clear();
    this.#calls.send(offers.flatMap((order) => this.#offered(order) ?? []));
    this.#calls.send(starts.flatMap((order) => this.#started(order) ?? []));
  }

  /** Undefined: there is nothing to offer. */
  #offered({ task, target, attempt }: OfferOrder): OfferCall | undefined {
    const { scale, decide } = this.#port;
    const work = this.#port.work(task.key);
    if (work === undefined) return undefined;
    const missing = this.#missing(work);
    if (missing !== undefined) {
      const why = reason("secret_missing", `The fleet has no secret '${missing}'.`, `maestro secret set ${missing}`);
      const refused = { ok: true, value: { answer: "refused", reason: why } } as const;
      void decide((board, nowMs) => board.offerAnswered(attempt.id, refused, nowMs));
      return undefined;
    }
    const stopAfterMs = Math.max(1, Math.round((LOST_AFTER_MS - SELF_FENCE_MARGIN_MS) * scale));
    const sealed = Object.keys(work.sealed);
    const spec = JSON.stringify(attemptSpec({ task, target, attempt, spec: work.spec, prompt: work.prompt, sealed, stopAfterMs }));
    return {
      kind: "offer",
      host: attempt.host,
      chars: spec.length,
      asked: { attempt: attempt.id, fence: attempt.fence, spec },
      replied: (board, reply, nowMs) => board.offerAnswered(attempt.id, answerOf("task.offer", reply), nowMs),
    };
  }

  /** [TK5] Ciphertext only; the relay opens it on its way. */
  #started({ task, attempt, again }: StartOrder): StartCall | undefined {
    const sealed = this.sealedFor(task);
    if (sealed === undefined) return undefined;
    const chars = Object.entries(sealed).reduce((sum, [name, value]) => sum + name.length + value.length, 0);
    return {
      kind: "start",
      host: attempt.host,
      chars,
      asked: { attempt: attempt.id, fence: attempt.fence, sealed, task: task.id },
      replied: (board, reply, nowMs) => board.startAnswered(attempt.id, statusOf(answerOf("task.start", reply)), again, nowMs),
    };
  }

  /** @param committedMs of the start: what the fleet has since is not what that brought. */
  sealedFor(task: TaskCore, committedMs = Number.POSITIVE_INFINITY): Record<string, string> | undefined {
    const { work: workOf, secrets } = this.#port;
    const work = workOf(task.key);
    if (work === undefined) return undefined;
    const sealed: Record<string, string> = {};
    for (const name of work.spec.body.secrets ?? []) {
      const ciphertext = secrets.ciphertext(name, committedMs);
      if (ciphertext !== undefined) sealed[name] = ciphertext;
    }
    // What came with the task goes before what the fleet has.
    return Object.assign(sealed, work.sealed);
  }

  async cancel(attempt: Pick<Attempt, "id" | "fence" | "host">, why: StopWhy, graceMs = STOP_GRACE_MS): Promise<void> {
    const frame = { t: "task.cancel", attempt: attempt.id, fence: attempt.fence, graceMs, why } as const;
    const answer = await this.#cancelled(attempt.host, frame);
    await this.#port.decide((board, nowMs) => board.cancelAnswered(attempt.id, statusOf(answer), nowMs));
  }

  async #cancelled(host: Attempt["host"], frame: RequestWithoutId & { t: "task.cancel" }): Promise<Answer<RequestResult<"task.cancel">>> {
    try {
      return answerOf("task.cancel", await this.#relay(host.id).request(frame));
    } catch (cause) {
      return noAnswer(host, frame.t, cause);
    }
  }

  #relay(host: string): ReturnType<typeof relayOf> {
    return relayOf(this.#port.env, this.#port.fleet(), host);
  }

  /** [TK2] */
  async look(host: string): Promise<void> {
    const relay = this.#relay(host);
    try {
      const [connected, { lastSeenMs }] = await Promise.all([relay.linked(), relay.live()]);
      await this.#port.decide((board, nowMs) => board.hostSeen(host, lastSeenMs ?? 0, connected, nowMs));
    } catch (cause) {
      // It is looked at again soon.
      console.warn(JSON.stringify({ message: "a host's relay does not answer", host, cause: errorText(cause) }));
    }
  }

  #missing({ spec, sealed }: Work): string | undefined {
    return (spec.body.secrets ?? []).find((name) => sealed[name] === undefined && this.#port.secrets.ciphertext(name) === undefined);
  }
}

type Answered = Answer<RequestResult<"task.start">>;
const statusOf = (answer: Answered): Answer<RequestResult<"task.start">["status"]> =>
  answer.ok ? { ok: true, value: answer.value.status } : answer;

/** A relay of another version may answer what is not known here: that tells nothing of what the host did. */
function answerOf<N extends RequestName>(name: N, reply: OrderReply): Answer<RequestResult<N>> {
  if (!reply.ok) return { ok: false, error: reply.error, neverSent: reply.neverSent };
  const checked = checkResult(name, JSON.parse(reply.json));
  return checked.ok ? { ok: true, value: checked.value } : { ok: false, error: checked.error };
}
