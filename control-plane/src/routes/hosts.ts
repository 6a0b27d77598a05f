/** Hosts: who belongs to the fleet, and how each is doing. */
import { fail } from "@maestro/shared/errors";
import { findHost, listHosts, removeHost, setHostLock, updateHost, type HostRow } from "../db/hosts.ts";
import { hostsVia } from "../db/remote-hosts.ts";
import { toHost } from "../domain/fleet/host-view.ts";
import { mayTouchHost } from "../domain/access/permissions.ts";
import { defineRoutes } from "../http/define-route.ts";
import { relayOf } from "../objects/relay-call.ts";
import { schedulerOf } from "../objects/scheduler-call.ts";
import { changeHost, refuseBusy } from "./host-changes.ts";
import { carriersOf, hostView } from "./host-views.ts";
import { hostFor, hostNameWithinReach, wholeHost, type Asking } from "./placed-sessions.ts";
import { MAX_ASKED_HOSTS, presentOf } from "./present-hosts.ts";
import { tellRegistry } from "./registry.ts";

export const hostRoutes = defineRoutes({
  async hosts(rx) {
    const { principal } = rx;
    const page = await listHosts(rx.db, rx.fleet, await rx.page());
    // [LK9] Hosts learn who belongs to the fleet, not how the others are doing.
    if (principal.kind === "host") {
      const member = (row: HostRow) =>
        toHost({ ...row, record: null, lastCheck: null }, undefined, undefined, undefined, rx.nowMs, rx.config.timeScale);
      return rx.list(page, member);
    }
    const present = new Map((await presentOf(rx)).map((host) => [host.host, host]));
    const rows = page.rows.filter(({ name }) => mayTouchHost(principal, name));
    const asked = rows.filter(({ id }) => present.get(id)?.facts.connected === true).slice(0, MAX_ASKED_HOSTS);
    const answers = await Promise.allSettled(asked.map(({ id }) => relayOf(rx.env, rx.fleet, id).live()));
    // One that cannot be asked right now spoils no list.
    const live = new Map(
      asked.flatMap(({ id }, i) => (answers[i]?.status === "fulfilled" ? [[String(id), answers[i].value] as const] : [])),
    );
    const carriers = await carriersOf(rx, rows);
    return rx.list({ ...page, rows }, (row) =>
      toHost(row, carriers.get(row.id), present.get(row.id), live.get(row.id), rx.nowMs, rx.config.timeScale),
    );
  },

  async host(rx) {
    return hostView(rx, await hostFor(rx, rx.params.id));
  },

  async hostUpdate(rx) {
    const host = await wholeHost(rx, rx.params.id);
    if (rx.body.name !== undefined) hostNameWithinReach(rx, rx.body.name, "name");
    const { row: changed, membership } = await changeHost(rx, host, rx.body, () => rx.audit(host.name));
    if (changed.name !== host.name) await relayOf(rx.env, rx.fleet, host.id).rename(changed.name);
    if (membership) tellRegistry(rx, rx.fleet);
    // Tasks choose hosts by name and labels.
    await schedulerOf(rx).hostChanged(host.id, { name: changed.name, labels: changed.labels });
    await rx.feed.append([
      { type: "host.updated", subject: host.id, summary: `Host '${changed.name}' was changed.`, data: { name: changed.name } },
    ]);
    return hostView(rx, changed);
  },

  async hostRemove(rx) {
    const host = await wholeHost(rx, rx.params.id);
    await refuseCarrying(rx, host);
    if (host.record !== null) await refuseBusy(rx, host);
    await rx.audit(host.name);
    // First the row, so that its identity is refused from here on; then what is open.
    if (!(await removeHost(rx.db, rx.fleet, host.id))) await refuseCarrying(rx, host);
    await relayOf(rx.env, rx.fleet, host.id).retire();
    await rx.feed.forget(host.id);
    await rx.feed.append([
      { type: "host.removed", subject: host.id, summary: `Host '${host.name}' was removed.`, data: { name: host.name } },
    ]);
    tellRegistry(rx, rx.fleet);
  },

  async hostDrain(rx) {
    return setDraining(rx, await wholeHost(rx, rx.params.id), true, (target) => rx.audit(target));
  },

  async hostResume(rx) {
    return setDraining(rx, await wholeHost(rx, rx.params.id), false, (target) => rx.audit(target));
  },

  async hostUnlock(rx) {
    const host = await wholeHost(rx, rx.params.id);
    await rx.audit(host.name);
    // The relay first: should the second write fail, unlocking again is harmless.
    await relayOf(rx.env, rx.fleet, host.id).unlock();
    await setHostLock(rx.db, rx.fleet, host.id, undefined);
    await rx.feed.append([
      { type: "host.unlocked", subject: host.id, summary: `Host '${host.name}' was unlocked.`, data: { name: host.name } },
    ]);
    return hostView(rx, await findHost(rx.db, rx.fleet, host.id));
  },
});

async function setDraining(rx: Asking, host: HostRow, draining: boolean, audit: (target: string) => Promise<void>) {
  await audit(host.name);
  const changed = await updateHost(rx.db, rx.fleet, host.id, { draining }, rx.nowMs);
  // Who is answered may count on it. First, as the relay tells it too, one change after the other: its word is the last one.
  await schedulerOf(rx).hostChanged(host.id, { draining });
  await relayOf(rx.env, rx.fleet, host.id).setDraining(draining);
  if (host.draining !== draining) {
    const summary = draining ? `Host '${host.name}' takes no new work.` : `Host '${host.name}' takes work again.`;
    await rx.feed.append([{ type: draining ? "host.draining" : "host.resumed", subject: host.id, summary, data: { name: host.name } }]);
  }
  return hostView(rx, changed);
}

async function refuseCarrying(rx: Asking, host: HostRow): Promise<void> {
  const carried = await hostsVia(rx.db, rx.fleet, host.id);
  if (carried.length === 0) return;
  const names = carried.map(({ name }) => name).filter((name) => mayTouchHost(rx.principal, name));
  const others = carried.length - names.length;
  const told = [
    ...(names.length === 0 ? [] : [names.join(", ")]),
    ...(others === 0 ? [] : [`${others} ${names.length === 0 ? "other" : "more"}`]),
  ];
  throw fail("host_carries", `Over host '${host.name}' ${carried.length === 1 ? "is" : "are"} reached: ${told.join(" and ")}.`, {
    hint: "Reach them over another host (maestro host edit <host> --via <other>) or remove them first.",
    extra: { hosts: names },
  });
}
