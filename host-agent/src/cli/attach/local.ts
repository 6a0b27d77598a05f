/** An attached session through this machine's holder, without the control plane. Both may write; the holder knows no pen. */
import { fail } from "@maestro/shared/errors";
import { VIEWER_CREDIT_BYTES } from "@maestro/shared/limits";
import { advance, type Cursor } from "@maestro/shared/protocol/cursor";
import type { HolderClient } from "../../holder/client.ts";
import type { HolderEvents, SessionInfo } from "../../holder/types.ts";
import type { AttachEvent, AttachLink } from "./view.ts";

interface Opened {
  client: HolderClient;
  session: SessionInfo;
  emit(event: AttachEvent): void;
  size(): { cols: number; rows: number };
}

export class LocalAttach implements AttachLink {
  readonly #readOnly: boolean;
  #opened: Opened | undefined;
  #cursor: Cursor | undefined;

  constructor(readOnly: boolean) {
    this.#readOnly = readOnly;
  }

  readonly events: HolderEvents = {
    output: ({ session, epoch, offset, bytes }) => {
      const { emit } = this.#of(session) ?? {};
      if (emit === undefined || this.#cursor === undefined) return;
      const step = advance(this.#cursor, { epoch, offset, length: bytes.byteLength });
      if (step.type === "take") {
        this.#cursor = step.next;
        emit({ type: "output", bytes: bytes.subarray(step.skip), ...step.next });
      } else if (step.type !== "duplicate") this.redraw();
    },
    snapshot: ({ session, epoch, offset, bytes, cols, rows }) => {
      const opened = this.#of(session);
      if (opened === undefined) return;
      this.#cursor = { epoch, offset };
      opened.client.grant(session, { epoch, upTo: offset + VIEWER_CREDIT_BYTES });
      opened.emit({ type: "screen", bytes, epoch, offset, cols, rows });
    },
    gap: ({ session, from, to }) => {
      this.#of(session)?.emit({ type: "gap", from, to });
      if (this.#of(session) !== undefined) this.redraw();
    },
    epoch: ({ session }) => {
      if (this.#of(session) !== undefined) this.redraw();
    },
    inputRefused: ({ session, error }) => this.#of(session)?.emit({ type: "refused", code: error.code, detail: error.detail }),
    sessions: ({ upsert, removed }) => {
      const opened = this.#opened;
      if (opened === undefined) return;
      const changed = upsert.find(({ id }) => id === opened.session.id);
      if (changed !== undefined) opened.emit({ type: "session", session: changed });
      if (removed.includes(opened.session.id)) opened.emit({ type: "over", failure: undefined });
    },
    closed: (reason) =>
      this.#opened?.emit({
        type: "over",
        failure: fail("host_unreachable", `The holder went away: ${reason}.`, { hint: "Its log is logs/holder.log under MAESTRO_HOME." }),
      }),
  };

  open(opened: Opened): AttachLink {
    this.#opened = opened;
    void this.#start(opened);
    return this;
  }

  input(bytes: Uint8Array): void {
    const { client, session } = this.#opened ?? {};
    if (client === undefined || session === undefined || this.#readOnly) return;
    if (!client.input(session.id, bytes))
      this.#opened?.emit({ type: "refused", code: "input_refused", detail: "What you typed was not sent." });
  }

  resize(cols: number, rows: number): void {
    const { client, session } = this.#opened ?? {};
    if (client === undefined || session === undefined || this.#readOnly) return;
    void client.resize(session.id, cols, rows).then((done) => {
      if (done.ok) this.#opened?.emit({ type: "size", ...done.value });
    });
  }

  take(): void {
    this.#opened?.emit({ type: "pen", mine: !this.#readOnly, writer: undefined, viewers: 1 });
  }

  shown(epoch: number, offset: number): void {
    const { client, session } = this.#opened ?? {};
    if (client !== undefined && session !== undefined) client.grant(session.id, { epoch, upTo: offset + VIEWER_CREDIT_BYTES });
  }

  redraw(): void {
    const { client, session } = this.#opened ?? {};
    if (client !== undefined && session !== undefined) void client.snapshot(session.id, { lines: 0 });
  }

  close(): void {
    const { client, session } = this.#opened ?? {};
    if (client !== undefined && session !== undefined) client.unsubscribe(session.id);
  }

  async #start({ client, session, emit }: Opened): Promise<void> {
    const subscribed = await client.subscribe(session.id, { credit: 0 });
    if (!subscribed.ok) return emit({ type: "over", failure: fail(subscribed.error.code, subscribed.error.detail, subscribed.error) });
    emit({ type: "connected", session: subscribed.value.session, canWrite: !this.#readOnly, hostAway: false });
    const drawn = await client.snapshot(session.id, { lines: 0 });
    if (!drawn.ok) return emit({ type: "over", failure: fail(drawn.error.code, drawn.error.detail, drawn.error) });
    emit({ type: "pen", mine: !this.#readOnly, writer: undefined, viewers: 1 });
  }

  #of(session: string): Opened | undefined {
    return this.#opened?.session.id === session ? this.#opened : undefined;
  }
}
