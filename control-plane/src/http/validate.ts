/** Bodies and queries into values: size before parsing, depth before recursion, shape with the exact field. */
import * as z from "zod";
import { fail, MaestroFailure } from "@maestro/shared/errors";
import { parseJson } from "../domain/requests/json.ts";
import { shapeError } from "../domain/requests/shape-error.ts";
import { unwrap } from "./define-route.ts";

/** The body without a byte order mark, read no further than `maxBytes`. Empty when there is none. */
export async function readBody(request: Request, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const length = request.headers.get("content-length");
  if (Number(length ?? "0") > maxBytes) throw tooLarge(maxBytes);
  if (request.body === null) return new Uint8Array(0);
  // A length that was declared is one that the platform holds the body to.
  const bytes = new Uint8Array(length === null ? await readChunks(request.body, maxBytes) : await request.arrayBuffer());
  return MARK.every((byte, at) => bytes[at] === byte) ? bytes.subarray(MARK.length) : bytes;
}

const MARK = [0xef, 0xbb, 0xbf];

export function decodeBody(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw fail("json_invalid", "The body is not UTF-8.", { hint: "Send JSON in UTF-8." }, cause);
  }
}

async function readChunks(body: ReadableStream<Uint8Array>, maxBytes: number): Promise<ArrayBuffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) throw tooLarge(maxBytes);
    chunks.push(chunk);
  }
  return new Blob(chunks).arrayBuffer();
}

const tooLarge = (maxBytes: number): MaestroFailure =>
  fail("body_too_large", `The body is larger than ${sizeText(maxBytes)}.`, {
    hint: "Send less at once.",
  });

export const sizeText = (bytes: number): string => `${bytes} bytes (${Math.floor(bytes / 1024 / 1024)} MiB)`;

export function requireJson(request: Request): void {
  const type = request.headers.get("content-type") ?? "";
  if (/^application\/json\s*(;|$)/i.test(type)) return;
  throw fail("content_type_unsupported", `A body of type '${type.slice(0, 64)}' is not taken.`, {
    field: "content-type",
    hint: "Send application/json.",
  });
}

/** @param text empty counts as `{}`: a body whose fields are all optional may be left out. */
export function parseBody<T>(schema: z.ZodType<T>, text: string): T {
  return parseShape(schema, text.trim() === "" ? {} : unwrap(parseJson(text)));
}

export function parseShape<T>(schema: z.ZodType<T>, input: unknown): T {
  const read = schema.safeParse(input);
  if (read.success) return read.data;
  throw new MaestroFailure(
    shapeError(
      read.error,
      (path) => knownFields(schema, path),
      (path) => valueAt(input, path) !== undefined,
    ),
  );
}

/** The query as an object; a name given twice is refused rather than half obeyed. */
export function parseQuery<T>(schema: z.ZodType<T>, url: URL): T {
  const query: Record<string, string> = {};
  for (const [name, value] of url.search === "" ? [] : url.searchParams) {
    if (Object.hasOwn(query, name))
      throw fail("field_invalid", `'${name.slice(0, 64)}' is given twice.`, { field: name.slice(0, 64), hint: "Give it once." });
    Object.defineProperty(query, name, { value, enumerable: true });
  }
  return parseShape(schema, query);
}

function knownFields(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let at: unknown = schema;
  for (const key of path) {
    at = unwrapped(at);
    if (at instanceof z.ZodObject) at = at.shape[String(key)];
    else if (at instanceof z.ZodArray) at = at.element;
    else return [];
  }
  at = unwrapped(at);
  return at instanceof z.ZodObject ? Object.keys(at.shape) : [];
}

const unwrapped = (schema: unknown): unknown =>
  schema instanceof z.ZodOptional || schema instanceof z.ZodDefault ? unwrapped(schema.unwrap()) : schema;

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let at = input;
  for (const key of path) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, key)) return undefined;
    at = Reflect.get(at, key);
  }
  return at;
}
