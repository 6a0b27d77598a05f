/** The far side in a container that runs: the same scripts, each by an `exec` of the runtime where the container is. */
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { err, ok } from "@maestro/shared/result";
import type { Ran, RemoteShell } from "./remote-shell.ts";

/**
 * What is sent to the machine of the container. Of several runtimes the one that knows the container is it; its own refusals end with
 * a code that no script of ours ends with.
 */
const OUTER = `
container=$1 script=$2 dumb=
shift 2
for runtime in docker podman; do
  command -v "$runtime" >/dev/null 2>&1 || continue
  if ! state=$("$runtime" inspect --type container --format '{{.State.Running}}' -- "$container" 2>/dev/null); then
    why=$("$runtime" inspect --type container -- "$container" 2>&1 >/dev/null)
    case $why in "" | *"o such "*) ;; *) dumb="$runtime: $why" ;; esac
    continue
  fi
  [ "$state" = true ] || { echo "stopped" >&2; exit 97; }
  exec "$runtime" exec -i -- "$container" /bin/sh -c "$script" hand "$@"
done
command -v docker >/dev/null 2>&1 || command -v podman >/dev/null 2>&1 || { echo "no runtime" >&2; exit 97; }
[ -z "$dumb" ] || { echo "$dumb" >&2; exit 98; }
echo "absent" >&2
exit 97
`;
const NOT_THERE = 97;
/** A runtime that does not answer says nothing of its containers, which may go on without it. */
const UNKNOWN = 98;
const ASK_MS = 30_000;

export function containerShell(base: RemoteShell, container: string): RemoteShell {
  const inside = (script: string, args: readonly string[]) => [container, script, ...args];
  const run: RemoteShell["run"] = async (script, args, options) => {
    const ran = await base.run(OUTER, inside(script, args), options);
    const refusal = ran.ok ? notThere(ran.value, container) : undefined;
    return refusal === undefined ? ran : err(refusal);
  };
  return {
    run,
    async open(script, args, options) {
      // Of one that is not there nothing is heard: then it is asked why.
      let heard = false;
      const opened = await base.open(OUTER, inside(script, args), {
        ...options,
        data: (chunk) => {
          heard = true;
          options.data(chunk);
        },
      });
      if (!opened.ok) return opened;
      const { signal } = options;
      const closed = opened.value.closed.then(async (why) => {
        if (why !== undefined || heard || signal.aborted) return why;
        const asked = await run("exit 0", [], { deadlineMs: ASK_MS, signal });
        return asked.ok ? undefined : asked.error;
      });
      return ok({ ...opened.value, closed });
    },
  };
}

function notThere({ exit, stderr }: Ran, container: string): MaestroError | undefined {
  if (exit.type !== "exit") return undefined;
  if (exit.code === NOT_THERE) {
    const why = stderr.trim().split("\n").at(-1) ?? "";
    if (why === "no runtime")
      return maestroError("container_not_running", `There is neither docker nor podman to look for the container '${container}'.`, {
        field: "container",
        hint: "Install one of them there, or let it run without a container: --container none",
      });
    return gone(container, why === "stopped" ? "is stopped" : "is not there");
  }
  if (exit.code === UNKNOWN)
    return maestroError("host_unreachable", `Whether the container '${container}' runs cannot be told: ${stderr.trim().slice(-512)}`, {
      field: "container",
      hint: "See whether the runtime answers: docker ps",
    });
  // docker's own: it could not begin what was asked for in the container.
  if (exit.code === 126 || exit.code === 127) return gone(container, `has no /bin/sh that can be started (${stderr.trim().slice(0, 200)})`);
  return undefined;
}

const gone = (container: string, how: string): MaestroError =>
  maestroError("container_not_running", `The container '${container}' ${how}.`, {
    field: "container",
    hint: `See what runs there: docker ps -a. Start it: docker start ${container}`,
  });
