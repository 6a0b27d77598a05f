/** Files of `--image`, looked at before anything is sent: what the control plane would refuse is named here as it was typed. */
import { readFileSync, statSync } from "node:fs";
import * as path from "node:path";
import { fail, MaestroFailure } from "@maestro/shared/errors";
import { checkImage, imagesProblem, imageTooLarge } from "@maestro/shared/image";
import { MAX_IMAGE_BYTES } from "@maestro/shared/limits";
import { errnoOf } from "../../daemon/durable-file.ts";
import type { Body } from "./task-body.ts";

const FIELD = "image";

/** Undefined: there are none. */
export function imagesIn(files: readonly string[], cwd: string): Body["images"] {
  if (files.length === 0) return undefined;
  refuse(imagesProblem(files.length, 0, FIELD));
  let together = 0;
  return files.map((file) => {
    const bytes = bytesOf(path.resolve(cwd, file), file);
    const type = checkImage(bytes, `'${file}'`, FIELD);
    if (!type.ok) throw new MaestroFailure(type.error);
    together += bytes.byteLength;
    refuse(imagesProblem(files.length, together, FIELD));
    return { name: path.basename(file), data: bytes.toString("base64") };
  });
}

function bytesOf(absolute: string, shown: string): Buffer {
  try {
    const { size } = statSync(absolute);
    if (size > MAX_IMAGE_BYTES) throw new MaestroFailure(imageTooLarge(size, `'${shown}'`, FIELD));
    return readFileSync(absolute);
  } catch (cause) {
    if (cause instanceof MaestroFailure) throw cause;
    throw fail("field_invalid", `'${shown}' cannot be read (${errnoOf(cause) ?? "unknown reason"}).`, { field: FIELD }, cause);
  }
}

function refuse(problem: MaestroFailure["error"] | undefined): void {
  if (problem !== undefined) throw new MaestroFailure(problem);
}
