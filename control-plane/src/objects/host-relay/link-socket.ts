/** [LK] The link: one socket to the host, its hello, the requests on it, and what its frames mean. */
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { HELLO_TIMEOUT_MS, REQUEST_TIMEOUT_MS } from "@maestro/shared/limits";
import { CLOSE, type CloseCode } from "@maestro/shared/protocol/close-codes";
import { decodeControl, encodeControl } from "@maestro/shared/protocol/codec";
import { decodeFrame, type Frame } from "@maestro/shared/protocol/frame";
import {
  HostFrames,
  RequestResults,
  type Hello,
  type HostFrame,
  type HostSync,
  type Inventory,
  type Metrics,
  type RelayFrame,
  type RequestFrame,
  type RequestName,
  type RequestResult,
  type SnapshotBegin,
  type WireError,
} from "@maestro/shared/protocol/link";
import type { SessionInfo } from "@maestro/shared/protocol/session";
import { negotiate, VERSIONS } from "@maestro/shared/protocol/version";
import { err, ok, type Result } from "@maestro/shared/result";
import type * as z from "zod";
import { fullBucket, LINK_NEWS_RATE, take, type Bucket } from "../../domain/relay/rate.ts";
import { Requests } from "../../domain/relay/requests.ts";
import type { LinkAttachment } from "./attachments.ts";
import { asFrameError, close, closeCodeFor, REPLACEMENT, send } from "./socket.ts";

export type RequestWithoutId<F = RequestFrame> = F extends { id: number } ? Omit<F, "id"> : never;

/** What happens on the link, in the words of the rest of the relay. */
export interface LinkEvents {
  hello(hello: Hello, mark: number): void;
  helloPage(sessions: readonly SessionInfo[], mark: number): void;
  /** The hello is complete; the answer is the host's welcome. */
  welcome(version: number, mark: number): Extract<RelayFrame, { t: "welcome" }>;
  /** The welcome has gone out: channels may be opened. */
  up(): void;
  /** The link is no more; `seenMs` is its last sign of life, undefined if it never was ready. */
  down(seenMs: number | undefined): void;
  inventory(page: Inventory, mark: number): void;
  sessions(upsert: readonly SessionInfo[], removed: readonly string[]): void;
  metrics(metrics: Metrics): void;
  output(frame: Frame, whole: ArrayBuffer): void;
  snapshotBegins(begin: SnapshotBegin): void;
  snapshotPart(frame: Frame, whole: ArrayBuffer): void;
  blob(frame: Frame): void;
  gap(channel: number, gap: { epoch: number; from: number; to: number }): void;
  epochChanged(channel: number, epoch: number, offset: number): void;
  inputRefused(channel: number, error: WireError): void;
  synced(channels: z.infer<typeof HostSync>["channels"]): void;
}

export interface LinkPort {
  nowMs(): number;
  scale: number;
  /** Of the last `ping` the platform answered, Unix ms. */
  pingedMs(socket: WebSocket): number | undefined;
  rearm(): void;
}

const RESULTS: { readonly [N in RequestName]: z.ZodType<RequestResult<N>> } = RequestResults;

interface Current {
  socket: WebSocket;
  attachment: LinkAttachment;
  lastFrameMs: number;
  news: Bucket;
}

export class LinkSocket {
  readonly #events: LinkEvents;
  readonly #port: LinkPort;
  readonly #requests: Requests;
  #current: Current | undefined;
  /** [VR2] Frames of a newer host. */
  #unknown = 0;

  constructor(events: LinkEvents, port: LinkPort) {
    this.#events = events;
    this.#port = port;
    this.#requests = new Requests(port.nowMs());
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

  get metrics(): Metrics | undefined {
    return this.#current?.attachment.metrics;
  }

  get unknownFrames(): number {
    return this.#unknown;
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

  /** Ends the current link. The host redials by the table of close codes. */
  drop(code: CloseCode, reason: Parameters<typeof close>[2]): void {
    const current = this.#current;
    if (current === undefined) return;
    const seenMs = this.seenMs();
    this.#save({ phase: "closing" });
    close(current.socket, code, reason);
    this.#ended(seenMs);
  }

  closed(socket: WebSocket): void {
    if (this.isCurrent(socket)) this.#ended(this.seenMs());
  }

  #ended(seenMs: number | undefined): void {
    this.#current = undefined;
    this.#requests.failAll(
      maestroError("host_unreachable", "The host's link went away before it answered.", { hint: "Try again once the host is back." }),
    );
    this.#events.down(seenMs);
  }

  send(frame: RelayFrame): boolean {
    return this.#current !== undefined && send(this.#current.socket, encodeControl(frame));
  }

  /** Input of a viewer, as a frame on its session's channel. */
  sendData(frame: ArrayBuffer): boolean {
    return this.#current !== undefined && send(this.#current.socket, frame);
  }

  /**
   * [VR5] Exactly one call of `settle`, with the value checked against the request's own schema.
   * @param make given the id, so that a request can name its blob channel after it.
   */
  request<N extends RequestName>(
    name: N,
    make: (id: number) => RequestFrame & { t: N },
    settle: (result: Result<RequestResult<N>>) => void,
  ): void {
    const schema = RESULTS[name];
    if (!this.ready) return settle(err(maestroError("host_unreachable", "The host is not connected.")));
    const deadlineMs = this.#port.nowMs() + REQUEST_TIMEOUT_MS * this.#port.scale;
    const opened = this.#requests.open(name, deadlineMs, (result) => {
      if (!result.ok) return settle(result);
      const value = schema.safeParse(result.value);
      settle(
        value.success
          ? ok(value.data)
          : err(maestroError("frame_invalid", `The host's answer to '${name}' is malformed.`, { hint: "Upgrade the host-agent." })),
      );
    });
    if (!opened.ok) return settle(opened);
    this.send(make(opened.value));
    this.#port.rearm();
  }

  /** Deadlines that passed. */
  expire(nowMs: number): void {
    this.#requests.expire(nowMs);
    const due = this.#helloDueMs();
    if (due !== undefined && due <= nowMs) this.drop(CLOSE.helloTimeout, "hello_timeout");
  }

  nextDeadlineMs(): number | undefined {
    const hello = this.#helloDueMs();
    const request = this.#requests.nextDeadlineMs();
    return hello === undefined ? request : request === undefined ? hello : Math.min(hello, request);
  }

  onBinary(message: ArrayBuffer): void {
    const current = this.#current;
    if (current === undefined) return;
    current.lastFrameMs = this.#port.nowMs();
    const decoded = decodeFrame(new Uint8Array(message));
    if (!decoded.ok) return this.#refuse(decoded.error);
    if (current.attachment.phase !== "ready") return this.#refuse(maestroError("frame_kind", "Data before the hello."));
    const frame = decoded.value;
    switch (frame?.kind) {
      case undefined:
      // Logs belong to attempts, which this version of the relay does not carry.
      case "log":
        this.#unknown += 1;
        return;
      case "output":
        return this.#events.output(frame, message);
      case "snapshot":
        return this.#events.snapshotPart(frame, message);
      case "blob":
        return this.#events.blob(frame);
      case "input":
        return this.#refuse(maestroError("frame_kind", "A host sends no input."));
    }
  }

  onText(text: string): void {
    const current = this.#current;
    if (current === undefined) return;
    current.lastFrameMs = this.#port.nowMs();
    const decoded = decodeControl<HostFrame>(text, HostFrames);
    if (!decoded.ok) {
      if (decoded.error.code === "frame_invalid" && text.includes(REPLACEMENT)) return this.drop(CLOSE.invalidText, "frame_invalid");
      return this.#refuse(asFrameError(decoded.error));
    }
    const { value } = decoded;
    if (value.type === "unknown" || !isAnswer(value.frame)) {
      const news = take(current.news, LINK_NEWS_RATE, 1, this.#port.nowMs());
      if (news === undefined) return this.#refuse(maestroError("rate_limited", `More than ${LINK_NEWS_RATE.perSecond} messages a second.`));
      current.news = news;
    }
    // [VR2] A newer host may speak it. Requests go from relay to host only, so there is nobody to answer.
    if (value.type === "unknown") this.#unknown += 1;
    else this.#dispatch(value.frame, current.attachment);
  }

  #dispatch(frame: HostFrame, attachment: LinkAttachment): void {
    if (attachment.phase === "greeting" && frame.t !== "hello")
      return this.#refuse(maestroError("frame_invalid", `'${frame.t}' before the hello.`));
    switch (frame.t) {
      case "hello":
        return this.#hello(frame, attachment);
      case "hello-page":
        if (attachment.phase !== "paging") return this.#refuse(maestroError("frame_invalid", "A hello page without a hello."));
        this.#events.helloPage(frame.sessions, attachment.mark);
        return this.#helloGoesOn(frame.more, attachment);
      case "inventory":
        if (frame.first) this.#save({ typesMark: this.#port.nowMs() });
        return this.#events.inventory(frame, attachment.typesMark);
      case "sessions":
        return this.#events.sessions(frame.upsert, frame.removed);
      case "metrics":
        this.#save({ metrics: frame.metrics });
        return this.#events.metrics(frame.metrics);
      case "reply":
        this.#requests.answer(frame.id, frame.value);
        return;
      case "reply-error":
        this.#requests.refuse(frame.id, frame.error);
        return;
      case "snapshot":
        return this.#events.snapshotBegins(frame);
      case "gap":
        return this.#events.gap(frame.channel, frame);
      case "epoch":
        return this.#events.epochChanged(frame.channel, frame.epoch, frame.offset);
      case "input-refused":
        return this.#events.inputRefused(frame.channel, frame.error);
      case "host-sync":
        return this.#events.synced(frame.channels);
    }
  }

  #hello(hello: Hello, attachment: LinkAttachment): void {
    if (attachment.phase !== "greeting") return this.#refuse(maestroError("frame_invalid", "A second hello."));
    const version = negotiate(VERSIONS, hello.versions);
    if (!version.ok) return this.#refuse(version.error);
    if (hello.instance !== attachment.instance)
      return this.#refuse(maestroError("frame_invalid", "The hello names another process than the signature.", { field: "instance" }));
    this.#save({ version: version.value });
    this.#events.hello(hello, attachment.mark);
    this.#helloGoesOn(hello.more, attachment);
  }

  #helloGoesOn(more: boolean, attachment: LinkAttachment): void {
    this.#save({ phase: more ? "paging" : "ready" });
    if (more) return;
    this.send(this.#events.welcome(attachment.version, attachment.mark));
    this.#events.up();
  }

  #refuse(error: MaestroError): void {
    this.drop(closeCodeFor(error), error.code);
  }

  #save(change: Partial<LinkAttachment>): void {
    const current = this.#current;
    if (current === undefined) return;
    Object.assign(current.attachment, change);
    current.socket.serializeAttachment(current.attachment);
  }

  #helloDueMs(): number | undefined {
    const attachment = this.#current?.attachment;
    if (attachment === undefined || (attachment.phase !== "greeting" && attachment.phase !== "paging")) return undefined;
    return attachment.acceptedMs + HELLO_TIMEOUT_MS * this.#port.scale;
  }
}

/** What the relay asked for is bounded by its asking. */
const isAnswer = ({ t }: HostFrame): boolean =>
  t === "reply" || t === "reply-error" || t === "snapshot" || t === "gap" || t === "input-refused" || t === "host-sync";
