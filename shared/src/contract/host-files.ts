/** Files of a host, as they are listed, told of and read [SSH25]. */
import * as z from "zod";
import { MAX_FILE_READ_BYTES } from "../limits.ts";

/** `link`: a symbolic one, told as such and not followed. */
export const FileKind = z.enum(["file", "directory", "link", "other"]);
export type FileKind = z.infer<typeof FileKind>;

export const FileEntry = z.object({
  /** Bytes that are no UTF-8 show as U+FFFD. */
  name: z.string(),
  kind: FileKind,
  /** Bytes. */
  size: z.number().min(0),
  modifiedAt: z.iso.datetime(),
  /** Octal, as chmod takes it. */
  mode: z.string(),
  /** Of a link: what is written in it, and what it leads to. */
  target: z.string().optional(),
  leads: z.enum(["file", "directory", "other", "nowhere"]).optional(),
});
export type FileEntry = z.infer<typeof FileEntry>;

export const FILE_OPS = ["list", "stat", "read"] as const;
export const FilesQuery = z.strictObject({
  op: z.enum(FILE_OPS),
  /** Absolute, or `~/…`: the home of whoever Maestro is on that host. */
  path: z.string().min(1).max(4096),
  /** Of `read`, bytes. */
  offset: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
  limit: z.coerce.number().int().min(1).max(MAX_FILE_READ_BYTES).optional(),
});

/** `path`: absolute on the host. */
export const HostFiles = z.discriminatedUnion("op", [
  /** By name. `truncated`: the directory holds more than MAX_LISTED_FILES, and these are some of them. */
  z.object({ op: z.literal("list"), path: z.string(), entries: z.array(FileEntry), truncated: z.boolean() }),
  z.object({ op: z.literal("stat"), path: z.string(), entry: FileEntry }),
  /** `size` of the whole file; `truncated`: it goes on after these bytes. `base64` where they are no UTF-8 text. */
  z.object({
    op: z.literal("read"),
    path: z.string(),
    size: z.number().min(0),
    offset: z.number().min(0),
    bytes: z.number().min(0),
    truncated: z.boolean(),
    encoding: z.enum(["utf8", "base64"]),
    content: z.string(),
  }),
]);
export type HostFiles = z.infer<typeof HostFiles>;
