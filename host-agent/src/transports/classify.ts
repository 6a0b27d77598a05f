/** What an SSH client's words on stderr mean: those of `ssh`, of `tailscale ssh`, and of what runs behind them. Pure. */
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { escapeUnsafe } from "@maestro/shared/sanitize";
import { HINTS, type HintedCode } from "./hints.ts";

const MAX_DETAIL_CHARS = 1024;
/** What matters is said last; and patterns take longer than a text is long. */
const MAX_STDERR_CHARS = 8192;

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

/** Why a run ended, where the way there or the other side's shell was at fault. `recoverable`: the same may work later. */
export interface RunFailure {
  kind: "permission_denied" | "network_error" | "agent_crashed";
  recoverable: boolean;
  code: HintedCode;
  hint: string;
}

type Row = [RegExp, RunFailure["kind"], boolean, HintedCode];

const SHELL = String.raw`(?:/\S*/|-)?(?:ba|da|z|k|a|fi)?sh: (?:(?:line )?\d+: )?`;
const RC_FILE = String.raw`\.(?:bashrc|bash_profile|bash_login|bash_aliases|profile|zshrc|zshenv|zprofile|zlogin|kshrc)`;

const RUN: readonly Row[] = [
  [
    /^(?:\S+: )?Permission denied \((?:\S+,)?(?:publickey|password|keyboard-interactive|hostbased|gssapi)/im,
    "permission_denied",
    false,
    "ssh_auth_failed",
  ],
  [/REMOTE HOST IDENTIFICATION HAS CHANGED/i, "permission_denied", false, "host_key_changed"],
  [/^(?:ssh: )?Host key verification failed/im, "permission_denied", false, "host_key_unknown"],
  [/no matching (?:host key type|key exchange method|cipher|MAC) found/i, "permission_denied", false, "ssh_protocol"],
  [/^Enter passphrase for key/im, "permission_denied", false, "key_passphrase_needed"],
  [/^(?:ssh: )?Could not resolve hostname /im, "network_error", false, "name_unresolved"],
  [/^(?:ssh: )?connect to (?:host )?\S+ port \d+: (?:Connection|Operation) timed out/im, "network_error", true, "ssh_timeout"],
  [/^(?:ssh: )?Connection (?:to \S+ (?:port \d+ )?)?timed out/im, "network_error", true, "ssh_timeout"],
  [
    /^(?:ssh: )?connect to (?:host )?\S+ port \d+: (?:Connection refused|No route to host|Connection reset|(?:Network|Host) is unreachable)/im,
    "network_error",
    true,
    "ssh_unreachable",
  ],
  [/^(?:ssh: |\w+: )?Connection (?:closed|reset) by /im, "network_error", true, "ssh_lost"],
  [/^(?:ssh: )?Connection to \S+ closed by remote host/im, "network_error", true, "ssh_lost"],
  [new RegExp(`^${SHELL}\\S+: (?:command )?not found`, "im"), "agent_crashed", false, "agent_cli_missing"],
  [/^(?:-?zsh|fish): (?:command not found:|Unknown command:?) \S+/im, "agent_crashed", false, "agent_cli_missing"],
  [new RegExp(`^(?:${SHELL})?/\\S+: (?:No such file|not found)`, "im"), "agent_crashed", false, "agent_cli_missing"],
  [/^(?:\/usr\/bin\/)?env: \W?[\w.-]+\W?: No such file/im, "agent_crashed", false, "agent_cli_missing"],
  [new RegExp(`${RC_FILE}:.*(?:syntax|parse) error`, "i"), "agent_crashed", false, "remote_shell_broken"],
  [/^client_loop: send disconnect/im, "agent_crashed", true, "ssh_lost"],
  [/^ssh: .*(?:Broken pipe|packet corrupt|protocol error)/im, "agent_crashed", true, "ssh_lost"],
  [/^(?:packet_write_\w+|\w*dispatch\w*|ssh_\w+): .*(?:Broken pipe|corrupt|protocol error)/im, "agent_crashed", true, "ssh_lost"],
];

/** @param stderr of a run that failed: in what an agent says in passing, the same words mean something else. */
export function classifyRun(stderr: string): RunFailure | undefined {
  const end = stderr.slice(-MAX_STDERR_CHARS);
  const row = RUN.find(([pattern]) => pattern.test(end));
  if (row === undefined) return undefined;
  const [, kind, recoverable, code] = row;
  return { kind, recoverable, code, hint: HINTS[code] };
}
