/** A new life of the object: the sockets that outlived the last one are taken up where they were. */
import { CLOSE } from "@maestro/shared/protocol/close-codes";
import { readAttachment, type LinkAttachment } from "./attachments.ts";
import type { Parts } from "./parts.ts";
import { close } from "./socket.ts";
import { Viewer } from "./viewer.ts";

export function wake(sockets: readonly WebSocket[], { link, presence, viewers, rooms, reporter, tasks, logs }: Parts, nowMs: number): void {
  const found = sort(sockets, nowMs);
  if (found.link !== undefined) {
    link.adopt(found.link.socket, found.link.attachment);
    logs.restore(found.link.attachment.logs ?? [], found.link.attachment.moreLogs !== true);
  }
  if (!link.ready) presence.missed();
  for (const viewer of found.viewers) {
    viewers.add(viewer);
    if (viewer.at.phase === "open") rooms.restore(viewer);
  }
  if (link.ready) link.send({ t: "sync" });
  rooms.settle();
  reporter.resume();
  tasks.resume(presence.lastSeenMs);
}

interface Found {
  link: { socket: WebSocket; attachment: LinkAttachment } | undefined;
  viewers: Viewer[];
}

/** Of several links the newest is the one; the others were superseded and their close is under way. */
function sort(sockets: readonly WebSocket[], nowMs: number): Found {
  const found: Found = { link: undefined, viewers: [] };
  for (const socket of sockets) {
    const attachment = readAttachment(socket);
    if (attachment === undefined) close(socket, CLOSE.goingAway, "going_away");
    else if (attachment.phase === "closing") continue;
    else if (attachment.kind === "viewer") found.viewers.push(new Viewer(socket, attachment, nowMs));
    else if (found.link === undefined || attachment.acceptedMs > found.link.attachment.acceptedMs) found.link = { socket, attachment };
  }
  return found;
}
