/** Files of a host, for whoever may open a terminal there [SSH25]. */
import * as z from "zod";
import { FileEntry, type HostFiles } from "@maestro/shared/contract/host-files";
import { fail, MaestroFailure } from "@maestro/shared/errors";
import { FILE_READ_BYTES } from "@maestro/shared/limits";
import { checkPath } from "../domain/fleet/launch.ts";
import { defineRoutes, unwrap } from "../http/define-route.ts";
import { relayOf } from "../objects/relay-call.ts";
import { hostFor, shellWithinReach } from "./placed-sessions.ts";

const Entries = z.array(FileEntry);

export const hostFileRoutes = defineRoutes({
  async hostFiles(rx): Promise<HostFiles> {
    // It may see what any agent there has: as with a shell, no limit on agents holds it.
    shellWithinReach(rx);
    const { op, offset = 0, limit = FILE_READ_BYTES } = rx.query;
    const host = await hostFor(rx, rx.params.id);
    const asked = unwrap(checkPath(rx.query.path, "path"));
    if (op === "read") await rx.audit(`${host.name}: ${asked}`);
    const answer = await relayOf(rx.env, rx.fleet, host.id).files({ op, path: asked, offset, limit });
    if (!answer.ok) throw new MaestroFailure(answer.error);
    const { bytes, path, truncated, size = bytes.byteLength } = answer;
    switch (op) {
      case "list":
        return { op, path, entries: entriesOf(bytes), truncated };
      case "stat": {
        const [entry] = entriesOf(bytes);
        if (entry === undefined) throw wrong();
        return { op, path, entry };
      }
      case "read": {
        const text = textOf(bytes, truncated);
        const told = { op, path, size, offset, truncated } as const;
        return text === undefined
          ? { ...told, bytes: bytes.byteLength, encoding: "base64", content: base64(bytes) }
          : { ...told, bytes: text.bytes, encoding: "utf8", content: text.content };
      }
    }
  },
});

function entriesOf(bytes: Uint8Array): FileEntry[] {
  try {
    return Entries.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch (cause) {
    throw wrong(cause);
  }
}

const wrong = (cause?: unknown): Error =>
  fail("frame_invalid", "The host's answer is not understood.", { hint: "Upgrade the host-agent." }, cause);

/**
 * Undefined: no text. A NUL byte is of none.
 * @param goesOn it may end within a character, which then begins the next answer.
 */
function textOf(bytes: Uint8Array, goesOn: boolean): { content: string; bytes: number } | undefined {
  if (bytes.includes(0)) return undefined;
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  for (let cut = 0; cut <= (goesOn ? Math.min(3, bytes.byteLength - 1) : 0); cut++) {
    try {
      const whole = bytes.subarray(0, bytes.byteLength - cut);
      return { content: decoder.decode(whole), bytes: whole.byteLength };
    } catch {
      // One byte less may be whole.
    }
  }
  return undefined;
}

function base64(bytes: Uint8Array): string {
  let binary = "";
  for (let at = 0; at < bytes.byteLength; at += 8192) binary += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(binary);
}
