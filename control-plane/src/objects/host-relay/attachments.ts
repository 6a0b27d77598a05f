/**
 * What each socket carries through hibernation, ≤ 16 KiB. Written on transitions, never per frame. Old and new
 * code coexist, so fields are only added, and a shape this version does not know is refused whole.
 */
import { makeId } from "@maestro/shared/ids";
import type { LinkEpoch } from "../../domain/relay/link-epoch.ts";
import type { SavedStream } from "../../domain/relay/saved-stream.ts";
import type { Metrics } from "@maestro/shared/protocol/link";
import type { Size } from "@maestro/shared/protocol/session";
import type { LinkContext, ViewerContext } from "./context.ts";

export interface LinkAttachment {
  v: 1;
  kind: "link";
  epoch: LinkEpoch;
  instance: string;
  acceptedMs: number;
  phase: "greeting" | "paging" | "ready" | "closing";
  /** Negotiated in the hello; 0 before. */
  version: number;
  /** Marks the rows its `hello` pages and its inventory pages wrote; what lacks the mark is gone from the host. */
  mark: number;
  typesMark: number;
  metrics: Metrics | undefined;
  /** [LG1] Channels of logs, and whose they are. Absent in those of a version before. */
  logs?: [number, string][] | undefined;
  /** There are more than fit. */
  moreLogs?: boolean | undefined;
}

export interface ViewerAttachment {
  v: 1;
  kind: "viewer";
  id: string;
  /** Secret of this viewer: proves a redial. */
  resume: string;
  session: string;
  credential: string;
  name: string;
  canWrite: boolean;
  readOnly: boolean;
  acceptedMs: number;
  expiresMs: number | undefined;
  phase: "greeting" | "open" | "closing";
  size: Size | undefined;
  stream: SavedStream | undefined;
  /** The session's channel on the link, where it is open. */
  channel: number | undefined;
  /** It was told that its host is away, and not yet that it is back. Absent in those of a version before. */
  away?: boolean | undefined;
}

export type Attachment = LinkAttachment | ViewerAttachment;

export function newLink({ claim }: LinkContext, nowMs: number): LinkAttachment {
  return {
    v: 1,
    kind: "link",
    epoch: claim.epoch,
    instance: claim.instance,
    acceptedMs: nowMs,
    phase: "greeting",
    version: 0,
    mark: nowMs,
    typesMark: nowMs,
    metrics: undefined,
  };
}

export function newViewer(context: ViewerContext, nowMs: number): ViewerAttachment {
  return {
    v: 1,
    kind: "viewer",
    id: makeId("viewer", nowMs, random(10)),
    resume: makeId("viewer", nowMs, random(20)).slice(4) + makeId("viewer", nowMs, random(20)).slice(14),
    session: context.session,
    credential: context.credential,
    name: context.name,
    canWrite: context.canWrite,
    readOnly: false,
    acceptedMs: nowMs,
    expiresMs: context.expiresMs,
    phase: "greeting",
    size: undefined,
    stream: undefined,
    channel: undefined,
  };
}

const random = (bytes: number): Uint8Array => crypto.getRandomValues(new Uint8Array(bytes));

export function readAttachment(socket: WebSocket): Attachment | undefined {
  const value: unknown = socket.deserializeAttachment();
  return isAttachment(value) ? value : undefined;
}

/** Only this object's own code writes attachments, so the version says the shape. */
function isAttachment(value: unknown): value is Attachment {
  return (
    typeof value === "object" &&
    value !== null &&
    "v" in value &&
    value.v === 1 &&
    "kind" in value &&
    (value.kind === "link" || value.kind === "viewer")
  );
}
