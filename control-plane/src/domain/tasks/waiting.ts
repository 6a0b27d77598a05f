/** [SKILL38] Why a target does not run: the one explanation, shown wherever it waits. */
import type { Waiting } from "@maestro/shared/contract/tasks";
import { isCarried, unknownNeeds } from "../fleet/too-old.ts";
import { readiness } from "./dependencies.ts";
import type { Lineup } from "./lineup.ts";
import { silentSinceMs, type HostState, type Started, type Target, type TaskCore } from "./model.ts";
import { suits } from "./placement.ts";
import { isSilent, type Presence } from "./status.ts";

export interface Scene extends Presence {
  lineup: Lineup;
  lostMs: number;
}

export function waitingOf(task: TaskCore, target: Target, scene: Scene): Waiting | undefined {
  const { phase } = target;
  switch (phase.at) {
    case "ended":
      return undefined;
    case "offered":
      return wait("offered", `Offered to host '${phase.attempt.host.name}', which has not answered yet.`);
    case "started":
      return startedWaiting(phase, scene);
    case "pending": {
      const ready = readiness(task.dependsOn, task.ifFailed);
      if (ready.is === "open") {
        const names = ready.waitsFor.map(({ task: id, on }) => `${id} (${on})`);
        return wait(
          "dependency_open",
          `Waits for ${names.slice(0, 5).join(", ")}${names.length > 5 ? ` and ${names.length - 5} more` : ""}.`,
        );
      }
      if (phase.notBeforeMs !== undefined && phase.notBeforeMs > scene.nowMs)
        return wait("backoff", `Attempt ${target.past.length + 1} comes after a pause${lastReason(target)}.`, phase.notBeforeMs);
      return queuedWaiting(task, target, scene);
    }
  }
}

function startedWaiting({ attempt, confirmed, committedMs, missingMs }: Started, scene: Scene): Waiting | undefined {
  const host = scene.hosts.get(attempt.host.id);
  if (isSilent(host, scene)) {
    const since = host === undefined ? "" : ` since ${new Date(host.seenMs).toISOString()}`;
    const untilMs = host === undefined ? undefined : silentSinceMs(host) + scene.lostMs;
    return wait("host_unreachable", `Host '${attempt.host.name}' is silent${since}; nobody knows how it goes there.`, untilMs);
  }
  if (confirmed) return undefined;
  if (missingMs !== undefined)
    return wait(
      "host_unreachable",
      `Host '${attempt.host.name}' says that it does not have it. It is asked again.`,
      missingMs + scene.leaseMs,
    );
  return scene.nowMs - committedMs < scene.leaseMs
    ? wait("offered", `Host '${attempt.host.name}' was asked to start it.`)
    : wait("host_unreachable", `Host '${attempt.host.name}' was asked to start it and has not said that it did.`);
}

function queuedWaiting(task: TaskCore, target: Target, scene: Scene): Waiting {
  const { lineup, nowMs } = scene;
  const busy = target.agent === undefined ? undefined : lineup.busyWith(target.agent.id);
  const suitable = [...scene.hosts.values()].filter((host) => suits(host, target, task));
  if (suitable.length === 0) return noneSuits(task, target, [...scene.hosts.values()]);
  const there = suitable.filter(({ up }) => up);
  if (there.length === 0) return away(suitable);
  const open = there.filter(({ draining }) => !draining);
  if (open.length === 0) return wait("host_draining", `${names(there)} ${there.length === 1 ? "takes" : "take"} no new work.`);
  const ready = open.filter((host) => host.ready);
  if (ready.length === 0) return wait("host_offline", `${names(open)} ${open.length === 1 ? "has" : "have"} not said yet what runs there.`);
  if (busy !== undefined && target.agent !== undefined)
    return wait("agent_busy", `Agent '${target.agent.name}' works on task '${busy.id}'.`);
  if (task.group !== undefined && lineup.inGroup(task.group.name) >= task.group.limit)
    return wait("group_busy", `${lineup.inGroup(task.group.name)} of ${task.group.limit} tasks of group '${task.group.name}' run.`);
  const refusals = lineup.refusals(target);
  const asked = ready.filter(({ id }) => (refusals?.until.get(id) ?? 0) <= nowMs);
  if (asked.length === 0 && refusals !== undefined) {
    const untilMs = Math.min(...ready.map(({ id }) => refusals.until.get(id) ?? 0));
    return wait("backoff", `${names(ready)} refused it: ${refusals.last}`, untilMs);
  }
  const [host] = asked;
  if (host !== undefined && asked.every(({ id, maxConcurrent }) => lineup.load(id) >= maxConcurrent)) {
    const taken = asked.length === 1 ? `${lineup.load(host.id)} of ${host.maxConcurrent} tasks run there` : "all of their places are taken";
    return wait("host_busy", `${names(asked)}: ${taken}.`);
  }
  return wait("turn", "Its turn comes next.");
}

function noneSuits(task: TaskCore, target: Target, hosts: readonly HostState[]): Waiting {
  const old = hosts.filter((host) => suits(host, { ...target, needs: [] }, task));
  const there = old.filter(({ up }) => up);
  if (there.length > 0) return wait("no_capable_host", `${names(there)}: ${tooOld(there, target.needs)}`);
  // One of them may come back as another version.
  if (old.length > 0) return away(old);
  const name = target.host?.name ?? target.selector?.host;
  const known = hosts.some((host) => host.name === name || host.id === name);
  // Whether such a host is enrolled was seen when the task was submitted.
  return name === undefined || known
    ? wait("no_capable_host", `No host is ${describe(target)}.`)
    : wait("host_offline", `Host '${name}' has not connected since tasks are given out.`);
}

function lastReason({ past }: Target): string {
  const last = past.at(-1)?.reason;
  return last === undefined ? "" : `: the last one ended with ${last.code}`;
}

function describe({ selector }: Target): string {
  const { host, labels = {}, capabilities = [] } = selector ?? {};
  const wanted = [
    ...(host === undefined ? [] : [`named '${host}'`]),
    ...Object.entries(labels).map(([name, value]) => `labelled ${name}=${value}`),
    ...capabilities.map((name) => `able to ${name}`),
  ];
  return wanted.length === 0 ? "there" : wanted.join(" and ");
}

const away = (hosts: readonly HostState[]): Waiting =>
  wait("host_offline", `${names(hosts)} ${hosts.length === 1 ? "is" : "are"} not connected.`);

function tooOld(hosts: readonly HostState[], needs: Target["needs"] = []): string {
  const unknown = needs.filter((need) => hosts.some((host) => unknownNeeds(host, [need]).length > 0));
  const carried = hosts.filter(isCarried).length;
  const [which, what] =
    carried === 0
      ? ["there", "it"]
      : carried < hosts.length
        ? ["there, or the one that reaches it,", "it"]
        : [`that reaches ${hosts.length === 1 ? "it" : "them"}`, "that one"];
  return `the host-agent ${which} is of a version that does not know ${unknown.map((need) => `'${need}'`).join(", ")}; upgrade ${what}.`;
}

function names(hosts: readonly HostState[]): string {
  const shown = hosts.slice(0, 3).map(({ name }) => `'${name}'`);
  const more = hosts.length - shown.length;
  return `${hosts.length === 1 ? "Host" : "Hosts"} ${shown.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

const wait = (code: Waiting["code"], detail: string, untilMs?: number): Waiting => ({
  code,
  detail: detail.slice(0, 512),
  ...(untilMs === undefined || !Number.isFinite(untilMs) ? {} : { until: new Date(untilMs).toISOString() }),
});
