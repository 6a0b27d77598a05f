/** A run whose way to its program failed, by what ssh, a shell or env said last [SSH23]. Pure. */
import type { TaskReason } from "@maestro/shared/contract/tasks";
import { HINTS, type HintedCode } from "../../transports/hints.ts";
import type { Adapter } from "../adapter.ts";
import { reason } from "./failures.ts";

/** Of a shell that could not start it, and of ssh: with any other exit code the same words were said in passing. */
const EXITS = [126, 127, 255];
const MAX_LINES = 3;
/** Patterns take longer than a text is long. */
const MAX_CHARS = 8192;

/** Why a run ended, where the way there or the other side's shell was at fault. `recoverable`: the same may work later. */
export interface RunFailure {
  kind: "permission_denied" | "network_error" | "agent_crashed";
  recoverable: boolean;
  code: HintedCode;
}

type Row = [RegExp, RunFailure["kind"], boolean, HintedCode];

const SHELL = String.raw`(?:\S*/)?(?:-?(?:ba|da|z|k|a|fi)?sh|[\w.-]+\.sh): (?:exec: )?(?:(?:line )?\d+: )?(?:exec: )?`;
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
  [
    new RegExp(`^${SHELL}\\S+: (?:cannot execute\\b|Permission denied|Exec format error|Is a directory)`, "im"),
    "agent_crashed",
    false,
    "spawn_failed",
  ],
  [new RegExp(`^${SHELL}\\S+: (?:command )?not found`, "im"), "agent_crashed", false, "agent_cli_missing"],
  [/^(?:-?zsh|fish): (?:command not found:|Unknown command:?) \S+/im, "agent_crashed", false, "agent_cli_missing"],
  [new RegExp(`^(?:${SHELL})?/\\S+: (?:No such file|not found)`, "im"), "agent_crashed", false, "agent_cli_missing"],
  [/^(?:\/usr\/bin\/)?env: \W?[\w.-]+\W?: No such file/im, "agent_crashed", false, "spawn_failed"],
  [new RegExp(`${RC_FILE}:.*(?:syntax|parse) error`, "i"), "agent_crashed", false, "remote_shell_broken"],
  [/^client_loop: send disconnect/im, "agent_crashed", true, "ssh_lost"],
  [/^ssh: .*(?:Broken pipe|packet corrupt|protocol error)/im, "agent_crashed", true, "ssh_lost"],
  [/^(?:packet_write_\w+|\w*dispatch\w*|ssh_\w+): .*(?:Broken pipe|corrupt|protocol error)/im, "agent_crashed", true, "ssh_lost"],
];

/** @param said last by a run that failed: in what an agent says in passing, the same words mean something else. */
export function classifyRun(said: string): RunFailure | undefined {
  const end = said.slice(-MAX_CHARS);
  const row = RUN.find(([pattern]) => pattern.test(end));
  if (row === undefined) return undefined;
  const [, kind, recoverable, code] = row;
  return { kind, recoverable, code };
}

const COMMAND_HINT = "It is not there, or not where shells look that nobody logs in to (PATH): give its full path.";

/** @param output its end. Undefined: it ended by itself. */
export function failureOfWay(adapter: Adapter, output: string, exitCode: number): TaskReason | undefined {
  if (!EXITS.includes(exitCode)) return undefined;
  const lines = output.trimEnd().split("\n").slice(-MAX_LINES);
  const run = classifyRun(lines.map((line) => line.trim()).join("\n"));
  if (run === undefined) return undefined;
  const said = lines.at(-1)?.trim().slice(0, 300) ?? "";
  const isCommand = adapter.name === "shell";
  const ended = `It ended with exit code ${exitCode}: ${said}`;
  const unstarted = isCommand ? ended : `${adapter.title} could not be started. ${said}`;
  // The command may have done something already, or still run at the far end of a broken line: a code that is retried
  // by itself would do that twice.
  const mayHaveBegun = isCommand || (adapter.name === "custom" && run.code === "ssh_lost");
  if (run.recoverable) return reason(mayHaveBegun ? "exit_nonzero" : "network", ended, HINTS[run.code]);
  switch (run.kind) {
    case "permission_denied":
      return reason("permission_denied", ended, HINTS[run.code]);
    case "network_error":
      return reason("exit_nonzero", ended, HINTS[run.code]);
    case "agent_crashed":
      if (run.code !== "agent_cli_missing") return reason("spawn_failed", unstarted, HINTS[run.code]);
      if (isCommand) return reason("exit_nonzero", ended, COMMAND_HINT);
      return reason("agent_cli_missing", unstarted, adapter.binaries.length > 0 ? `Install it there: ${adapter.install}` : HINTS[run.code]);
  }
}
