/** [LK] The link: one socket to the host, how long it lives, and the requests that wait for its answers. */
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { HELLO_TIMEOUT_MS, MAX_CONTROL_BYTES } from "@maestro/shared/limits";
import { CLOSE, type CloseCode } from "@maestro/shared/protocol/close-codes";
import { encodeControl } from "@maestro/shared/protocol/codec";
import {
  requestTimeoutMs,
  type Metrics,
  type RelayFrame,
  type RequestFrame,
  type RequestName,
  type RequestResult,
} from "@maestro/shared/protocol/link";
import { err, type Result } from "@maestro/shared/result";
import { earliestOf } from "../../domain/relay/next-alarm.ts";
import { fullBucket, LINK_NEWS_RATE, type Bucket } from "../../domain/relay/rate.ts";
import { checkResult } from "../../domain/relay/request-results.ts";
import { Requests, toWire } from "../../domain/relay/requests.ts";
import type { LinkAttachment } from "./attachments.ts";
import { close, send } from "./socket.ts";

export type RequestWithoutId<F = RequestFrame> = F extends { id: number } ? Omit<F, "id"> : never;

export interface LinkPort {
  nowMs(): number;
  scale: number;
  /** Of the last `ping` the platform answered, Unix ms. */
  pingedMs(socket: WebSocket): number | undefined;
  /**
   * The link is no more; `seenMs` is its last sign of life, undefined if it never was ready. `heard`: it was listened to
   * ever since.
   */
  down(seenMs: number | undefined, heard: boolean): void;
  rearm(): void;
}

interface Current {
  readonly socket: WebSocket;
  readonly attachment: LinkAttachment;
  lastFrameMs: number;
  news: Bucket;
}

export class LinkSocket {
  readonly requests: Requests;
  readonly #port: LinkPort;
  #current: Current | undefined;

  constructor(port: LinkPort) {
    this.#port = port;
    this.requests = new Requests(port.nowMs());
  }

  /** The socket that is the link now. */
  get current(): Current | undefined {
    return this.#current;
  }

  get ready(): boolean {
    return this.#current?.attachment.phase === "ready";
  }

  get present(): boolean {
    return this.#current !== undefined;
  }

  /** Rows written while this link lives carry its mark. */
  get mark(): number {
    return this.#current?.attachment.mark ?? 0;
  }

  /** Tells this link from every other of the host; undefined while its hello is not complete. */
  get name(): string | undefined {
    const at = this.#current?.attachment;
    return at?.phase === "ready" ? `${at.epoch.start}.${at.epoch.connect}.${at.acceptedMs}` : undefined;
  }

  get metrics(): Metrics | undefined {
    return this.#current?.attachment.metrics;
  }

  isCurrent(socket: WebSocket): boolean {
    return this.#current?.socket === socket;
  }

  /**
   * The last sign of life of the link that is open now, Unix ms; undefined while its hello is not complete. A host that
   * hears nothing of us dials again and again: each of its upgrades is accepted, and none of them makes it reachable.
   */
  seenMs(): number | undefined {
    const current = this.#current;
    if (current?.attachment.phase !== "ready") return undefined;
    return Math.max(current.attachment.acceptedMs, current.lastFrameMs, this.#port.pingedMs(current.socket) ?? 0);
  }

  /** A socket that was just accepted, or one that was found after a wake. */
  adopt(socket: WebSocket, attachment: LinkAttachment): void {
    this.#current = { socket, attachment, lastFrameMs: attachment.acceptedMs, news: fullBucket(LINK_NEWS_RATE, this.#port.nowMs()) };
  }

  save(change: Partial<LinkAttachment>): void {
    const current = this.#current;
    if (current === undefined) return;
    Object.assign(current.attachment, change);
    current.socket.serializeAttachment(current.attachment);
  }

  /** Ends the current link. The host redials by the table of close codes. */
  drop(code: CloseCode, reason: Parameters<typeof close>[2], heard = false): void {
    const current = this.#current;
    if (current === undefined) return;
    const seenMs = this.seenMs();
    this.save({ phase: "closing" });
    close(current.socket, code, reason);
    this.#ended(seenMs, heard);
  }

  closed(socket: WebSocket): void {
    if (this.isCurrent(socket)) this.#ended(this.seenMs(), false);
  }

  send(frame: RelayFrame): boolean {
    return this.#current !== undefined && send(this.#current.socket, encodeControl(frame));
  }

  /** Input of a viewer, as a frame on its session's channel. */
  sendData(frame: ArrayBuffer): boolean {
    return this.#current !== undefined && send(this.#current.socket, frame);
  }

  /**
   * [VR5] Exactly one call of `settle`.
   * @param make given the id, so that a request can name its blob channel after it.
   */
  request<N extends RequestName>(
    name: N,
    make: (id: number) => RequestFrame & { t: N },
    settle: (result: Result<RequestResult<N>>) => void,
    timeoutMs: number = requestTimeoutMs(name),
  ): void {
    if (!this.ready) return settle(err(maestroError("host_unreachable", "The host is not connected.")));
    const deadlineMs = this.#port.nowMs() + timeoutMs * this.#port.scale;
    const opened = this.requests.open(name, deadlineMs, (result) => settle(result.ok ? checkResult(name, result.value) : result));
    if (!opened.ok) return settle(opened);
    const text = encodeControl(make(opened.value));
    const bytes = new TextEncoder().encode(text).byteLength;
    // The host would end its link over it, and with it everybody's.
    if (bytes > MAX_CONTROL_BYTES) return void this.requests.refuse(opened.value, toWire(tooLarge(name, bytes)));
    if (this.#current !== undefined) send(this.#current.socket, text);
    this.#port.rearm();
  }

  /** Deadlines that passed. */
  expire(nowMs: number): void {
    this.requests.expire(nowMs);
    const due = this.#helloDueMs();
    if (due !== undefined && due <= nowMs) this.drop(CLOSE.helloTimeout, "hello_timeout");
  }

  nextDeadlineMs(): number | undefined {
    return earliestOf([this.#helloDueMs(), this.requests.nextDeadlineMs()]);
  }

  #ended(seenMs: number | undefined, heard: boolean): void {
    this.#current = undefined;
    this.requests.failAll(
      maestroError("host_unreachable", "The host's link went away before it answered.", { hint: "Try again once the host is back." }),
    );
    this.#port.down(seenMs, heard);
  }

  #helloDueMs(): number | undefined {
    const attachment = this.#current?.attachment;
    if (attachment === undefined || (attachment.phase !== "greeting" && attachment.phase !== "paging")) return undefined;
    return attachment.acceptedMs + HELLO_TIMEOUT_MS * this.#port.scale;
  }
}

const tooLarge = (name: RequestName, bytes: number): MaestroError =>
  maestroError("body_too_large", `'${name}' takes ${bytes} bytes on the host's link; at most ${MAX_CONTROL_BYTES} are taken.`, {
    hint: "Send less at once.",
  });
