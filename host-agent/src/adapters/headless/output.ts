/** Reads a log that may be a gigabyte: JSON objects one at a time, or only its end. Stamps and colours are taken off. */
import { open, type FileHandle } from "node:fs/promises";
import { withoutStamp } from "../../tasks/trace.ts";

type JsonObject = Readonly<Record<string, unknown>>;

const CHUNK_BYTES = 256 * 1024;
/** A longer line is no event of a CLI that somebody reads. */
const MAX_LINE_BYTES = 8 * 1024 * 1024;
const NEWLINE = 0x0a;

/** Every JSON object that has a line for itself, or most of it: what goes to stderr may stand before and behind it. */
export async function readEvents(file: FileHandle, take: (event: JsonObject) => void): Promise<void> {
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  let held: Buffer[] = [];
  let heldBytes = 0;
  const finish = (rest: Buffer): void => {
    if (heldBytes + rest.byteLength <= MAX_LINE_BYTES) line(held.length === 0 ? rest : Buffer.concat([...held, rest]), take);
    held = [];
    heldBytes = 0;
  };
  for (let position = 0; ;) {
    const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES, position);
    if (bytesRead === 0) break;
    position += bytesRead;
    const bytes = chunk.subarray(0, bytesRead);
    const last = bytes.lastIndexOf(NEWLINE);
    const first = bytes.indexOf(NEWLINE);
    if (first !== -1) {
      finish(bytes.subarray(0, first));
      if (last > first) lines(bytes.subarray(first + 1, last), take);
    }
    const rest = bytes.subarray(last + 1);
    heldBytes += rest.byteLength;
    // Of a line that is too long nothing is kept, only how long it is.
    if (heldBytes > MAX_LINE_BYTES) held = [];
    else held.push(Buffer.from(rest));
  }
  finish(Buffer.alloc(0));
}

/** Only around braces: a flood of something else is passed over without looking at its lines. */
function lines(bytes: Buffer, take: (event: JsonObject) => void): void {
  for (let at = bytes.indexOf('{"'); at !== -1;) {
    const begin = bytes.lastIndexOf(NEWLINE, at) + 1;
    const found = bytes.indexOf(NEWLINE, at);
    const end = found === -1 ? bytes.byteLength : found;
    line(bytes.subarray(begin, end), take);
    at = bytes.indexOf('{"', end);
  }
}

function line(bytes: Buffer, take: (event: JsonObject) => void): void {
  const begin = bytes.indexOf('{"');
  if (begin === -1) return;
  const event = parseObject(bytes.toString("utf8", begin)) ?? parseObject(bytes.toString("utf8", begin, bytes.lastIndexOf("}") + 1));
  if (event !== undefined) take(event);
}

export function parseObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export const isObject = (value: unknown): value is JsonObject => typeof value === "object" && value !== null && !Array.isArray(value);

export interface Tail {
  text: string;
  /** Something stood before it. */
  cut: boolean;
}

export async function readTail(file: FileHandle, maxBytes: number): Promise<Tail> {
  const { size } = await file.stat();
  const from = Math.max(0, size - maxBytes);
  const bytes = Buffer.alloc(size - from);
  const { bytesRead } = await file.read(bytes, 0, bytes.byteLength, from);
  const begin = from > 0 ? characterAt(bytes) : 0;
  return { text: plain(bytes.toString("utf8", begin, bytesRead)), cut: from > 0 };
}

/** Where the first whole character begins. */
function characterAt(bytes: Uint8Array): number {
  let at = 0;
  while (at < 3 && ((bytes[at] ?? 0) & 0xc0) === 0x80) at += 1;
  return at;
}

export const openLog = async (path: string): Promise<FileHandle | undefined> => {
  try {
    return await open(path, "r");
  } catch {
    // The child never wrote anything.
    return undefined;
  }
};

// CSI, OSC and two-byte sequences.
const ESCAPES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[ -/]*[0-~])/g;
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f]/g;

/** What a person would have read. */
const plain = (text: string): string =>
  text
    .replace(ESCAPES, "")
    .split("\n")
    .map((one) => withoutStamp(one.endsWith("\r") ? one.slice(0, -1) : one))
    // A progress bar overwrites itself; its last state counts.
    .map((one) => one.slice(one.lastIndexOf("\r") + 1).replace(CONTROLS, ""))
    .join("\n");
