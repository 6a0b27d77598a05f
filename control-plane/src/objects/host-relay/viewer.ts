/** One attached viewer: its socket, what it carries through hibernation, and its budgets. */
import type { MaestroError } from "@maestro/shared/errors";
import { HELLO_TIMEOUT_MS } from "@maestro/shared/limits";
import { encodeControl } from "@maestro/shared/protocol/codec";
import type { ToViewerFrame } from "@maestro/shared/protocol/viewer";
import { CONTROL_RATE, fullBucket, INPUT_RATE, type Bucket } from "../../domain/relay/rate.ts";
import { toWire } from "../../domain/relay/requests.ts";
import type { ViewerAttachment } from "./attachments.ts";
import { close, closeCodeFor, send } from "./socket.ts";

export class Viewer {
  readonly socket: WebSocket;
  readonly #attachment: ViewerAttachment;
  /** Full again after a wake: ten idle seconds would have filled them anyway. */
  control: Bucket;
  input: Bucket;
  /** [VR2] Frames of a newer console. */
  unknown = 0;

  constructor(socket: WebSocket, attachment: ViewerAttachment, nowMs: number) {
    this.socket = socket;
    this.#attachment = attachment;
    this.control = fullBucket(CONTROL_RATE, nowMs);
    this.input = fullBucket(INPUT_RATE, nowMs);
  }

  get at(): Readonly<ViewerAttachment> {
    return this.#attachment;
  }

  get mayWrite(): boolean {
    return this.#attachment.canWrite && !this.#attachment.readOnly;
  }

  get closing(): boolean {
    return this.#attachment.phase === "closing";
  }

  /** [LK3] Unix ms; undefined once it said hello. */
  helloDueMs(scale: number): number | undefined {
    return this.#attachment.phase === "greeting" ? this.#attachment.acceptedMs + HELLO_TIMEOUT_MS * scale : undefined;
  }

  save(change: Partial<ViewerAttachment>): void {
    Object.assign(this.#attachment, change);
    this.socket.serializeAttachment(this.#attachment);
  }

  tell(frame: ToViewerFrame): void {
    send(this.socket, encodeControl(frame));
  }

  bytes(frame: ArrayBuffer): void {
    send(this.socket, frame);
  }

  /** A refusal that leaves the socket open. */
  complain(error: MaestroError, id?: number): void {
    this.tell({ t: "error", ...(id === undefined ? {} : { id }), error: toWire(error) });
  }

  /** A refusal that ends the socket: the whole of it in an error frame, its code in the close reason. */
  end(error: MaestroError): void {
    this.complain(error);
    this.save({ phase: "closing" });
    close(this.socket, closeCodeFor(error), error.code);
  }
}
