/** Looks at a remote host over one connection of its own, and tells what of it can be used: CHECKS, in order. */
import type { CheckStep, HostCheck } from "@maestro/shared/contract/remote-hosts";
import type { SshTarget } from "../ssh-target.ts";
import { agentKeys, agentSocketOf } from "./agent.ts";
import { CheckRun, type LookRequest } from "./check-run.ts";
import type { Expected } from "./check-steps.ts";
import { dial } from "./dial.ts";
import type { DialEvent, DialOptions } from "./dial-options.ts";
import { placeOf, type SeenHostKey } from "./host-key.ts";
import { loadSsh2 } from "./library.ts";
import { startScript } from "./start.ts";

export interface CheckRequest extends Omit<DialOptions, "observe">, LookRequest {
  /** Whether the agent may be shown there; the target has to ask for it as well. */
  forwardAgent: boolean;
}

/** Never fails: what goes wrong is a step of it. */
export async function checkHost(target: SshTarget, request: CheckRequest): Promise<HostCheck> {
  const { clock, signal } = request;
  const run = new CheckRun(request);
  let hostKey: SeenHostKey | undefined;
  const observe = (event: DialEvent) => {
    if (event.type === "host-key") hostKey = event.key;
    // A key that is refused is told by the error.
    if (event.type !== "host-key" || event.key.state === "known") run.add({ ...stepOf(event, target), state: "ok" });
  };
  const forwarded = await forwardingOf(target, request);
  const dialled = await dial({ ...target, forwardAgent: forwarded === "asked" }, { ...request, observe });
  if (!dialled.ok) {
    run.fail(dialled.error);
    return run.finish([], hostKey);
  }
  await using connection = dialled.value;
  const { agents, hostname } = await run.look(placeOf(target), forwarded, (script, sinks) =>
    startScript(connection, {
      script,
      args: [],
      stdin: new Uint8Array(),
      forwardAgent: forwarded === "asked" ? "tried" : "no",
      clock,
      signal,
      ...sinks,
    }),
  );
  return run.finish(agents, hostKey, hostname);
}

function stepOf(event: DialEvent, target: SshTarget): Pick<CheckStep, "name" | "detail"> {
  switch (event.type) {
    case "resolved":
      return { name: "name", detail: event.by === "us" ? event.address : `${event.address}, resolved on the way` };
    case "connected":
      return { name: "tcp", detail: event.via === undefined ? placeOf(target) : `${placeOf(target)} through ${event.via}` };
    case "host-key":
      return { name: "host-key", detail: `${event.key.type} ${event.key.sha256}${event.enrolled ? ", accepted now" : ""}` };
    case "authenticated":
      return { name: "authentication", detail: `${target.user} by ${event.how}` };
  }
}

/** The record names the socket: whatever else listens there is no agent, and is shown to nobody. */
async function forwardingOf(target: SshTarget, { forwardAgent, env, clock, signal }: CheckRequest): Promise<Expected["forwarded"]> {
  if (!target.forwardAgent) return "not asked";
  if (!forwardAgent) return "not allowed";
  const socket = agentSocketOf(target.agent, env);
  const keys = socket === undefined ? undefined : await agentKeys(await loadSsh2(), socket, { clock, signal });
  return keys === undefined || keys.problem !== undefined ? "no agent here" : "asked";
}
