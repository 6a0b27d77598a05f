/** One attached terminal, from the first screen to the exit code. */
import { EXIT } from "@maestro/shared/errors";
import { VIEWER_ACK_BYTES, VIEWER_IDLE_ACK_MS } from "@maestro/shared/limits";
import type { SessionInfo, Size } from "@maestro/shared/protocol/session";
import { escapeUnsafe, stripUnsafe } from "@maestro/shared/sanitize";
import type { Io } from "../io.ts";
import { splitTyped, watcherKey, type DetachKey } from "./keys.ts";
import { AttachedScreen } from "./screen.ts";
import type { AttachEvent, AttachLink } from "./view.ts";

export interface AttachOptions {
  io: Io;
  detachKey: DetachKey;
  readOnly: boolean;
  open(emit: (event: AttachEvent) => void, size: () => { cols: number; rows: number }): AttachLink;
}

/** Short breaks are not worth a line over the screen. */
const COVER_AFTER_MS = 1_000;
/** A line about something that passed stays this long. */
const SHOWN_MS = 2_000;
/** The session's end overtakes output that was sent before it. */
const LAST_OUTPUT_MS = 200;

type Outcome = { type: "detached" } | { type: "ended"; session: SessionInfo } | { type: "signal" } | { type: "failed"; error: Error };

/** Exit code: 0 when detached, the program's own when it ended, 130 by a signal. Failures are thrown. */
export async function attach({ io, detachKey, readOnly, open }: AttachOptions): Promise<number> {
  const screen = new AttachedScreen(io);
  const outcome = Promise.withResolvers<Outcome>();
  let canWrite = false;
  let mine = false;
  /** The host or the control plane is: there is nothing to be drawn anew. */
  let away = false;
  let session: SessionInfo | undefined;
  let acked = 0;
  /** The size that the last screen was drawn for. */
  let drawn: Size | undefined;
  /** The session's size, until a redraw was asked for because of it. */
  let told: Size | undefined;
  let idle: NodeJS.Timeout | undefined;
  let cover: NodeJS.Timeout | undefined;
  let entered = false;

  const link = open(
    (event) => handle(event),
    () => screen.size,
  );
  const shown = (epoch: number, offset: number) => (): void => {
    clearTimeout(idle);
    const acknowledge = (): void => {
      acked = offset;
      link.shown(epoch, offset);
    };
    if (offset - acked >= VIEWER_ACK_BYTES || offset < acked) acknowledge();
    else idle = setTimeout(acknowledge, VIEWER_IDLE_ACK_MS);
  };
  const tell = (text: string): void => {
    if (entered) screen.cover(` ${escapeUnsafe(text)}`);
    else io.stderr.write(`maestro: ${escapeUnsafe(text)}\n`);
  };
  const later = (text: string): void => {
    clearTimeout(cover);
    cover = setTimeout(() => tell(text), COVER_AFTER_MS);
  };
  /** Asked for once: the relay keeps the wish while the link opens, and says so when it refuses it. */
  const uncovered = (): void => {
    clearTimeout(cover);
    if (screen.covered) link.redraw();
  };
  /** A screen made for another size was drawn wrongly, and not every program draws itself anew. Once for each size. */
  const mend = (): void => {
    if (!mine || drawn === undefined || told === undefined || (drawn.cols === told.cols && drawn.rows === told.rows)) return;
    told = undefined;
    link.redraw();
  };
  const finish = (): void => {
    if (session?.end !== undefined) outcome.resolve({ type: "ended", session });
  };

  function handle(event: AttachEvent): void {
    switch (event.type) {
      case "connected":
        session = event.session;
        canWrite = event.canWrite;
        if (!entered)
          io.stderr.write(`Attached to ${stripUnsafe(session.name)}; ${detachKey.name} detaches${canWrite ? "" : ", watching only"}.\n`);
        away = event.hostAway;
        if (event.hostAway) tell("The host is not connected; waiting for it.");
        else uncovered();
        return;
      case "screen":
        if (!entered) {
          screen.enter();
          entered = true;
          io.stdin.on("data", typed);
          io.stdout.on("resize", resized);
        }
        acked = Math.min(acked, event.offset);
        drawn = { cols: event.cols, rows: event.rows };
        mend();
        screen.draw(event.bytes, () => {
          shown(event.epoch, event.offset)();
          finish();
        });
        return;
      case "output":
        screen.write(event.bytes, shown(event.epoch, event.offset));
        return;
      case "gap":
        return;
      case "pen":
        mine = event.mine;
        screen.answering = mine;
        if (mine) link.resize(screen.size.cols, screen.size.rows);
        else if (entered && canWrite && event.writer !== undefined) {
          tell(`${stripUnsafe(event.writer, 40)} writes. t takes the pen, q or ${detachKey.name} detaches.`);
          cover = setTimeout(uncovered, SHOWN_MS);
        }
        return;
      case "size":
        told = { cols: event.cols, rows: event.rows };
        mend();
        if (!mine && entered && (event.cols > screen.size.cols || event.rows > screen.size.rows))
          tell(`The session is ${event.cols}x${event.rows}, larger than this terminal.`);
        return;
      case "host":
        away = event.away;
        if (event.away) later("The host is away. What you type is not sent.");
        else uncovered();
        return;
      case "session": {
        const alive = session?.end === undefined;
        session = event.session;
        // Output that was sent before the end is still on its way to the screen.
        if (alive && session.end !== undefined) setTimeout(finish, LAST_OUTPUT_MS);
        return;
      }
      case "refused":
        tell(stripUnsafe(event.detail, 200));
        if (!away) cover = setTimeout(uncovered, SHOWN_MS);
        return;
      case "disconnected":
        away = true;
        return later(`Not connected: ${stripUnsafe(event.why, 120).replace(/\.$/, "")}. Trying again.`);
      case "over":
        clearTimeout(cover);
        if (event.failure === undefined) outcome.resolve({ type: "detached" });
        else if (session?.end !== undefined) finish();
        else outcome.resolve({ type: "failed", error: event.failure });
        return;
    }
  }

  function typed(data: Buffer): void {
    if (!mine) {
      const key = watcherKey(data, detachKey);
      if (key === "detach") outcome.resolve({ type: "detached" });
      else if (key === "take" && canWrite && !readOnly) link.take();
      return;
    }
    for (const part of splitTyped(data, detachKey)) {
      if (part.type === "detach") return outcome.resolve({ type: "detached" });
      link.input(part.bytes);
    }
  }

  function resized(): void {
    if (mine) link.resize(screen.size.cols, screen.size.rows);
    else link.redraw();
  }

  const onSignal = (): void => outcome.resolve({ type: "signal" });
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, onSignal);
  try {
    return conclude(await outcome.promise, () => screen.leave(), io);
  } finally {
    for (const signal of signals) process.off(signal, onSignal);
    io.stdin.off("data", typed);
    io.stdout.off("resize", resized);
    clearTimeout(idle);
    clearTimeout(cover);
    screen.leave();
    link.close();
  }
}

function conclude(outcome: Outcome, leave: () => void, io: Io): number {
  leave();
  switch (outcome.type) {
    case "detached":
      io.stderr.write("Detached; the session goes on.\n");
      return EXIT.ok;
    case "ended": {
      const { reason, code, signal } = outcome.session.end ?? { reason: "exited" };
      const how = `${reason}${code === undefined ? "" : ` with code ${code}`}${signal === undefined ? "" : ` by ${signal}`}`;
      io.stderr.write(`The session ended: ${escapeUnsafe(how)}.\n`);
      return code ?? (reason === "exited" ? EXIT.ok : EXIT.failure);
    }
    case "signal":
      return EXIT.interrupted;
    case "failed":
      throw outcome.error;
  }
}
