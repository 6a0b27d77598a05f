/** A task as it is submitted: whom it is for, checked as far as it can be before its host is asked, its secrets sealed. */
import type { TaskImage } from "@maestro/shared/contract/tasks";
import { fail, MaestroFailure } from "@maestro/shared/errors";
import type { TaskId } from "@maestro/shared/ids";
import { needsOf } from "@maestro/shared/protocol/task-needs";
import { SECRET_IV_BYTES, sealSecret } from "../crypto/secret-box.ts";
import { addresseesNamed, allAddressees, type AddresseeRow } from "../db/addressees.ts";
import { findHostAgain, type HostRow } from "../db/hosts.ts";
import { mayTouchAgent, mayTouchHost, reachOf } from "../domain/access/permissions.ts";
import { checkRoots, checkTask, pathOf } from "../domain/dispatch/check-task.ts";
import { readinessProblem } from "../domain/dispatch/readiness.ts";
import { launchedAgent } from "../domain/fleet/launch.ts";
import { chooseTargets, selectorOf, type Addressee, type Addressing, type Selector } from "../domain/dispatch/targets.ts";
import type { PresentHost } from "../domain/events/present.ts";
import type { Actor, NewTarget, NewTask } from "../domain/tasks/calls.ts";
import { unwrap, type RouteContext } from "../http/define-route.ts";
import { schedulerOf } from "../objects/scheduler-call.ts";
import { secretNotFound } from "../objects/scheduler/secret-store.ts";
import { agentNameWithinReach, hostNameWithinReach } from "./placed-sessions.ts";

type Submission = Pick<
  RouteContext<"taskCreate">,
  "env" | "config" | "db" | "fleet" | "feed" | "principal" | "body" | "nowMs" | "random" | "repeatable" | "repeatableId"
>;

/** Throws what is wrong with it. @param images that go with it. */
export async function newTask(rx: Submission, by: Actor, images: TaskImage[] = []): Promise<NewTask & { body: { id: string } }> {
  const body = unwrap(checkTask(rx.body, rx.config.forwardable));
  const { on, host } = await placeOf(rx, unwrap(selectorOf(body.on, body.labels)));
  if (host !== undefined) await requireWithinRoots(rx, host);
  const targets = await targetsOf(rx, { to: body.to ?? [], on, command: body.command !== undefined }, images.length > 0);
  await requireSecrets(rx, body.secrets ?? []);
  const id = body.id ?? (await rx.repeatableId("task"));
  const { credentials = {}, to: _to, on: _on, images: _images, dependsOn = [], ...rest } = body;
  const isNew = body.id === undefined && !rx.repeatable;
  const withImages = images.length === 0 ? rest : { ...rest, images };
  return {
    body: { ...withImages, id, dependsOn },
    isNew,
    sealed: await sealed(rx, id, credentials),
    targets,
    by,
    reach: reachOf(rx.principal),
  };
}

interface Row extends Addressee {
  row: AddresseeRow;
}

async function targetsOf(rx: Submission, addressing: Addressing, hasImages: boolean): Promise<NewTarget[]> {
  const chosen = unwrap(chooseTargets(addressing, await candidates(rx, addressing)));
  if (chosen.kind === "host") {
    commandWithinReach(rx);
    return [{ kind: "host", selector: chosen.selector }];
  }
  const rows = chosen.agents.map(({ row }) => row);
  if (rx.principal.kind !== "agent") for (const { agent, host } of rows) withinReach(rx, agent.name, host.name);
  await requireReady(rx, addressing, rows, hasImages);
  return rows.map(({ agent, host, definition }) => ({
    kind: "agent",
    agent: launchedAgent(agent, definition),
    host: { id: host.id, name: host.name },
  }));
}

/** The usual case is answered by one statement: each by its whole name. Otherwise all of them are looked at. */
async function candidates(rx: Submission, { to, on, command }: Addressing): Promise<Row[]> {
  if (to.length > 0) {
    const named = await addresseesNamed(rx.db, rx.fleet, to);
    if (to.every((ref) => named.some(({ agent }) => agent.name === ref || agent.id === ref))) return named.map(toRow);
  } else if (command && on !== undefined) return [];
  const all = (await allAddressees(rx.db, rx.fleet)).map(toRow);
  const { principal } = rx;
  // What was not named is not out of reach, it is not there.
  return principal.kind === "agent" || to.length > 0
    ? all
    : all.filter(({ name, host }) => mayTouchAgent(principal, name) && mayTouchHost(principal, host.name));
}

const toRow = (row: AddresseeRow): Row => ({ id: row.agent.id, name: row.agent.name, type: row.agent.type, host: row.host, row });

function withinReach(rx: Submission, agent: string, host: string): void {
  const { principal } = rx;
  if (principal.kind === "agent") return;
  agentNameWithinReach({ principal }, agent, "to");
  hostNameWithinReach({ principal }, host, "to");
  // It may run anything there is on the host: as with a shell, no limit on agents holds it.
  if (rx.body.command !== undefined) commandWithinReach(rx);
}

function commandWithinReach({ principal }: Submission): void {
  if (principal.kind !== "agent" && principal.agents !== undefined)
    throw fail("scope_missing", `'${principal.name}' is limited to agents '${principal.agents}', and a command reaches beyond.`, {
      field: "command",
      hint: "Send one of those agents a prompt, or use a credential without an agent selector.",
    });
}

/** With the name of the host that it names. An agent that names neither host nor agent means its own host. */
async function placeOf(rx: Submission, on: Selector | undefined): Promise<{ on: Selector | undefined; host?: HostRow }> {
  if (on?.host === undefined)
    return { on: rx.principal.kind === "agent" && (rx.body.to ?? []).length === 0 ? { ...on, host: rx.principal.host.name } : on };
  const field = rx.body.on?.host === undefined ? "labels.target" : "on.host";
  const host = await findHostAgain(rx.db, rx.fleet, on.host).catch((error: unknown) => {
    throw error instanceof MaestroFailure ? new MaestroFailure({ ...error.error, field }) : error;
  });
  if (rx.principal.kind !== "agent") hostNameWithinReach({ principal: rx.principal }, host.name, field);
  return { on: { ...on, host: host.name }, host };
}

/** What its host would refuse anyway is refused now, as far as the host has told. */
async function requireWithinRoots(rx: Submission, { id, name }: HostRow): Promise<void> {
  if (pathOf(rx.body.workspace) === undefined) return;
  const [here] = await rx.feed.hostsNow([id]);
  unwrap(checkRoots(rx.body.workspace, { name, roots: here?.facts.roots ?? [] }));
}

/** [SKILL34] An agent that could not run it is said so now. One whose host is away is not: it waits. */
async function requireReady(rx: Submission, { on, command }: Addressing, rows: readonly AddresseeRow[], hasImages: boolean): Promise<void> {
  const { images: _images, ...body } = rx.body;
  const asked = hasImages ? { ...body, images: true } : body;
  const needs = rows.map(({ agent, definition }) => needsOf(asked, launchedAgent(agent, definition)));
  if (command && pathOf(rx.body.workspace) === undefined && on?.capabilities === undefined && needs.every(({ length }) => length === 0))
    return;
  const present = await rx.feed.hostsNow([...new Set(rows.map(({ host }) => String(host.id)))]);
  const at = new Map<string, Omit<PresentHost, "sessions">>(present.map((here) => [here.host, here]));
  for (const [index, { agent, host, definition }] of rows.entries()) {
    const here = at.get(host.id);
    unwrap(checkRoots(rx.body.workspace, { name: host.name, roots: here?.facts.roots ?? [] }));
    const { name, type, program } = agent;
    const problem = readinessProblem({ name, type, program, host: host.name, definedHere: definition !== null }, here, {
      command,
      capabilities: on?.capabilities ?? [],
      host: needs[index] ?? [],
    });
    if (problem !== undefined) throw new MaestroFailure(problem);
  }
}

async function requireSecrets(rx: Submission, names: readonly string[]): Promise<void> {
  // An agent is told by the Scheduler which it may name, and not which others there are.
  if (names.length === 0 || rx.principal.kind === "agent") return;
  const known = new Set((await schedulerOf(rx).secrets()).map(({ name }) => name));
  const at = names.findIndex((name) => !known.has(name));
  if (at !== -1) throw new MaestroFailure(secretNotFound(names[at] ?? "", `secrets[${at}]`));
}

/** [TK5] From here on there is ciphertext only. */
async function sealed(
  rx: Submission,
  task: string | TaskId,
  credentials: Readonly<Record<string, string>>,
): Promise<Record<string, string>> {
  const entries = Object.entries(credentials).map(async ([name, value]): Promise<[string, string]> => {
    const place = { kind: "task", fleet: rx.fleet, task, name } as const;
    return [name, await sealSecret(rx.config.keys.secrets, place, value, rx.random(SECRET_IV_BYTES))];
  });
  return Object.fromEntries(await Promise.all(entries));
}
