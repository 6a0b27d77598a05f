/** Names inside one holder's directory. */
import { chmodSync, lstatSync, mkdirSync } from "node:fs";
import * as path from "node:path";
import { fail } from "@maestro/shared/errors";
import type { HolderPaths } from "./types.ts";

/** Below the 104 bytes of macOS and the 108 of Linux. */
const MAX_SOCKET_PATH_BYTES = 100;

/** @param runDir short, private to the user: sockets live there. */
export function holderPaths(home: string, runDir: string): HolderPaths {
  const dir = path.join(home, "holder");
  return {
    home,
    dir,
    socket: path.join(runDir, "holder.sock"),
    tmuxSocket: path.join(runDir, "tmux.sock"),
    lock: path.join(dir, "lock"),
    log: path.join(home, "logs", "holder.log"),
    registry: path.join(dir, "sessions.json"),
  };
}

/** Whether somebody else made the directory of this socket, and with it whatever listens there; below `/tmp` anybody could. */
export function isForeignSocket(socket: string, uid: number | undefined = process.getuid?.()): boolean {
  const stats = lstatSync(path.dirname(socket), { throwIfNoEntry: false });
  if (stats === undefined || uid === undefined) return false;
  return !stats.isDirectory() || (stats.uid !== uid && uid !== 0);
}

/** Makes the directories 0700; refuses one that another user owns or could have planted. */
export function prepareHolderDirs(paths: HolderPaths): void {
  for (const dir of new Set([paths.dir, path.dirname(paths.socket), path.dirname(paths.tmuxSocket), path.dirname(paths.log)])) {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const stats = lstatSync(dir);
    const uid = process.getuid?.();
    if (!stats.isDirectory() || (uid !== undefined && stats.uid !== uid)) {
      throw fail("insecure_permissions", `'${dir}' belongs to somebody else or is no directory.`, {
        field: dir,
        hint: "Choose another MAESTRO_HOME.",
      });
    }
    if ((stats.mode & 0o077) !== 0) chmodSync(dir, 0o700);
  }
  for (const socket of [paths.socket, paths.tmuxSocket]) {
    if (Buffer.byteLength(socket) > MAX_SOCKET_PATH_BYTES) {
      throw fail("field_invalid", `The socket path '${socket}' is longer than ${MAX_SOCKET_PATH_BYTES} bytes.`, {
        field: "home",
        hint: "Choose a shorter MAESTRO_HOME.",
      });
    }
  }
}
