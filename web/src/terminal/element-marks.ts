/** What a terminal's element says of it: for styles, for tests, and for a curious eye in the inspector. */
import type { AttachmentView } from "./attachment-view.ts";
import { isOld } from "./face.ts";
import type { Stream } from "./stream.ts";

/** Positions only. */
export function markStream({ dataset }: HTMLElement, { cursor, written, phase }: Stream): void {
  dataset["phase"] = phase.type;
  dataset["epoch"] = String(cursor?.epoch ?? "");
  dataset["offset"] = String(cursor?.offset ?? "");
  dataset["written"] = String(written?.offset ?? "");
}

export function markFace({ dataset }: HTMLElement, { face, connection }: AttachmentView): void {
  dataset["writer"] = String(face.pen.you);
  dataset["connection"] = connection.type;
  dataset["old"] = String(isOld(face, connection.type === "open"));
}
