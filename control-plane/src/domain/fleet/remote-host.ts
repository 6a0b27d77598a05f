/** Remote hosts: which linked host carries one, what a change makes of its record, and what its check says in one line. */
import { isTailscale, parseRemoteAddress } from "@maestro/shared/contract/remote-address";
import type { HostCheck, RemoteBody, RemotePatch, RemoteRecord } from "@maestro/shared/contract/remote-hosts";
import type { HostPatch } from "@maestro/shared/contract/resources";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";

interface Candidate {
  name: string;
  transport: string;
}

const MAX_LISTED = 10;

/** Of the hosts within reach, where nobody said which: the only linked one. */
export function onlyCarrier<H extends Candidate>(hosts: readonly H[]): Result<H> {
  const linked = hosts.filter(({ transport }) => transport === "link");
  const [only, second] = linked;
  if (only === undefined)
    return err(
      maestroError("host_not_found", "No host has joined yet, and a remote host is reached from one that has.", {
        field: "via",
        hint: "Join one first: the console's hosts page shows the line.",
      }),
    );
  if (second === undefined) return ok(only);
  const names = linked.slice(0, MAX_LISTED).map(({ name }) => name);
  return err(
    maestroError("ambiguous", `Several hosts could reach it: ${names.join(", ")}${linked.length > MAX_LISTED ? ", …" : ""}.`, {
      field: "via",
      hint: `Say which one: --via ${names[0] ?? ""}`,
    }),
  );
}

export function asCarrier<H extends Candidate>(host: H): Result<H> {
  if (host.transport === "link") return ok(host);
  return err(
    maestroError("field_invalid", `Host '${host.name}' is itself reached over another one and carries none.`, {
      field: "via",
      hint: "Name a host that has joined. A way over several machines is ProxyJump, in the ssh_config of the one that has.",
    }),
  );
}

const OF_REMOTE_HOSTS = [
  "address",
  "transport",
  "user",
  "port",
  "identity",
  "sshConfig",
  "options",
  "env",
  "container",
  "cwd",
  "via",
  "enabled",
] as const satisfies readonly (keyof HostPatch)[];

/** A linked host tells by itself where it is. */
export function refuseRemoteFields(patch: HostPatch, name: string): MaestroError | undefined {
  const field = OF_REMOTE_HOSTS.find((key) => patch[key] !== undefined);
  return field === undefined
    ? undefined
    : maestroError("field_invalid", `Host '${name}' has joined by itself: '${field}' is for hosts that are reached over another one.`, {
        field,
        hint: "Of a linked host name, labels and default can be changed.",
      });
}

/**
 * What to check anew. A new address brings its own `user@` and `:port` in the place of what was given beside the one before, and
 * its own transport, where the one before was what its address said.
 */
export function changedBody(record: RemoteRecord, patch: RemotePatch): RemoteBody {
  const body: RemoteBody = { ...record };
  for (const field of patch.address === undefined ? [] : replacedBy(record, patch.address)) delete body[field];
  for (const field of CLEARABLE) if (patch[field] === null) delete body[field];
  const given = Object.entries(patch).filter(([, value]) => value !== null && value !== undefined);
  return { ...body, ...Object.fromEntries(given) };
}

const CLEARABLE = ["transport", "user", "port", "identity", "sshConfig", "options", "env", "container", "cwd"] as const;

function replacedBy({ transport, address }: RemoteRecord, next: string): ("user" | "port" | "transport")[] {
  const parsed = parseRemoteAddress(next);
  const { user, port } = parsed.ok ? parsed.value : { user: undefined, port: undefined };
  return [
    ...(user === undefined ? [] : ["user" as const]),
    ...(port === undefined ? [] : ["port" as const]),
    ...(transport === (isTailscale(address) ? "tailscale" : "ssh") ? ["transport" as const] : []),
  ];
}

/**
 * What a change does to work that runs there. `leaves`: nobody would carry the host, or another one that knows nothing of its
 * work. `moves`: its link may lead to another machine, or into another container.
 */
export function wayChange(
  host: { via: string | null; record: RemoteRecord; enabled: boolean },
  change: { via?: string | undefined; record?: RemoteRecord | undefined; enabled?: boolean | undefined },
): "stays" | "moves" | "leaves" {
  if (change.enabled === false && host.enabled) return "leaves";
  if (change.via !== undefined && change.via !== host.via) return "leaves";
  return change.record === undefined || placeOf(change.record) === placeOf(host.record) ? "stays" : "moves";
}

/** Of ssh_config: what decides where a connection ends. */
const PLACE_OPTIONS = ["hostname", "port", "user", "proxyjump"];

function placeOf({ transport, address, user, port, sshConfig, options, container }: RemoteRecord): string {
  const leading = Object.entries(options).flatMap(([name, value]) =>
    PLACE_OPTIONS.includes(name.toLowerCase()) ? [`${name.toLowerCase()}=${value}`] : [],
  );
  const ownPort = sshConfig ? port : (port ?? DEFAULT_PORT);
  return JSON.stringify([transport, address, user, ownPort, sshConfig, leading.sort(), container === "auto" ? "none" : container]);
}

const DEFAULT_PORT = 22;

/** @param count how many run; `first` are some of them. */
export function hostBusy(
  name: string,
  { count, first }: { count: number; first: readonly { task: string; attempt: string }[] },
): MaestroError {
  const tasks = [...new Set(first.map(({ task }) => task))];
  const runs = count === 1 ? "a task runs" : `${count} tasks run`;
  return maestroError("host_busy", `On host '${name}' ${runs}: ${tasks.join(", ")}${count > first.length ? ", …" : ""}.`, {
    hint: `Wait until they have ended, or cancel them (maestro task cancel ${tasks[0] ?? "<task>"}); maestro host drain ${name} keeps others away.`,
    extra: { tasks, attempts: first.map(({ attempt }) => attempt) },
  });
}

/** What of a check stays with the host. */
export function checkNote({ ok: reached, steps }: HostCheck, atMs: number): { ok: boolean; atMs: number; error?: string } {
  const failed = steps.find(({ state }) => state === "failed");
  return { ok: reached, atMs, ...(failed === undefined ? {} : { error: failed.detail }) };
}
