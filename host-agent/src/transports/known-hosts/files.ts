/** Files of known host keys: read together, and added to so that a crash leaves an old or a new file and never half of one. */
import { constants } from "node:fs";
import { mkdir, open, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { err, ok, type Result } from "@maestro/shared/result";
import { maestroError } from "@maestro/shared/errors";
import { errnoOf } from "../../daemon/durable-file.ts";
import { hostKeyName, parseKnownHosts, typeOf, type KnownHost } from "./entries.ts";
import type { HostPlace } from "./verdict.ts";

/** Those that do not exist count as empty. Errors: `ssh_config_invalid` for one that cannot be read, as it may revoke a key. */
export async function readKnownHosts(paths: readonly string[]): Promise<Result<KnownHost[]>> {
  const entries: KnownHost[] = [];
  for (const path of paths) {
    try {
      entries.push(...parseKnownHosts(await readFile(path, "utf8"), path));
    } catch (cause) {
      const code = errnoOf(cause);
      if (code === "ENOENT" || code === "ENOTDIR") continue;
      return err(cannot("read", path, code));
    }
  }
  return ok(entries);
}

/**
 * Adds the key under the host's name, durably. The file and its directory are made, 0600 and 0700, where they are missing.
 * Errors: `ssh_config_invalid` where the file is a link, not ours, or cannot be written.
 */
export async function enrolHostKey(path: string, place: HostPlace, key: Buffer): Promise<Result<void>> {
  const name = hostKeyName(place);
  if (/[\s,*?!|#@]/.test(name)) return err(maestroError("host_invalid", `No host key can be known under the name '${name}'.`));
  const line = `${name} ${typeOf(key) ?? ""} ${key.toString("base64")}\n`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
    await using file = await open(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
    const stat = await file.stat();
    if (!stat.isFile() || stat.uid !== process.getuid?.()) return err(cannot("add to", path, "EPERM"));
    const last = Buffer.alloc(1);
    if (stat.size > 0) await file.read(last, 0, 1, stat.size - 1);
    // One write with O_APPEND: two who add at once do not mix, and what another left unfinished ends its own line.
    await file.write(stat.size === 0 || last.toString() === "\n" ? line : `\n${line}`);
    await file.sync();
    if (stat.size === 0) await syncDirectory(dirname(path));
    return ok(undefined);
  } catch (cause) {
    return err(cannot("add to", path, errnoOf(cause)));
  }
}

async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, constants.O_RDONLY);
  await directory.sync();
}

const cannot = (what: string, path: string, code: string | undefined) =>
  maestroError("ssh_config_invalid", `Cannot ${what} the host keys of ${path} (${code ?? "unknown"}).`, {
    hint: `It has to be a plain file of the daemon's user: ls -l ${path}`,
  });
