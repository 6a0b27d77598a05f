/** What is looked at on a remote host, in one script: it tells each finding as `section<TAB>field<TAB>value`. Pure. */
import type { Adapter } from "../../adapters/adapter.ts";
import { quote, quoteDirectory } from "../quote.ts";
import { REMOTE_PATH } from "./remote-path.ts";

export interface LookAt {
  /** As in the record: `none`, `auto` or a name. */
  container: string;
  cwd: string | undefined;
  agents: readonly Pick<Adapter, "name" | "binaries" | "versionArgs">[];
}

/** For each question that a program there is asked. */
const ASK_SECONDS = 10;

/** A section has ended when its `end` came; one that hangs takes only itself along. */
export function checkScript({ container, cwd, agents }: LookAt): string {
  return [
    TOOLS,
    `say shell hostname "$(hostname 2>/dev/null || uname -n)"`,
    `say shell user "$(id -un)"`,
    `say shell system "$(uname -sm)"`,
    `say shell end`,
    REMOTE_PATH,
    `say path dirs "$(printf %s "$PATH" | tr ':' '\\n' | wc -l)"`,
    cwd === undefined ? "" : `(cd ${quoteDirectory(cwd)}) 2>/dev/null || say path cwd missing`,
    `say path end`,
    `command -v tmux >/dev/null && say tmux version "$(ask tmux -V)"`,
    `say tmux end`,
    `command -v git >/dev/null && say git version "$(ask git --version)"`,
    `say git end`,
    ...containerLines(container),
    `say container end`,
    ...agents.flatMap(({ name, binaries, versionArgs }) => agentLines(name, binaries, versionArgs)),
    `wait`,
    `say agents end`,
    `[ -S "\${SSH_AUTH_SOCK:-}" ] && say agent-forwarding socket yes`,
    `say agent-forwarding end`,
    `say disk free "$(df -Pk ${cwd === undefined ? '"$HOME"' : `${quoteDirectory(cwd)} 2>/dev/null || df -Pk "$HOME"`} 2>/dev/null | awk 'NR==2 {print $4}')"`,
    `say disk end`,
    `say clock seconds "$(date +%s)"`,
    `say clock end`,
  ]
    .filter((line) => line !== "")
    .join("\n");
}

const TOOLS = `
say() { printf '%s\\t%s\\t%s\\n' "$1" "$2" "$(printf %s "\${3:-}" | tr '\\t\\n' '  ')"; }
if command -v timeout >/dev/null; then
  ask() { timeout -s KILL ${ASK_SECONDS} "$@" </dev/null 2>&1; }
else
  ask() {
    "$@" </dev/null 2>&1 & m_asked=$!
    (sleep ${ASK_SECONDS}; kill -KILL $m_asked) >/dev/null 2>&1 & m_watch=$!
    wait $m_asked; m_code=$?
    kill $m_watch 2>/dev/null
    return $m_code
  }
fi`.trim();

function containerLines(container: string): string[] {
  const named = container !== "none" && container !== "auto";
  return [
    `for m_engine in docker podman; do`,
    `  command -v $m_engine >/dev/null || continue`,
    `  say container engine "$m_engine"`,
    `  say container version "$(ask $m_engine version --format '{{.Server.Version}}' || echo 'does not answer')"`,
    container === "auto" ? `  say container running "$(ask $m_engine ps -q | wc -l)"` : "",
    named ? `  say container state "$(ask $m_engine inspect -f '{{.State.Running}}' ${quote(container)} || echo missing)"` : "",
    `  break`,
    `done`,
  ];
}

/** All at once: each start takes its time, and few are installed. */
function agentLines(name: string, binaries: readonly string[], versionArgs: readonly string[]): string[] {
  if (binaries.length === 0) return [];
  const find = binaries.map((binary) => `command -v ${quote(binary)}`).join(" || ");
  const asked = `ask "$m_bin" ${versionArgs.map(quote).join(" ")} | head -n 5`;
  return [`(m_bin=$(${find}) && say agents ${quote(name)} "$m_bin" && say agents ${quote(`${name}.version`)} "$(${asked})") &`];
}
