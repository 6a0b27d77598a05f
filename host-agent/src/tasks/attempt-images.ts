/**
 * [TK6] [SSH18] The images of an attempt as files: fetched when it may start, whole or not at all, in a private directory of its own whose name
 * nobody foresees. They go with the end of the attempt.
 */
import { createHash, randomBytes } from "node:crypto";
import { chmodSync, closeSync, lstatSync, mkdirSync, openSync, readFileSync, readdirSync, rmSync, writeSync } from "node:fs";
import * as path from "node:path";
import type { TaskImage } from "@maestro/shared/contract/tasks";
import { ERRORS, maestroError, type MaestroError } from "@maestro/shared/errors";
import type { AttemptSpec } from "@maestro/shared/protocol/tasks";
import { err, ok, type Result } from "@maestro/shared/result";
import { pause, type Clock } from "../daemon/clock.ts";
import type { ImageSource } from "./image-source.ts";

/** Below the attempt's directory, wherever that is; in the order of its images. */
export type ImageFiles = readonly string[];

export interface ImageDeps {
  source: ImageSource;
  clock: Clock;
  timeScale: number;
}

/** Over a minute: a host that has asked too often in one is answered in the next. */
const TRIES = 8;
const AGAIN_MS = 1_000;
const AGAIN_MAX_MS = 15_000;
const IMAGES = "images";

/** @param dir of the attempt. @param signal it is not wanted any more. */
export async function fetchImages(
  { attempt, fence, images = [] }: AttemptSpec,
  dir: string,
  deps: ImageDeps,
  signal: AbortSignal,
): Promise<Result<ImageFiles>> {
  if (images.length === 0) return ok([]);
  removeImages(dir);
  const below = path.posix.join(IMAGES, randomBytes(8).toString("hex"));
  mkdirSync(path.join(dir, below), { recursive: true, mode: 0o700 });
  const files: string[] = [];
  for (const [index, image] of images.entries()) {
    const file = path.posix.join(below, path.posix.basename(image.name));
    const problem = await fetchOne({ attempt, fence, index, image }, path.join(dir, file), deps, signal);
    if (problem !== undefined) {
      removeImages(dir);
      return err(problem);
    }
    files.push(file);
  }
  return ok(files);
}

/**
 * Never fails, as no end of an attempt waits for it: what is another user's by now stays with the attempt's files.
 *
 * @param dir of the attempt.
 */
export function removeImages(dir: string): void {
  const images = path.join(dir, IMAGES);
  const remove = (): void => rmSync(images, { recursive: true, force: true });
  try {
    remove();
  } catch {
    try {
      openUp(images);
      remove();
    } catch {
      // It goes with the attempt, or not at all.
    }
  }
}

/** Whoever worked there may have taken the right to change them. Links are not followed. */
function openUp(dir: string): void {
  if (!lstatSync(dir).isDirectory()) return;
  chmodSync(dir, 0o700);
  for (const name of readdirSync(dir)) openUp(path.join(dir, name));
}

interface Wanted {
  attempt: string;
  fence: number;
  index: number;
  image: TaskImage;
}

/** What broke off goes on from there; what is not what it is said to be begins anew. */
async function fetchOne(
  { image, ...wanted }: Wanted,
  file: string,
  { source, clock, timeScale }: ImageDeps,
  signal: AbortSignal,
): Promise<MaestroError | undefined> {
  const fd = openSync(file, "wx", 0o600);
  try {
    let hash = createHash("sha256");
    let offset = 0;
    let unwritten: Error | undefined;
    for (let tries = 1; ; tries++) {
      const came = await source(
        { ...wanted, offset },
        (bytes) => {
          if (offset + bytes.byteLength > image.bytes) throw new Error("more came than the image has");
          try {
            for (let done = 0; done < bytes.byteLength;) done += writeSync(fd, bytes, done, bytes.byteLength - done, offset + done);
          } catch (cause) {
            unwritten = cause instanceof Error ? cause : new Error(String(cause));
            throw cause;
          }
          hash.update(bytes);
          offset += bytes.byteLength;
        },
        signal,
      );
      // A disk that is full is no fault of the line.
      if (unwritten !== undefined) throw unwritten;
      if (came.ok && offset === image.bytes && hash.copy().digest("hex") === image.sha256) return undefined;
      if (signal.aborted) return notHere(image, "it is not wanted any more");
      if (!came.ok && !ERRORS[came.error.code].retryable) return notHere(image, came.error.detail);
      if (tries === TRIES) return notHere(image, came.ok ? "other bytes came than were sent with the task" : came.error.detail);
      if (offset === image.bytes) {
        hash = createHash("sha256");
        offset = 0;
      }
      await pause(clock, Math.min(AGAIN_MAX_MS, AGAIN_MS * 2 ** (tries - 1)) * timeScale, signal);
    }
  } finally {
    closeSync(fd);
  }
}

const notHere = ({ name }: TaskImage, why: string): MaestroError =>
  maestroError("image_gone", `The image '${name}' could not be fetched: ${why.replace(/\.$/, "")}.`, {
    field: "images",
    hint: "Try it again: maestro task retry. If its images are gone, dispatch it again with them.",
  });

export const readImage = (dir: string, file: string): Buffer => readFileSync(path.join(dir, file));
