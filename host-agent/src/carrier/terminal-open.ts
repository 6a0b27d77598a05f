/** How the terminal's own connection gets to what was prepared for it, as one command line. Pure. */
import { quote } from "../transports/quote.ts";
import { printfMark } from "./terminal-end.ts";
import { here } from "./terminal-scripts.ts";

/**
 * The command line of the terminal: fixed but for names, one line, and understood by every login shell.
 * @param container where it is in one; of several runtimes the one that knows it is it.
 */
export function openCommand(session: string, container: string | undefined): string {
  const gone = `printf "${printfMark(session)}" gone`;
  const open = `${here(session)}; [ -r "$d/open" ] && . "$d/open" || ${gone}`;
  return `exec /bin/sh -c ${quote(container === undefined ? open : inContainer(container, open, `printf "${printfMark(session)}" stopped`))}`;
}

/** What nobody types by chance: while it may be the beginning of these, docker keeps a key to itself. */
const DETACH_KEYS = Array.from({ length: 8 }, () => "ctrl-^,ctrl-@").join(",");

/** Where the runtime does not answer, nobody knows whether it runs; that it does not is said, and told by the mark. */
function inContainer(container: string, open: string, mark: string): string {
  const name = quote(container);
  const look = `s=$("$r" inspect --type container --format "{{.State.Running}}" -- ${name} 2>&1); case $s in true) ;; false|*"o such "*) s=over;; *) s="dumb $s";; esac`;
  // A container that is killed takes its programs along first, and is said to run for a moment longer.
  const settle = `n=0; while [ "$c$s" = 137true ] && [ "$n" -lt 10 ]; do sleep 0.1 2>/dev/null || sleep 1; n=$((n+1)); look; done`;
  const say = (text: string) => `printf "\\033[0m\\r\\n[maestro] %s\\r\\n" "${text}"`;
  return [
    `s=over w=over c=255; look() { ${look}; }`,
    `for r in docker podman; do command -v "$r" >/dev/null 2>&1 || continue; look`,
    `[ "$s" = true ] || { [ "$s" = over ] || w=$s; continue; }`,
    `"$r" exec -it --detach-keys=${DETACH_KEYS} -e TERM="$TERM" -- ${name} /bin/sh -c ${quote(open)}; c=$?; look; ${settle}; [ "$s" != true ] || exit "$c"; w=$s; break; done`,
    `[ "$w" = over ] || { ${say(`Whether the container '${container}' runs cannot be told: \${w#dumb }`)}; exit "$c"; }`,
    `${say(`The container '${container}' is stopped or gone, and what ran in it with it.`)}; ${mark}; exit "$c"`,
  ].join("; ");
}
