/** What viewers say: text is control, binary is input; checked in the order of the table of bad inputs. */
import { maestroError } from "@maestro/shared/errors";
import { MAX_INPUT_BYTES_PER_FRAME } from "@maestro/shared/limits";
import { decodeControl } from "@maestro/shared/protocol/codec";
import { decodeFrame } from "@maestro/shared/protocol/frame";
import type { SessionInfo } from "@maestro/shared/protocol/session";
import { negotiate, VERSIONS } from "@maestro/shared/protocol/version";
import { ViewerFrames, type ViewerFrame, type ViewerHello } from "@maestro/shared/protocol/viewer";
import { CLOSE } from "@maestro/shared/protocol/close-codes";
import { CONTROL_RATE, INPUT_RATE, take } from "../../domain/relay/rate.ts";
import { parseSize } from "../../domain/relay/size.ts";
import { readOnly, type Room } from "./room.ts";
import { sessionGone, type Rooms } from "./rooms.ts";
import { asFrameError, close, REPLACEMENT } from "./socket.ts";
import type { Viewer } from "./viewer.ts";

export interface ViewerFramesPort {
  nowMs(): number;
  rooms: Rooms;
  session(id: string): SessionInfo | undefined;
  linked(): boolean;
  /** Input on a channel of the link; false when it could not be sent. */
  sendData(frame: ArrayBuffer): boolean;
  host(): { id: string; name: string };
}

export function onViewerBinary(viewer: Viewer, message: ArrayBuffer, port: ViewerFramesPort): void {
  const decoded = decodeFrame(new Uint8Array(message));
  if (!decoded.ok) return viewer.end(decoded.error);
  if (viewer.at.phase !== "open") return viewer.end(maestroError("frame_kind", "Data before the hello: the first frame is text."));
  const frame = decoded.value;
  if (frame === undefined) {
    viewer.unknown += 1;
    return;
  }
  if (frame.kind !== "input") return viewer.end(maestroError("frame_kind", `A viewer sends input only, not '${frame.kind}'.`));
  if (!viewer.mayWrite) return viewer.complain(readOnly());
  const room = port.rooms.room(viewer.at.session);
  if (room === undefined || !room.isWriter(viewer))
    return viewer.complain(maestroError("not_writer", "Somebody else writes here.", { hint: "Take the pen first." }));
  const bytes = frame.payload.byteLength;
  if (bytes > MAX_INPUT_BYTES_PER_FRAME)
    return viewer.complain(
      maestroError("input_refused", `Input of ${bytes} bytes; at most ${MAX_INPUT_BYTES_PER_FRAME} in one frame.`, {
        hint: "Send it in pieces.",
      }),
    );
  const bucket = take(viewer.input, INPUT_RATE, bytes, port.nowMs());
  if (bucket === undefined)
    return viewer.complain(
      maestroError("rate_limited", `Input is limited to ${INPUT_RATE.perSecond} bytes a second; ${bytes} bytes were dropped.`, {
        hint: "Paste less at once.",
      }),
    );
  const { number } = room.channel;
  // [CH6] Refused visibly, never queued for later.
  if (number === undefined)
    return viewer.complain(
      port.linked()
        ? maestroError("input_refused", "The session is not open on its host yet; nothing was typed.", { hint: "Type again in a moment." })
        : maestroError("input_refused", "The host is not connected; nothing was typed.", { hint: "Type again when it is back." }),
    );
  viewer.input = bucket;
  new DataView(message).setUint32(CHANNEL_AT, number);
  if (!port.sendData(message))
    viewer.complain(maestroError("input_refused", "The host went away; nothing was typed.", { hint: "Type again when it is back." }));
}

export function onViewerText(viewer: Viewer, text: string, port: ViewerFramesPort): void {
  if (text.includes(REPLACEMENT)) {
    viewer.save({ phase: "closing" });
    return close(viewer.socket, CLOSE.invalidText, "frame_invalid");
  }
  const decoded = decodeControl<ViewerFrame>(text, ViewerFrames);
  if (!decoded.ok) return viewer.end(asFrameError(decoded.error));
  const { value } = decoded;
  // [VW4] Acknowledgements are outside the rate limit: they are what keeps the stream going.
  if (value.type === "frame" && value.frame.t === "ack") return onAck(viewer, value.frame, port);
  const bucket = take(viewer.control, CONTROL_RATE, 1, port.nowMs());
  if (bucket === undefined)
    return viewer.end(maestroError("rate_limited", `More than ${CONTROL_RATE.perSecond} control messages a second.`));
  viewer.control = bucket;
  if (value.type === "unknown") {
    viewer.unknown += 1;
    if (value.id !== undefined) viewer.complain(maestroError("type_unknown", `'${value.name}' is not known here.`), value.id);
    return;
  }
  onFrame(viewer, value.frame, port);
}

// Kind, flags and epoch come before it.
const CHANNEL_AT = 4;

function onAck(viewer: Viewer, ack: { epoch: number; offset: number }, { rooms }: ViewerFramesPort): void {
  if (viewer.at.phase !== "open") return viewer.end(maestroError("frame_invalid", "'ack' before the hello."));
  rooms.room(viewer.at.session)?.channel.ack(viewer, ack.epoch, ack.offset);
  rooms.afterAck();
}

function onFrame(viewer: Viewer, frame: ViewerFrame, port: ViewerFramesPort): void {
  if (frame.t === "ack") return onAck(viewer, frame, port);
  if (frame.t === "hello") return onHello(viewer, frame, port);
  const room = port.rooms.room(viewer.at.session);
  const session = port.session(viewer.at.session);
  if (viewer.at.phase !== "open" || room === undefined || session === undefined)
    return viewer.end(maestroError("frame_invalid", `'${frame.t}' before the hello.`));
  switch (frame.t) {
    case "take":
      return room.take(viewer, frame.id, session);
    case "resize":
      return onResize(viewer, frame, room, session);
    case "history":
      if (!room.channel.history(viewer, frame.lines))
        viewer.complain(
          maestroError("rate_limited", "Too much is on its way to viewers of this host.", { hint: "Ask for history again in a moment." }),
        );
  }
}

function onResize(viewer: Viewer, frame: { cols?: unknown; rows?: unknown }, room: Room, session: SessionInfo): void {
  const size = parseSize(frame.cols, frame.rows);
  if (!size.ok) return viewer.complain(size.error);
  // Remembered for the day it takes the pen.
  viewer.save({ size: size.value });
  if (room.isWriter(viewer)) room.applySize(viewer, session);
}

function onHello(viewer: Viewer, hello: ViewerHello, port: ViewerFramesPort): void {
  if (viewer.at.phase !== "greeting") return viewer.end(maestroError("frame_invalid", "A second hello."));
  const version = negotiate(VERSIONS, hello.versions);
  if (!version.ok) return viewer.end(version.error);
  const session = port.session(viewer.at.session);
  if (session === undefined) return viewer.end(sessionGone(viewer.at.session));
  const room = port.rooms.enter(session);
  const { credential } = viewer.at;
  if (hello.resume !== undefined && room.knows(hello.resume, credential)) {
    viewer.save({ resume: hello.resume });
    replace(room.predecessor(hello.resume, credential), port);
  }
  // Replacing the only viewer closes its room.
  const entered = port.rooms.enter(session);
  const { cols, rows } = hello;
  const connected = port.linked() && !entered.away;
  viewer.save({
    phase: "open",
    away: !connected,
    readOnly: hello.readOnly === true,
    size: cols === undefined || rows === undefined ? undefined : { cols, rows },
  });
  viewer.tell({
    t: "welcome",
    version: version.value,
    viewer: viewer.at.id,
    resume: viewer.at.resume,
    session,
    canWrite: viewer.at.canWrite,
    host: { ...port.host(), connected },
  });
  entered.join(viewer, hello, session);
}

/** The redial came before the old socket was known to be dead. */
function replace(old: Viewer | undefined, port: ViewerFramesPort): void {
  if (old === undefined) return;
  old.save({ phase: "closing" });
  close(old.socket, CLOSE.superseded, "superseded");
  port.rooms.leave(old, false);
}
