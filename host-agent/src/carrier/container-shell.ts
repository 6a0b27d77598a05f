/** The far side in a container that runs: the same scripts, each by an `exec` of the runtime where the container is. */
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { err, ok } from "@maestro/shared/result";
import type { Ran, RemoteShell } from "./remote-shell.ts";

/**
 * What is sent to the machine of the container. Of several runtimes the one that knows the container is it; its own refusals end with
 * a code that no script of ours ends with.
 */
const OUTER = `
container=$1 script=$2
shift 2
for runtime in docker podman; do
  command -v "$runtime" >/dev/null 2>&1 || continue
  state=$("$runtime" inspect --type container --format '{{.State.Running}}' -- "$container" 2>/dev/null) || continue
  [ "$state" = true ] || { echo "stopped" >&2; exit 97; }
  exec "$runtime" exec -i -- "$container" /bin/sh -c "$script" hand "$@"
done
command -v docker >/dev/null 2>&1 || command -v podman >/dev/null 2>&1 || { echo "no runtime" >&2; exit 97; }
echo "absent" >&2
exit 97
`;
const NOT_THERE = 97;

export function containerShell(base: RemoteShell, container: string): RemoteShell {
  const inside = (script: string, args: readonly string[]) => [container, script, ...args];
  return {
    async run(script, args, options) {
      const ran = await base.run(OUTER, inside(script, args), options);
      const refusal = ran.ok ? notThere(ran.value, container) : undefined;
      return refusal === undefined ? ran : err(refusal);
    },
    async open(script, args, options) {
      // One that is not there is told by its end at once: nothing came of it.
      let heard = false;
      const opened = await base.open(OUTER, inside(script, args), {
        ...options,
        data: (chunk) => {
          heard = true;
          options.data(chunk);
        },
      });
      if (!opened.ok) return opened;
      const closed = opened.value.closed.then((why) => why ?? (heard ? undefined : gone(container, "does not run, or has no /bin/sh")));
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
  // docker's own: it could not begin what was asked for in the container.
  if (exit.code === 126 || exit.code === 127) return gone(container, `has no /bin/sh that can be started (${stderr.trim().slice(0, 200)})`);
  return undefined;
}

const gone = (container: string, how: string): MaestroError =>
  maestroError("container_not_running", `The container '${container}' ${how}.`, {
    field: "container",
    hint: `See what runs there: docker ps -a. Start it: docker start ${container}`,
  });
