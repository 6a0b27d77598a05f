/** [TK1] [TK5] What the Scheduler asks of the host for attempts: each is offered with its spec, then started with its secrets. */
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { MAX_INLINE_SPEC_BYTES, OFFER_TIMEOUT_MS } from "@maestro/shared/limits";
import { encodeFrame, FLAG } from "@maestro/shared/protocol/frame";
import type { RequestFrame, RequestName } from "@maestro/shared/protocol/link";
import { AttemptSpec, type Offer } from "@maestro/shared/protocol/tasks";
import { err, ok, type Result } from "@maestro/shared/result";
import type * as z from "zod";
import { sha256Hex } from "../../crypto/digest.ts";
import { utf8 } from "../../crypto/encoding.ts";
import { Sealer } from "../../crypto/sealed.ts";
import { openSecret } from "../../crypto/secret-box.ts";
import { makeAttemptToken } from "../../crypto/attempt-token.ts";
import type { Keys } from "../../crypto/keys.ts";
import type { OfferAsked, StartAsked } from "../../domain/tasks/calls.ts";
import { errorText } from "../../log-text.ts";
import { inAMoment } from "../moment.ts";
import type { RelayReply } from "./host-requests.ts";
import type { LinkSocket } from "./link-socket.ts";
import { OrderReplies } from "./order-replies.ts";
import type { StateOf } from "./store.ts";

/** A spec gives way to terminals between its frames. */
const BLOB_FRAME_BYTES = 64 * 1024;
const MAX_BLOB_CHANNEL = 0x7fff_ffff;
/** More replies may come in it. */
const GATHER_MS = 50;

export interface TaskRequestsPort {
  nowMs(): number;
  unreachable(): MaestroError;
  identity(): StateOf<"identity"> | undefined;
  config(): Promise<{ keys: Keys; publicOrigin: string | undefined }>;
  /** Under which the host dials. */
  origin(): string | undefined;
  /** [TK5] Of an attempt that runs here under this fence. */
  secretsOf(attempt: string, fence: number): Promise<{ task: string; sealed: Record<string, string> } | undefined>;
  /** Raw X25519, base64url; undefined: the host was removed. */
  sealingKey(): Promise<string | undefined>;
  /** It was asked to start here. */
  started(attempt: string): void;
  /** The host says that it has no such attempt. */
  notThere(attempt: string): void;
}

export class TaskRequests {
  readonly #link: LinkSocket;
  readonly #port: TaskRequestsPort;
  readonly #sealer: Sealer;
  readonly #replies: OrderReplies;

  constructor(link: LinkSocket, port: TaskRequestsPort) {
    this.#link = link;
    this.#port = port;
    this.#sealer = new Sealer(port.nowMs);
    this.#replies = new OrderReplies({ nowMs: port.nowMs, soon: (act) => inAMoment(act, GATHER_MS) });
  }

  offers(asked: readonly OfferAsked[]): Promise<(RelayReply | null)[]> {
    return this.#replies.together(asked.map((one) => [orderName("offer", one.attempt), this.#offer(one)]));
  }

  starts(asked: readonly StartAsked[]): Promise<(RelayReply | null)[]> {
    return this.#replies.together(asked.map((one) => [orderName("start", one.attempt), this.#start(one)]));
  }

  repliesTo(kind: "offer" | "start", attempts: readonly string[]): Promise<(RelayReply | null)[]> {
    return this.#replies.rest(attempts.map((attempt) => orderName(kind, attempt)));
  }

  /** Never kept: it dies with its link. */
  async #offer({ attempt, fence, spec }: OfferAsked): Promise<RelayReply> {
    if (!this.#link.ready) return this.#neverSent(this.#port.unreachable());
    // The start that follows will want it.
    void this.#port.sealingKey().catch(() => undefined);
    const bytes = utf8(spec);
    const sent = bytes.byteLength > MAX_INLINE_SPEC_BYTES ? await sha256Hex(bytes) : AttemptSpec.safeParse(JSON.parse(spec));
    if (typeof sent === "string")
      return this.#ask(
        "task.offer",
        (id) => {
          const channel = (id % MAX_BLOB_CHANNEL) + 1;
          this.#sendBlob(channel, bytes);
          return { ...offerOf(id, attempt, fence), blob: { channel, bytes: bytes.byteLength, sha256: sent } };
        },
        OFFER_TIMEOUT_MS,
      );
    if (!sent.success) return this.#neverSent(maestroError("internal", "The spec of an attempt is malformed."));
    const { data } = sent;
    return this.#ask("task.offer", (id) => ({ ...offerOf(id, attempt, fence), spec: data }), OFFER_TIMEOUT_MS);
  }

  /** Plain values are here for this one moment, between two kinds of ciphertext. */
  async #start({ attempt, fence, sealed, task }: StartAsked): Promise<RelayReply> {
    if (!this.#link.ready) return this.#neverSent(this.#port.unreachable());
    const box = await this.#seal(attempt, fence, sealed, task);
    if (!box.ok) return this.#neverSent(box.error);
    if (!this.#link.ready) return this.#neverSent(this.#port.unreachable());
    const answer = this.#ask("task.start", (id) => ({ t: "task.start", id, attempt, fence, sealed: box.value }));
    // After it was sent: a row that is written holds back what is sent after it.
    this.#port.started(attempt);
    const reply = await answer;
    if (!reply.ok && reply.error.code === "attempt_not_found") this.#port.notThere(attempt);
    return reply;
  }

  /** [TK5] By a host that has forgotten them, to blot them out of a log. What went wrong here is asked again. */
  async secretsAgain(attempt: string, fence: number): Promise<void> {
    try {
      const found = await this.#port.secretsOf(attempt, fence);
      const box = found === undefined ? undefined : await this.#seal(attempt, fence, found.sealed, found.task, true);
      if (box?.ok === false) throw new Error(box.error.detail);
      if (this.#link.ready) this.#link.send({ t: "task.secrets", attempt, fence, ...(box === undefined ? {} : { sealed: box.value }) });
    } catch (cause) {
      console.warn(JSON.stringify({ message: "a host's question for secrets cannot be answered", attempt, cause: errorText(cause) }));
    }
  }

  /** @param some what cannot be opened any more is left out. */
  async #seal(
    attempt: string,
    fence: number,
    sealed: Readonly<Record<string, string>>,
    task: string,
    some = false,
  ): Promise<Result<string>> {
    const identity = this.#port.identity();
    const [{ keys, publicOrigin }, sealingKey] = await Promise.all([this.#port.config(), this.#port.sealingKey()]);
    if (identity === undefined || sealingKey === undefined) return err(this.#port.unreachable());
    const { fleet } = identity;
    const env: Record<string, string> = {};
    for (const [name, ciphertext] of Object.entries(sealed)) {
      const value = await openSecret(keys.secrets, { fleet, task, name }, ciphertext);
      if (value !== undefined) env[name] = value;
      else if (!some) return err(unreadable(name));
    }
    env["MAESTRO_TOKEN"] = await makeAttemptToken(keys.attempt, { fleet, task, attempt, fence });
    const url = publicOrigin ?? this.#port.origin();
    if (url !== undefined) env["MAESTRO_URL"] = url;
    const box = await this.#sealer.seal(sealingKey, { attempt, fence }, env);
    return box === undefined
      ? err(maestroError("internal", `The sealing key of host '${identity.name}' is none.`, { hint: "Let the host join anew." }))
      : ok(box);
  }

  #sendBlob(channel: number, bytes: Uint8Array): void {
    for (let offset = 0; offset < bytes.byteLength; offset += BLOB_FRAME_BYTES) {
      const payload = bytes.subarray(offset, offset + BLOB_FRAME_BYTES);
      const flags = offset + payload.byteLength === bytes.byteLength ? FLAG.last : 0;
      this.#link.sendData(encodeFrame({ kind: "blob", flags, epoch: 0, channel, offset, payload }).buffer);
    }
  }

  #ask<N extends RequestName>(name: N, make: (id: number) => RequestFrame & { t: N }, timeoutMs?: number): Promise<RelayReply> {
    return new Promise((resolve) => {
      this.#link.request(
        name,
        make,
        (result) => resolve(result.ok ? { ok: true, json: JSON.stringify(result.value) } : { ok: false, error: result.error }),
        timeoutMs,
      );
    });
  }

  #neverSent(error: MaestroError): RelayReply {
    return { ok: false, error, neverSent: true };
  }
}

const orderName = (kind: "offer" | "start", attempt: string): string => `${kind} ${attempt}`;

const offerOf = (id: number, attempt: string, fence: number): z.infer<typeof Offer> => ({ t: "task.offer", id, attempt, fence });

const unreadable = (name: string): MaestroError =>
  maestroError("secret_not_found", `The secret '${name}' cannot be opened: it was sealed for another place, or with another key.`, {
    field: name,
    hint: "Set it again.",
  });
