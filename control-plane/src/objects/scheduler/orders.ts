/** What the Scheduler asks of hosts, each through its relay and all at once: a slow one holds up nobody else. */
import { maestroError } from "@maestro/shared/errors";
import type { RequestName, RequestResult } from "@maestro/shared/protocol/link";
import { LOST_AFTER_MS, SELF_FENCE_MARGIN_MS, STOP_GRACE_MS } from "@maestro/shared/limits";
import { resultOf } from "../../domain/relay/request-results.ts";
import { attemptSpec } from "../../domain/tasks/attempt-spec.ts";
import type { Board } from "../../domain/tasks/board.ts";
import type { Answer } from "../../domain/tasks/board-port.ts";
import type { Attempt, StopWhy, TaskCore } from "../../domain/tasks/model.ts";
import { reason } from "../../domain/tasks/outcome.ts";
import { errorText } from "../../log-text.ts";
import type { RelayReply } from "../host-relay/host-requests.ts";
import { relayOf } from "../relay-call.ts";
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

export class Orders {
  readonly #port: OrdersPort;

  constructor(port: OrdersPort) {
    this.#port = port;
  }

  async offer(task: TaskCore, target: number, attempt: Attempt): Promise<void> {
    const { scale, decide } = this.#port;
    const work = this.#port.work(task.key);
    if (work === undefined) return;
    const missing = this.#missing(work);
    if (missing !== undefined) {
      const why = reason("secret_missing", `The fleet has no secret '${missing}'.`, `maestro secret set ${missing}`);
      return decide((board, nowMs) => board.offerAnswered(attempt.id, { ok: true, value: { answer: "refused", reason: why } }, nowMs));
    }
    const stopAfterMs = Math.max(1, Math.round((LOST_AFTER_MS - SELF_FENCE_MARGIN_MS) * scale));
    const spec = attemptSpec({
      task,
      target,
      attempt,
      spec: work.spec,
      prompt: work.prompt,
      sealed: Object.keys(work.sealed),
      stopAfterMs,
    });
    const answer = await this.#ask("task.offer", attempt, (relay) => relay.offer(attempt.id, attempt.fence, JSON.stringify(spec)));
    await decide((board, nowMs) => board.offerAnswered(attempt.id, answer, nowMs));
  }

  /** [TK5] Ciphertext only; the relay opens it on its way. */
  async start(task: TaskCore, attempt: Attempt, again: boolean): Promise<void> {
    const sealed = this.sealedFor(task);
    if (sealed === undefined) return;
    const answer = await this.#ask("task.start", attempt, (relay) => relay.start(attempt.id, attempt.fence, sealed, task.id));
    await this.#port.decide((board, nowMs) => board.startAnswered(attempt.id, statusOf(answer), again, nowMs));
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
    const answer = await this.#ask("task.cancel", attempt, (relay) => relay.request(frame));
    await this.#port.decide((board, nowMs) => board.cancelAnswered(attempt.id, statusOf(answer), nowMs));
  }

  /** [TK2] */
  async look(host: string): Promise<void> {
    const relay = relayOf(this.#port.env, this.#port.fleet(), host);
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

  async #ask<N extends RequestName>(
    name: N,
    { host }: Pick<Attempt, "host">,
    ask: (relay: ReturnType<typeof relayOf>) => Promise<RelayReply>,
  ): Promise<Answer<RequestResult<N>>> {
    try {
      const reply = await ask(relayOf(this.#port.env, this.#port.fleet(), host.id));
      return reply.ok ? { ok: true, value: resultOf(name, reply.json) } : { ok: false, error: reply.error, neverSent: reply.neverSent };
    } catch (cause) {
      console.warn(JSON.stringify({ message: "a host's relay does not answer", host: host.id, asked: name, cause: errorText(cause) }));
      return { ok: false, error: maestroError("internal", `The relay of host '${host.name}' did not answer.`) };
    }
  }
}

type Answered = Answer<RequestResult<"task.start">>;
const statusOf = (answer: Answered): Answer<RequestResult<"task.start">["status"]> =>
  answer.ok ? { ok: true, value: answer.value.status } : answer;
