/** Files of this machine, for whoever may have a shell here: inside the host's roots, also through symlinks [SSH25]. */
import { constants } from "node:fs";
import { lstat, open, readdir, readlink, stat } from "node:fs/promises";
import * as path from "node:path";
import type { FileEntry, FileKind } from "@maestro/shared/contract/host-files";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { MAX_LISTED_FILES } from "@maestro/shared/limits";
import type { ReadFilesResult } from "@maestro/shared/protocol/link";
import { err, ok, type Result } from "@maestro/shared/result";
import type { FrameOf } from "../link/dispatch.ts";
import { errnoOf } from "./durable-file.ts";
import { listingOf } from "./file-listing.ts";
import { resolveWorkspace, type WorkspaceRules } from "./workspace.ts";

export async function readFiles(
  { op, path: asked, offset, limit }: Pick<FrameOf<"host.files">, "op" | "path" | "offset" | "limit">,
  rules: WorkspaceRules,
  blob: (bytes: Uint8Array) => void,
): Promise<Result<ReadFilesResult>> {
  const at = op === "stat" ? placeOf(asked, rules) : resolveWorkspace(asked, rules);
  if (!at.ok) return at;
  try {
    switch (op) {
      case "list":
        return await list(at.value, blob);
      case "stat": {
        const bytes = Buffer.from(JSON.stringify([await entryOf(path.dirname(at.value), Buffer.from(path.basename(at.value)))]));
        blob(bytes);
        return ok({ bytes: bytes.byteLength, path: at.value, truncated: false });
      }
      case "read":
        return await read(at.value, offset, limit, blob);
    }
  } catch (cause) {
    return err(refusalOf(asked, errnoOf(cause) ?? "unknown reason"));
  }
}

/** A link is told of where it lies, wherever it leads. */
function placeOf(asked: string, rules: WorkspaceRules): Result<string> {
  const clean = asked.replace(/(?<=.)\/+$/, "");
  const name = path.basename(clean);
  const parent = name === "" || name === "." || name === ".." || clean === "~" ? undefined : resolveWorkspace(path.dirname(clean), rules);
  if (parent === undefined || !parent.ok) return resolveWorkspace(asked, rules);
  // What is Maestro's own stays so when it is named from outside.
  const own = path.join(parent.value, name);
  return rules.forbidden.includes(own) ? resolveWorkspace(asked, rules) : ok(own);
}

async function list(dir: string, blob: (bytes: Uint8Array) => void): Promise<Result<ReadFilesResult>> {
  const names = (await readdir(dir, { encoding: "buffer" })).toSorted(Buffer.compare);
  const entries: FileEntry[] = [];
  for (const name of names.slice(0, MAX_LISTED_FILES)) {
    const entry = await entryOf(dir, name).catch((cause: unknown) => {
      // It went between the two looks.
      if (errnoOf(cause) === "ENOENT") return undefined;
      throw cause;
    });
    if (entry !== undefined) entries.push(entry);
  }
  const { bytes, truncated } = listingOf(entries, names.length > MAX_LISTED_FILES);
  blob(bytes);
  return ok({ bytes: bytes.byteLength, path: dir, truncated });
}

async function entryOf(dir: string, name: Buffer): Promise<FileEntry> {
  const file = Buffer.concat([Buffer.from(dir === "/" ? "/" : `${dir}/`), name]);
  const info = await lstat(file);
  const { size, mtime, mode } = info;
  const entry = {
    name: name.toString("utf8"),
    kind: kindOf(info),
    size,
    modifiedAt: mtime.toISOString(),
    mode: (mode & 0o7777).toString(8).padStart(4, "0"),
  };
  if (entry.kind !== "link") return entry;
  const leads = await stat(file).then(kindOf, () => undefined);
  return {
    ...entry,
    target: (await readlink(file, { encoding: "buffer" })).toString("utf8"),
    leads: leads === undefined || leads === "link" ? "nowhere" : leads,
  };
}

const kindOf = (info: { isFile(): boolean; isDirectory(): boolean; isSymbolicLink(): boolean }): FileKind =>
  info.isFile() ? "file" : info.isDirectory() ? "directory" : info.isSymbolicLink() ? "link" : "other";

async function read(file: string, offset: number, limit: number, blob: (bytes: Uint8Array) => void): Promise<Result<ReadFilesResult>> {
  // A link that was put there since is not followed, and a pipe that nobody writes to is not waited for.
  await using handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const info = await handle.stat();
  if (!info.isFile()) return err(notAFile(file, info.isDirectory()));
  const wanted = Math.max(0, Math.min(limit, info.size === 0 ? limit : info.size - offset));
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(wanted), 0, wanted, offset);
  blob(buffer.subarray(0, bytesRead));
  return ok({ bytes: bytesRead, path: file, truncated: offset + bytesRead < info.size, size: info.size });
}

const notAFile = (file: string, isDirectory: boolean): MaestroError =>
  maestroError("not_a_file", `'${file}' is ${isDirectory ? "a directory" : "no regular file"}.`, {
    field: "path",
    hint: isDirectory ? "List it: op=list." : "Pipes, sockets and devices are not read.",
  });

function refusalOf(asked: string, code: string): MaestroError {
  switch (code) {
    case "ENOENT":
      return maestroError("file_not_found", `'${asked}' does not exist on that host.`, { field: "path" });
    case "EACCES":
    case "EPERM":
      return maestroError("file_forbidden", `'${asked}' may not be read by the user who runs the host-agent.`, { field: "path" });
    case "ENOTDIR":
      return maestroError("not_a_directory", `'${asked}' is no directory, or leads through something that is none.`, { field: "path" });
    case "EISDIR":
      return notAFile(asked, true);
    case "ELOOP":
    case "ENXIO":
      return notAFile(asked, false);
    default:
      return maestroError("file_forbidden", `'${asked}' cannot be read (${code}).`, { field: "path" });
  }
}
