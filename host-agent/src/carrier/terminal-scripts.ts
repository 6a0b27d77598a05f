/**
 * What runs on the other machine for a terminal, as text for POSIX sh. Where tmux is there, the program is its, and goes on
 * while no connection is; else it is on the connection's own terminal. Pure.
 */
import { HISTORY_LIMIT_LINES } from "@maestro/shared/limits";
import { quote, quoteAssignment } from "../transports/quote.ts";
import { printfMark } from "./terminal-end.ts";

export interface RemoteProgram {
  /** Names its directory there, and its tmux session. */
  session: string;
  /** Absolute there. */
  cwd: string;
  argv: readonly [string, ...string[]];
  env: Readonly<Record<string, string>>;
}

const TMUX = "tmux -L maestro -u -f /dev/null";
export const here = (session: string): string => `d=$HOME/.maestro-remote/terminals/${session}`;

/**
 * Names a process for good: by when it began, and by which life of its machine or container that was, whose processes have all
 * their pids anew. Sets `began` of a pid, `life` of now.
 */
const IDENTITY = `began_at() {
  began=
  if [ -r /proc/self/stat ]; then
    read -r stat 2>/dev/null <"/proc/$1/stat" || return 0
    set -- \${stat##*) }
    began=\${20}
  else
    began=$(LC_ALL=C TZ=UTC0 ps -o lstart= -p "$1" 2>/dev/null | tr ' ' _)
  fi
}
look_at_life() {
  boot=unknown
  read -r boot 2>/dev/null </proc/sys/kernel/random/boot_id
  began_at 1
  life=$boot/$began
}`;
/** Its pid has a line of its own: a version before reads the first one, and no more. */
const NOTE_ITSELF = `${IDENTITY}
look_at_life
began_at $$
printf '%s\\n' "$$" "$began $life" >"$d/pid"`;

/** As on linked hosts. The screen stays after the end, so there is no second one that would go with it. */
const OPTIONS = [
  "set -sq exit-empty on",
  "set -sq escape-time 0",
  "set -sq set-clipboard off",
  "set -sq focus-events on",
  "set -sq terminal-overrides '*:Tc:smcup@:rmcup@'",
  "set -gq default-terminal xterm-256color",
  `set -gq history-limit ${HISTORY_LIMIT_LINES}`,
  "set -gq status off",
  "set -gq mouse off",
  "set -gq prefix None",
  "set -gq prefix2 None",
  "set -gq remain-on-exit off",
  "set -gq destroy-unattached off",
  "set -gq detach-on-destroy on",
  "set -gq allow-passthrough off",
  "set -gq set-titles on",
  // A pane's first title is the machine's name: no program gave it.
  "set -gq set-titles-string '#{?#{==:#T,#H},,#T}'",
  "set -gq update-environment ''",
];

/**
 * Refuses what cannot start before anything is shown, and puts there what the terminal opens. Answers one line:
 * `refused <code> <field> <detail>` or `ready lasting|bound`.
 * @param keep `must`: only with tmux. `never`: without, even where it is there.
 */
export function prepareScript(program: RemoteProgram, keep: "may" | "must" | "never"): string {
  const { session, cwd, argv } = program;
  return `set -u
umask 077
refuse() { printf '%s\\n' "refused $*"; exit 0; }
${here(session)}
cwd=${quote(cwd)} name=${quote(argv[0])}
[ -d "$cwd" ] || refuse remote_directory_missing cwd "The directory '$cwd' does not exist there."
cd "$cwd" 2>/dev/null || refuse remote_directory_missing cwd "The directory '$cwd' may not be entered there."
found=
case $name in
  */*) [ -f "$name" ] && [ -x "$name" ] && found=$name ;;
  *)
    IFS=:
    for one in $PATH; do [ -f "$one/$name" ] && [ -x "$one/$name" ] && found=$one/$name && break; done
    unset IFS
    ;;
esac
[ -n "$found" ] || refuse spawn_failed argv.0 "'$name' was not found there, or may not be run."
mode=bound
${keep === "never" ? "" : "! tmux -V >/dev/null 2>&1 || mode=lasting"}
${keep === "must" ? '[ "$mode" = lasting ] || refuse backend_unavailable backend "tmux is not installed there."' : ""}
{ mkdir -p "$d" &&
printf %s ${quote(runInTmux(program))} >"$d/run" &&
if [ "$mode" = lasting ]; then printf %s ${quote(openLasting(program))}; else printf %s ${quote(runBound(program))}; fi >"$d/open"
} 2>/dev/null || refuse state_unwritable cwd "Nothing can be written to $d there."
echo "ready $mode"
`;
}

/**
 * Ends every process of it and forgets it. Once more is as good. Ends with 1 where one cannot be ended.
 * @param whose `session`: those of its terminal. `all`: also what left that, and names it in its environment.
 */
export function endScript(session: string, graceSeconds: number, whose: "session" | "all"): string {
  const named = `for file in $(grep -ls "MAESTRO_SESSION=${session}" /proc/[0-9]*/environ 2>/dev/null); do
    file=\${file#/proc/}
    echo "\${file%/environ}"
  done`;
  return `${here(session)}
${whose === "all" ? "" : '[ -d "$d" ] || exit 0'}
${IDENTITY}
lead= since= then=
{ read -r lead; read -r since then; } 2>/dev/null <"$d/pid"
look_at_life
[ -z "$then" ] || [ "$then" = "$life" ] || lead=
members() {
  ${whose === "all" ? named : ""}
  [ -n "$lead" ] || return 0
  began_at "$lead"
  [ -z "$since" ] || [ -z "$began" ] || [ "$began" = "$since" ] || return 0
  if [ -r /proc/self/stat ]; then
    for file in /proc/[0-9]*/stat; do
      read -r stat 2>/dev/null <"$file" || continue
      pid=\${stat%% *}
      set -- \${stat##*) }
      [ "$4" != "$lead" ] || [ "$1" = Z ] || echo "$pid"
    done
  else
    ps -A -o pid= -o sess= -o stat= 2>/dev/null | while read -r pid sess state; do
      case $sess$state in "$lead"Z*) ;; "$lead"[!0-9]*) echo "$pid" ;; esac
    done
  fi
}
# A pid is used again: only what was there before the hang-up is ended after it.
before=$(members)
${TMUX} kill-session -t "=${session}" 2>/dev/null
[ -z "$before" ] || kill -s HUP $before 2>/dev/null
n=0
while [ "$n" -lt ${Math.max(0, Math.ceil(graceSeconds * 10))} ] && [ -n "$(members)" ]; do
  sleep 0.1 2>/dev/null || sleep 1
  n=$((n + 1))
  [ "$n" -ne 4 ] || kill -s TERM $before 2>/dev/null
done
# Held first, all of them: what one begins before it dies is seen the next time.
n=0
while left=$(members) && [ -n "$left" ]; do
  [ "$n" -lt 50 ] || exit 1
  kill -s STOP $left 2>/dev/null
  kill -s KILL $left 2>/dev/null
  sleep 0.02 2>/dev/null || sleep 1
  n=$((n + 1))
done
rm -rf "$d"
exit 0
`;
}

/** Its first start only: what a connection left behind cannot start it again. */
function openLasting(program: RemoteProgram): string {
  const { session } = program;
  const options = OPTIONS.map((line) => `${line} \\; `).join("");
  return `unset TMUX
${searchPath(program)}
tell() { printf '${printfMark(session)}' "$1"; exit 0; }
over() { if [ -s "$d/exit" ]; then read -r code <"$d/exit"; tell "$code"; else tell gone; fi; }
if ${TMUX} has-session -t "=${session}" 2>/dev/null; then
  ${TMUX} attach-session -d -t "=${session}" >/dev/null
elif [ -d "$d/begun" ]; then
  over
else
  ${TMUX} start-server \\; ${options}new-session -A -D -s ${session} /bin/sh "$d/run" "$d" >/dev/null
fi
${TMUX} has-session -t "=${session}" 2>/dev/null || over
`;
}

/** tmux may be where a login shell does not look. */
const searchPath = ({ env }: RemoteProgram): string => (env["PATH"] === undefined ? "" : `export ${quoteAssignment("PATH", env["PATH"])}`);

function exportLines({ cwd, env }: RemoteProgram): string {
  return `${Object.entries({ ...env, PWD: cwd })
    .map(([name, value]) => `export ${quoteAssignment(name, value)}`)
    .join("\n")}
cd ${quote(cwd)} || exit 126`;
}

/** `env` looks for it as execvp does: a name of a shell's own command is not one. */
const words = ([name, ...rest]: readonly [string, ...string[]]): string =>
  [...(name.includes("/") ? [] : ["env"]), quote(name), ...rest.map(quote)].join(" ");

function runBound(program: RemoteProgram): string {
  return `${NOTE_ITSELF}
${exportLines(program)}
exec ${words(program.argv)}
`;
}

/**
 * Its end is told once somebody is there to see its last screen, after tmux has read all of it: by then tmux answers what it
 * is asked. The mark goes past tmux, behind what that has drawn.
 */
function runInTmux(program: RemoteProgram): string {
  const { session, argv } = program;
  const { TERM: _, ...env } = program.env;
  // The environment is of whoever started tmux there.
  return `d=$1
mkdir "$d/begun" 2>/dev/null || exit 0
${NOTE_ITSELF}
${searchPath(program)}
trap : INT QUIT
(
trap - INT QUIT
${exportLines({ ...program, env })}
unset TMUX TMUX_PANE
exec ${words(argv)}
)
code=$?
echo "$code" >"$d/exit.tmp" && mv -f "$d/exit.tmp" "$d/exit"
stty raw -echo min 0 time 20 2>/dev/null
printf '\\033[6n'
dd bs=64 count=1 >/dev/null 2>&1
viewers() { ${TMUX} list-clients -t "=${session}" -F '#{client_tty}' 2>/dev/null; }
n=0
while [ -z "$(viewers)" ] && [ "$n" -lt 3600 ]; do sleep 1; n=$((n + 1)); done
sleep 0.2 2>/dev/null || sleep 1
viewers | while read -r tty; do printf '${printfMark(session)}' "$code" >"$tty"; done
sleep 0.2 2>/dev/null || sleep 1
`;
}
