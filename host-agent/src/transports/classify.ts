/** What an SSH client's words on stderr mean: those of `ssh` and of `tailscale ssh`. Pure. */
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { escapeUnsafe } from "@maestro/shared/sanitize";
import { HINTS, type HintedCode } from "./hints.ts";

const MAX_DETAIL_CHARS = 1024;

/** In this order: a text may hold several, and the first says most. */
const CONNECTION: readonly { words: string[]; code: HintedCode; says: string }[] = [
  { words: ["permission denied"], code: "ssh_auth_failed", says: "did not accept the user or the key" },
  { words: ["connection refused"], code: "ssh_unreachable", says: "refuses connections" },
  { words: ["timed out"], code: "ssh_timeout", says: "does not answer" },
  { words: ["no route to host"], code: "ssh_unreachable", says: "cannot be reached: there is no route to it" },
  { words: ["could not resolve hostname", "name or service not known"], code: "name_unresolved", says: "has a name that does not resolve" },
  { words: ["remote host identification has changed"], code: "host_key_changed", says: "shows another host key than before" },
  { words: ["host key verification failed"], code: "host_key_unknown", says: "shows a host key that is not known" },
  { words: ["passphrase"], code: "key_passphrase_needed", says: "needs a key that is locked by a passphrase" },
  { words: ["no such file"], code: "key_file_missing", says: "needs a key file that does not exist" },
];

/** Of a connection that did not come about. What is not known is told as it was said. */
export function classifyConnection(stderr: string, host: string): MaestroError {
  const text = stderr.toLowerCase();
  const found = CONNECTION.find(({ words }) => words.some((word) => text.includes(word)));
  if (found !== undefined) return maestroError(found.code, `${host} ${found.says}.`, { field: "address", hint: HINTS[found.code] });
  const said = stderr.trim();
  const detail = said === "" ? `The connection to ${host} failed, and ssh said nothing.` : escapeUnsafe(said.slice(-MAX_DETAIL_CHARS));
  return maestroError("ssh_failed", detail, { field: "address", hint: HINTS.ssh_failed });
}
