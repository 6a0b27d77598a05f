/** Hosts: who belongs to the fleet, and how each is doing. */
import { bumpRegistry } from "../db/fleets.ts";
import { findHost, listHosts, removeHost, setHostLock, updateHost, type HostRow } from "../db/hosts.ts";
import { toHost } from "../domain/fleet/host-view.ts";
import { mayTouchHost, withinLimits } from "../domain/access/permissions.ts";
import { defineRoutes, unwrap } from "../http/define-route.ts";
import { relayOf } from "../objects/relay-call.ts";
import { schedulerOf } from "../objects/scheduler-call.ts";
import { hostFor, hostNameWithinReach, type Asking } from "./placed-sessions.ts";
import { MAX_ASKED_HOSTS, presentOf } from "./present-hosts.ts";
import { tellRegistry } from "./registry.ts";

export const hostRoutes = defineRoutes({
  async hosts(rx) {
    const { principal } = rx;
    const page = await listHosts(rx.db, rx.fleet, await rx.page());
    // [LK9] Hosts learn who belongs to the fleet, not how the others are doing.
    if (principal.kind === "host") return rx.list(page, (row) => toHost(row, undefined, undefined, rx.nowMs, rx.config.timeScale));
    const present = new Map((await presentOf(rx)).map((host) => [host.host, host]));
    const rows = page.rows.filter(({ name }) => mayTouchHost(principal, name));
    const asked = rows.filter(({ id }) => present.get(id)?.facts.connected === true).slice(0, MAX_ASKED_HOSTS);
    const answers = await Promise.allSettled(asked.map(({ id }) => relayOf(rx.env, rx.fleet, id).live()));
    // One that cannot be asked right now spoils no list.
    const live = new Map(
      asked.flatMap(({ id }, i) => (answers[i]?.status === "fulfilled" ? [[String(id), answers[i].value] as const] : [])),
    );
    return rx.list({ ...page, rows }, (row) => toHost(row, present.get(row.id), live.get(row.id), rx.nowMs, rx.config.timeScale));
  },

  async host(rx) {
    return view(rx, await hostFor(rx, rx.params.id));
  },

  async hostUpdate(rx) {
    const host = await wholeHost(rx, rx.params.id);
    if (rx.body.name !== undefined) hostNameWithinReach(rx, rx.body.name, "name");
    await rx.audit(host.name);
    const changed = await updateHost(rx.db, rx.fleet, host.id, rx.body, rx.nowMs);
    if (changed.name !== host.name) {
      await relayOf(rx.env, rx.fleet, host.id).rename(changed.name);
      await bumpRegistry(rx.db, rx.fleet);
      tellRegistry(rx, rx.fleet);
    }
    // Tasks choose hosts by name and labels.
    await schedulerOf(rx).hostChanged(host.id, { name: changed.name, labels: changed.labels });
    await rx.feed.append([
      { type: "host.updated", subject: host.id, summary: `Host '${changed.name}' was changed.`, data: { name: changed.name } },
    ]);
    return view(rx, changed);
  },

  async hostRemove(rx) {
    const host = await wholeHost(rx, rx.params.id);
    await rx.audit(host.name);
    // First the row, so that its identity is refused from here on; then what is open.
    await removeHost(rx.db, rx.fleet, host.id);
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
    return view(rx, await findHost(rx.db, rx.fleet, host.id));
  },
});

/** What becomes of a host concerns everybody's agents there: who is limited to some changes nothing of it. */
async function wholeHost(rx: Asking, ref: string): Promise<HostRow> {
  unwrap(withinLimits(rx.principal, { hosts: rx.principal.hosts }));
  return hostFor(rx, ref);
}

async function setDraining(rx: Asking, host: HostRow, draining: boolean, audit: (target: string) => Promise<void>) {
  await audit(host.name);
  const changed = await updateHost(rx.db, rx.fleet, host.id, { draining }, rx.nowMs);
  await relayOf(rx.env, rx.fleet, host.id).setDraining(draining);
  if (host.draining !== draining) {
    const summary = draining ? `Host '${host.name}' takes no new work.` : `Host '${host.name}' takes work again.`;
    await rx.feed.append([{ type: draining ? "host.draining" : "host.resumed", subject: host.id, summary, data: { name: host.name } }]);
  }
  return view(rx, changed);
}

async function view(rx: Asking, row: HostRow) {
  const [[present], live] = await Promise.all([presentOf(rx, row.id), relayOf(rx.env, rx.fleet, row.id).live()]);
  return toHost(row, present, live, rx.nowMs, rx.config.timeScale);
}
