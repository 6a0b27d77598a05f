/** [LK] What the host says on its link: text is control, binary is bytes of its sessions; checked, and handed to those it concerns. */
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { CLOSE } from "@maestro/shared/protocol/close-codes";
import { decodeControl } from "@maestro/shared/protocol/codec";
import { decodeFrame, type Frame } from "@maestro/shared/protocol/frame";
import {
  HostFrames,
  type Hello,
  type HostFrame,
  type HostSync,
  type Inventory,
  type Metrics,
  type RelayFrame,
  type SnapshotBegin,
  type WireError,
} from "@maestro/shared/protocol/link";
import type { SessionInfo } from "@maestro/shared/protocol/session";
import type { AttemptReport } from "@maestro/shared/protocol/tasks";
import { negotiate, VERSIONS } from "@maestro/shared/protocol/version";
import type * as z from "zod";
import { LINK_NEWS_RATE, take } from "../../domain/relay/rate.ts";
import type { LinkAttachment } from "./attachments.ts";
import type { LinkSocket } from "./link-socket.ts";
import { asFrameError, closeCodeFor, REPLACEMENT } from "./socket.ts";

/** What is said on the link, in the words of the rest of the relay. */
export interface LinkEvents {
  hello(hello: Hello, mark: number): void;
  helloPage(sessions: readonly SessionInfo[], mark: number): void;
  /** The hello is complete; the answer is the host's welcome. */
  welcome(version: number, mark: number): Extract<RelayFrame, { t: "welcome" }>;
  /** The welcome has gone out: channels may be opened. */
  up(): void;
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
  attemptStatus(report: AttemptReport): void;
  secretsAsked(attempt: string, fence: number): void;
  attempts(page: { items: AttemptReport[]; first: boolean; more: boolean }): void;
  logOpens(channel: number, attempt: string): void;
  logSkips(attempt: string, from: number, to: number): void;
  log(frame: Frame): void;
}

export class LinkFrames {
  readonly #link: LinkSocket;
  readonly #events: LinkEvents;
  readonly #nowMs: () => number;
  /** [VR2] Frames of a newer host. */
  #unknown = 0;

  constructor(link: LinkSocket, events: LinkEvents, nowMs: () => number) {
    this.#link = link;
    this.#events = events;
    this.#nowMs = nowMs;
  }

  get unknown(): number {
    return this.#unknown;
  }

  onBinary(message: ArrayBuffer): void {
    const { current } = this.#link;
    if (current === undefined) return;
    current.lastFrameMs = this.#nowMs();
    const decoded = decodeFrame(new Uint8Array(message));
    if (!decoded.ok) return this.#refuse(decoded.error);
    if (current.attachment.phase !== "ready") return this.#refuse(maestroError("frame_kind", "Data before the hello."));
    const frame = decoded.value;
    switch (frame?.kind) {
      case undefined:
        this.#unknown += 1;
        return;
      case "log":
        return this.#events.log(frame);
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
    const { current } = this.#link;
    if (current === undefined) return;
    current.lastFrameMs = this.#nowMs();
    const decoded = decodeControl<HostFrame>(text, HostFrames);
    if (!decoded.ok) {
      if (decoded.error.code === "frame_invalid" && text.includes(REPLACEMENT)) return this.#link.drop(CLOSE.invalidText, "frame_invalid");
      return this.#refuse(asFrameError(decoded.error));
    }
    const { value } = decoded;
    if (value.type === "unknown" || !isAnswer(value.frame)) {
      const news = take(current.news, LINK_NEWS_RATE, 1, this.#nowMs());
      if (news === undefined) return this.#refuse(maestroError("rate_limited", `More than ${LINK_NEWS_RATE.perSecond} messages a second.`));
      current.news = news;
    }
    // [VR2] A newer host may speak it. Requests go from relay to host only, so there is nobody to answer.
    if (value.type === "unknown") this.#unknown += 1;
    else this.#dispatch(value.frame, current.attachment);
  }

  #dispatch(frame: HostFrame, attachment: Readonly<LinkAttachment>): void {
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
        if (frame.first) this.#link.save({ typesMark: Math.max(this.#nowMs(), attachment.typesMark + 1) });
        return this.#events.inventory(frame, attachment.typesMark);
      case "sessions":
        return this.#events.sessions(frame.upsert, frame.removed);
      case "metrics":
        this.#link.save({ metrics: frame.metrics });
        return this.#events.metrics(frame.metrics);
      case "reply":
        this.#link.requests.answer(frame.id, frame.value);
        return;
      case "reply-error":
        this.#link.requests.refuse(frame.id, frame.error);
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
      case "task.status":
        return this.#events.attemptStatus(frame.report);
      case "task.secrets":
        return this.#events.secretsAsked(frame.attempt, frame.fence);
      case "attempts":
        return this.#events.attempts(frame);
      case "log.open":
        return this.#events.logOpens(frame.channel, frame.attempt);
      case "log.skip":
        return this.#events.logSkips(frame.attempt, frame.from, frame.to);
    }
  }

  #hello(hello: Hello, attachment: Readonly<LinkAttachment>): void {
    if (attachment.phase !== "greeting") return this.#refuse(maestroError("frame_invalid", "A second hello."));
    const version = negotiate(VERSIONS, hello.versions);
    if (!version.ok) return this.#refuse(version.error);
    if (hello.instance !== attachment.instance)
      return this.#refuse(maestroError("frame_invalid", "The hello names another process than the signature.", { field: "instance" }));
    this.#link.save({ version: version.value });
    this.#events.hello(hello, attachment.mark);
    this.#helloGoesOn(hello.more, attachment);
  }

  #helloGoesOn(more: boolean, attachment: Readonly<LinkAttachment>): void {
    this.#link.save({ phase: more ? "paging" : "ready" });
    if (more) return;
    this.#link.send(this.#events.welcome(attachment.version, attachment.mark));
    this.#events.up();
  }

  #refuse(error: MaestroError): void {
    this.#link.drop(closeCodeFor(error), error.code);
  }
}

/** What the relay asked for is bounded by its asking. */
const isAnswer = ({ t }: HostFrame): boolean =>
  t === "reply" || t === "reply-error" || t === "snapshot" || t === "gap" || t === "input-refused" || t === "host-sync";
