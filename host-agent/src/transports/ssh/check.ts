/** Looks at a remote host over one connection of its own, and tells what of it can be used: CHECKS, in order. */
import { CHECKS, type CheckStep, type HostCheck } from "@maestro/shared/contract/remote-hosts";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { stripUnsafe } from "@maestro/shared/sanitize";
import type { Adapter } from "../../adapters/adapter.ts";
import type { SshTarget } from "../ssh-target.ts";
import { agentSocketOf } from "./agent.ts";
import { checkScript } from "./check-script.ts";
import { agentsOf, judge, type Expected, type Findings, type SectionName } from "./check-steps.ts";
import type { SshConnection } from "./connection.ts";
import { dial } from "./dial.ts";
import type { DialEvent, DialOptions } from "./dial-options.ts";
import { placeOf, type SeenHostKey } from "./host-key.ts";
import { startScript } from "./start.ts";
import { within } from "./deadline.ts";

export interface CheckRequest extends Omit<DialOptions, "observe"> {
  /** As in the record. */
  container: string;
  cwd: string | undefined;
  /** Whether the agent is to be shown there; the target has to allow it as well. */
  forwardAgent: boolean;
  agents: readonly Adapter[];
}

/** Of the looks around there; each question there has a shorter one of its own. */
const LOOK_MS = 40_000;
/** A section is a few lines. */
const MAX_SAID_CHARS = 256 * 1024;

const WAY = ["name", "tcp", "host-key", "authentication"] as const;
const SECTIONS = CHECKS.filter((name): name is SectionName => !WAY.some((step) => step === name));

/** Never fails: what goes wrong is a step of it. */
export async function checkHost(target: SshTarget, request: CheckRequest): Promise<HostCheck> {
  const { clock } = request;
  const steps: CheckStep[] = [];
  let hostKey: SeenHostKey | undefined;
  let sinceMs = clock.monotonicMs();
  const add = (step: Omit<CheckStep, "ms">) => {
    const nowMs = clock.monotonicMs();
    steps.push({ ...step, ms: Math.round(nowMs - sinceMs) });
    sinceMs = nowMs;
  };
  const observe = (event: DialEvent) => {
    if (event.type === "host-key") hostKey = event.key;
    // A key that is refused is told by the error.
    if (event.type !== "host-key" || event.key.state === "known") add({ ...stepOf(event, target), state: "ok" });
  };
  const finish = (agents: HostCheck["agents"], hostname?: string): HostCheck => ({
    ok: !steps.some(({ state }) => state === "failed"),
    steps: [...steps, ...skipped(steps.length)],
    ...(hostKey === undefined ? {} : { hostKey }),
    ...(hostname === undefined ? {} : { hostname }),
    agents,
  });

  const dialled = await dial(target, { ...request, observe });
  if (!dialled.ok) {
    add({ name: CHECKS[steps.length] ?? "authentication", ...failure(dialled.error) });
    return finish([]);
  }
  await using connection = dialled.value;
  const expected: Omit<Expected, "nowSeconds"> = {
    container: request.container,
    cwd: request.cwd,
    forwarded: forwardingOf(target, request),
  };
  const looked = await lookAround(connection, request, (section, found) =>
    add({ name: section, ...judge(section, found, { ...expected, nowSeconds: clock.wallMs() / 1000 }) }),
  );
  const next = CHECKS[steps.length];
  if (looked.error !== undefined && next !== undefined) add({ name: next, ...failure(looked.error) });
  const hostname = looked.found.get("shell")?.get("hostname");
  return finish(
    agentsOf(looked.found.get("agents") ?? new Map(), request.agents),
    hostname === undefined ? undefined : stripUnsafe(hostname, 255),
  );
}

/** @param told called as each section is complete, in their order. */
async function lookAround(
  connection: SshConnection,
  { clock, signal, forwardAgent, ...look }: CheckRequest,
  told: (section: SectionName, found: Findings) => void,
): Promise<{ found: ReadonlyMap<SectionName, Findings>; error: MaestroError | undefined }> {
  const found = new Map<SectionName, Map<string, string>>();
  let rest = "";
  let stderr = "";
  const started = await startScript(connection, {
    script: checkScript(look),
    args: [],
    stdin: new Uint8Array(),
    forwardAgent,
    clock,
    signal,
    stdout(chunk) {
      const lines = `${rest}${chunk.toString("utf8")}`.split("\n");
      rest = (lines.pop() ?? "").slice(-MAX_SAID_CHARS);
      for (const line of lines) take(line);
    },
    stderr: (chunk) => (stderr = `${stderr}${chunk.toString("utf8")}`.slice(-512)),
  });
  if (!started.ok) return { found, error: started.error };
  started.value.end();
  const waited = await within(started.value.ended, LOOK_MS, { clock, signal });
  const place = placeOf(connection.target);
  if (waited.type !== "done") {
    const error = maestroError("timeout", `${place} did not answer all questions within ${LOOK_MS / 1000} s.`, { field: "address" });
    started.value.kill(error);
    return { found, error };
  }
  if (waited.value.type === "lost") return { found, error: waited.value.error };
  const isWhole = SECTIONS.every((section) => found.get(section)?.has("end") === true);
  const said = stripUnsafe(stderr.trim(), 256);
  return {
    found,
    error: isWhole
      ? undefined
      : maestroError(
          "remote_shell_broken",
          `/bin/sh on ${place} stopped before it had looked at everything${said === "" ? "" : `: ${said}`}.`,
          { field: "user" },
        ),
  };

  function take(line: string): void {
    const [name, field, ...value] = line.split("\t");
    const section = SECTIONS.find((one) => one === name);
    if (section === undefined || field === undefined || found.get(section)?.has("end") === true) return;
    const fields = found.get(section) ?? new Map<string, string>();
    found.set(section, fields.set(field, value.join(" ")));
    if (field === "end") told(section, fields);
  }
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

const failure = ({ code, detail, hint }: MaestroError) => ({
  state: "failed" as const,
  detail: detail.slice(0, 1024),
  code,
  ...(hint === undefined ? {} : { hint: hint.slice(0, 1024) }),
});

const skipped = (from: number): CheckStep[] =>
  CHECKS.slice(from).map((name) => ({ name, state: "skipped", detail: "What it needs failed before.", ms: 0 }));

function forwardingOf(target: SshTarget, { forwardAgent, env }: CheckRequest): Expected["forwarded"] {
  if (!forwardAgent || !target.forwardAgent) return "not asked";
  return agentSocketOf(target.agent, env) === undefined ? "no agent here" : "asked";
}
