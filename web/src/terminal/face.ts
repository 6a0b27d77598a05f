/** What a viewer's socket says beside the bytes: who writes, which size, whether the host is there. Pure. */
import type { SessionInfo } from "@maestro/shared/protocol/session";
import type { ToViewerFrame } from "@maestro/shared/protocol/viewer";

export interface Face {
  /** Undefined until the first `welcome`. */
  session: SessionInfo | undefined;
  /** `connected`: the session takes input there. */
  host: { id: string; name: string; connected: boolean } | undefined;
  /** The socket that is open carries the stream of the screen that is shown. */
  attached: boolean;
  canWrite: boolean;
  resume: string | undefined;
  pen: { writer: string | undefined; you: boolean; viewers: number };
  size: { cols: number; rows: number } | undefined;
}

export const emptyFace: Face = {
  session: undefined,
  host: undefined,
  attached: true,
  canWrite: false,
  resume: undefined,
  pen: { writer: undefined, you: false, viewers: 0 },
  size: undefined,
};

/** A new socket shows the screen of the old one until the stream goes on over it; before the first screen there is none to wait for. */
export const redialled = (face: Face): Face => ({ ...face, attached: face.session === undefined });

export function seeFrame(face: Face, frame: ToViewerFrame): Face {
  switch (frame.t) {
    case "welcome":
      return {
        ...face,
        session: frame.session,
        host: frame.host,
        canWrite: frame.canWrite,
        resume: frame.resume,
        size: { cols: frame.session.cols, rows: frame.session.rows },
      };
    case "pen":
      return { ...face, pen: { writer: frame.writer?.name, you: frame.you, viewers: frame.viewers } };
    case "size":
      return { ...face, size: { cols: frame.cols, rows: frame.rows } };
    case "host":
      return face.host === undefined ? face : { ...face, host: { ...face.host, connected: frame.connected } };
    case "session":
      return { ...face, session: frame.session };
    case "snapshot":
      return { ...face, attached: true, size: { cols: frame.cols, rows: frame.rows } };
    case "resumed":
    case "gap":
      return face.attached ? face : { ...face, attached: true };
    case "sync":
    case "taken":
    case "error":
      return face;
  }
}

/** Why typing does nothing now; undefined: it is sent. */
export function whyNoInput(face: Face, open: boolean): string | undefined {
  if (face.session?.end !== undefined) return "This session has ended.";
  if (!open) return "Not connected: what you type is not sent.";
  if (!face.pen.you) return face.canWrite ? "You are watching. Take the pen to type." : "You may watch this session, not type into it.";
  if (face.host?.connected === false) return `${face.host.name} is away: what you type is not sent.`;
  if (!face.attached) return "Attaching again: what you type is not sent.";
  return undefined;
}

/** The keyboard belongs to the program. */
export const isWritable = (face: Face, open: boolean): boolean => face.pen.you && face.session?.end === undefined && open;

/** A last screen stays true after its end; a screen that may have changed meanwhile does not. */
export const isOld = ({ session, host, attached }: Face, open: boolean): boolean =>
  session !== undefined && session.end === undefined && (!open || !attached || !(host?.connected ?? true));
