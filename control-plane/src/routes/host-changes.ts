/** What a PATCH makes of a host: of a linked one its name, labels and mark; of a remote one also how it is reached. */
import { checkRemote } from "@maestro/shared/contract/check-remote";
import type { HostPatch } from "@maestro/shared/contract/resources";
import { fail, MaestroFailure } from "@maestro/shared/errors";
import { bumpRegistry } from "../db/fleets.ts";
import { findHost, setHostLock, updateHost, type HostRow } from "../db/hosts.ts";
import { markDefaultHost, updateRemoteHost, type RemoteChange } from "../db/remote-hosts.ts";
import { changedBody, hostBusy, refuseRemoteFields, wayChange } from "../domain/fleet/remote-host.ts";
import { unwrap } from "../http/define-route.ts";
import { relayOf } from "../objects/relay-call.ts";
import { schedulerOf } from "../objects/scheduler-call.ts";
import type { Asking } from "./placed-sessions.ts";
import { carrierFor, setLinkKey } from "./remote-hosts.ts";

/** @returns the row as it is now, and whether links have to be told: the registry's version is raised then. */
export async function changeHost(
  rx: Asking,
  host: HostRow,
  patch: HostPatch,
  audit: () => Promise<void>,
): Promise<{ row: HostRow; membership: boolean }> {
  const { name, labels, default: marked } = patch;
  const first = await remoteChange(rx, host, patch);
  await audit();
  const changed =
    first === undefined
      ? await updateHost(rx.db, rx.fleet, host.id, { name, labels }, rx.nowMs)
      : await changeRemoteAsItIs(rx, host, patch, first);
  const renamed = changed.name !== host.name;
  if (renamed && first === undefined) await bumpRegistry(rx.db, rx.fleet);
  if (marked !== undefined && marked !== host.isDefault) await markDefaultHost(rx.db, rx.fleet, marked ? host.id : undefined);
  return { row: { ...changed, isDefault: marked ?? host.isDefault }, membership: renamed || first !== undefined };
}

/** Who changes it at the same time keeps what they changed: a record that is another one meanwhile is changed as it is by then. */
async function changeRemoteAsItIs(rx: Asking, read: HostRow, patch: HostPatch, first: Reached): Promise<HostRow> {
  let host = read;
  let change: Reached | undefined = first;
  for (let tries = 0; change !== undefined && tries < MAX_TRIES; tries++) {
    const row = await changeRemote(rx, host, patch, change);
    if (row !== undefined) return row;
    host = await findHost(rx.db, rx.fleet, read.id);
    change = await remoteChange(rx, host, patch);
  }
  throw fail("host_not_found", `Host '${read.name}' is being changed by others, or the one that was to reach it was removed.`, {
    hint: `Look at it, and try again: maestro host show ${read.name}`,
  });
}

/** Of changes that meet, one goes through each time. */
const MAX_TRIES = 5;

type Reached = Pick<RemoteChange, "via" | "record" | "enabled">;

/** Undefined: how it is reached stays as it is. Refusals come before anything is changed. */
async function remoteChange(rx: Asking, host: HostRow, patch: HostPatch): Promise<Reached | undefined> {
  const { name: _, labels: _labels, default: _default, via, enabled, ...fields } = patch;
  if (host.record === null) {
    const refusal = refuseRemoteFields(patch, host.name);
    if (refusal !== undefined) throw new MaestroFailure(refusal);
    return undefined;
  }
  const edited = Object.values(fields).some((value) => value !== undefined);
  if (!edited && via === undefined && enabled === undefined) return undefined;
  // Its keys and its ssh_config are what a record is about: who changes that needs to cover it, as who adds a host over it.
  const carrier = edited || via !== undefined || enabled === true ? await carrierFor(rx, via ?? host.via ?? undefined) : undefined;
  const change: Reached = {
    ...(edited ? { record: unwrap(checkRemote(changedBody(host.record, fields))) } : {}),
    ...(via === undefined || carrier === undefined ? {} : { via: carrier.id }),
    ...(enabled === undefined ? {} : { enabled }),
  };
  switch (wayChange({ ...host, record: host.record }, change)) {
    case "stays":
      return change;
    case "moves":
      // One that cannot be reached as its record says is edited so that it, and what runs there, can be.
      if (await relayOf(rx.env, rx.fleet, host.id).linked()) await refuseBusy(rx, host);
      return change;
    case "leaves":
      await refuseBusy(rx, host);
      return change;
  }
}

/** What runs on a remote host is known to its carrier only: without it, it would be lost. Nothing is begun there meanwhile. */
export async function refuseBusy(rx: Asking, host: HostRow): Promise<void> {
  const given = await schedulerOf(rx).holdHost(host.id);
  if (given.count > 0) throw new MaestroFailure(hostBusy(host.name, given));
}

async function changeRemote(rx: Asking, host: HostRow, { name, labels }: HostPatch, change: Reached): Promise<HostRow | undefined> {
  const moved = change.via !== undefined && change.via !== host.via;
  const released = moved || change.enabled === false;
  const row = await updateRemoteHost(rx.db, host, { name, labels, ...change }, released, rx.nowMs);
  if (row === undefined || !released) return row;
  await setLinkKey(rx, row, "");
  if (!moved || host.lockedMs === null) return row;
  // The identity that was seen twice is no more.
  await relayOf(rx.env, rx.fleet, host.id).unlock();
  await setHostLock(rx.db, rx.fleet, host.id, undefined);
  return { ...row, lockedReason: null, lockedMs: null };
}
