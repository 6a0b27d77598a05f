/** Whom a task is for: from what a person typed to agents, or to a host where a command runs without one. */
import type { HostSelector } from "@maestro/shared/contract/tasks";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { nearest } from "@maestro/shared/names";
import { err, ok, type Result } from "@maestro/shared/result";
import { escapeUnsafe } from "@maestro/shared/sanitize";
import type * as z from "zod";

export type Selector = z.infer<typeof HostSelector>;

/** An agent as far as it matters for finding it. */
export interface Addressee {
  id: string;
  name: string;
  type: string;
  host: { id: string; name: string; labels: Readonly<Record<string, string>> };
}

export interface Addressing {
  /** Names, id prefixes or types, as they were typed. */
  to: readonly string[];
  on: Selector | undefined;
  /** A step without an LLM, which needs no agent. */
  command: boolean;
}

export type Chosen<A> = { kind: "agents"; agents: A[] } | { kind: "host"; selector: Selector };

/** `target:<name>` among a task's labels says the same as `on.host`. */
export function selectorOf(on: Selector | undefined, labels: Readonly<Record<string, string>> | undefined): Result<Selector | undefined> {
  const label = labels?.["target"];
  if (label === undefined) return ok(on);
  if (on?.host !== undefined && on.host !== label)
    return err(
      maestroError("field_invalid", `The label target:${shown(label)} and on.host name different hosts.`, {
        field: "labels.target",
        hint: "Give one of them.",
      }),
    );
  return ok({ ...on, host: label });
}

/** @param agents all that may be meant; of hosts and agents beyond the asker's reach none. */
export function chooseTargets<A extends Addressee>({ to, on, command }: Addressing, agents: readonly A[]): Result<Chosen<A>> {
  if (to.length > 0) return chooseNamed(to, on, agents);
  if (command && on !== undefined) return ok({ kind: "host", selector: on });
  const here = on === undefined ? agents : agents.filter(({ host }) => isOn(on, host));
  const [only, second] = here;
  if (only === undefined) return err(noAgent(on));
  if (second === undefined) return ok({ kind: "agents", agents: [only] });
  return err(on === undefined ? targetMissing(here) : several(`Several agents are there: ${list(here)}.`, "to"));
}

function chooseNamed<A extends Addressee>(to: readonly string[], on: Selector | undefined, agents: readonly A[]): Result<Chosen<A>> {
  const chosen = new Map<string, A>();
  for (const [i, ref] of to.entries()) {
    const found = findAddressee(ref, on, agents, `to[${i}]`);
    if (!found.ok) return found;
    // Named twice, by name and by id: it is sent once.
    chosen.set(found.value.id, found.value);
  }
  return ok({ kind: "agents", agents: [...chosen.values()] });
}

/** A whole id, then a name, then the beginning of an id, then the type of a single agent. */
export function findAddressee<A extends Addressee>(ref: string, on: Selector | undefined, agents: readonly A[], field: string): Result<A> {
  const exact = agents.find(({ id }) => id === ref) ?? agents.find(({ name }) => name === ref);
  if (exact !== undefined) return on === undefined || isOn(on, exact.host) ? ok(exact) : err(elsewhere(exact));
  const here = on === undefined ? agents : agents.filter(({ host }) => isOn(on, host));
  const byPrefix = /^agt_[0-9a-z]+$/.test(ref) ? here.filter(({ id }) => id.startsWith(ref)) : [];
  const byType = byPrefix.length > 0 ? [] : here.filter(({ type }) => type === ref);
  const [only, second] = [...byPrefix, ...byType];
  if (only === undefined) return err(notFound(ref, agents, field));
  if (second === undefined) return ok(only);
  return err(
    byPrefix.length > 0
      ? several(`'${shown(ref)}' begins the id of several agents: ${list(byPrefix)}.`, field)
      : several(`Several agents are of type '${shown(ref)}': ${list(byType)}.`, field),
  );
}

/** By name or id, and by labels. What it is capable of is not known here. */
export function isOn({ host, labels }: Selector, at: Addressee["host"]): boolean {
  if (host !== undefined && host !== at.id && host !== at.name) return false;
  return Object.entries(labels ?? {}).every(([name, value]) => Object.hasOwn(at.labels, name) && at.labels[name] === value);
}

const MAX_LISTED = 10;
const shown = (text: string): string => escapeUnsafe(text.slice(0, 64));
const list = (agents: readonly Addressee[]): string =>
  agents
    .slice(0, MAX_LISTED)
    .map(({ name }) => name)
    .join(", ") + (agents.length > MAX_LISTED ? ", …" : "");

const several = (detail: string, field: string): MaestroError =>
  maestroError("ambiguous", detail, { field, hint: "Name one of them, or all." });

const targetMissing = (agents: readonly Addressee[]): MaestroError =>
  maestroError("target_missing", "No agent was named, and there are several.", { field: "to", hint: `Name one: ${list(agents)}.` });

function noAgent(on: Selector | undefined): MaestroError {
  const where = on?.host === undefined ? "" : ` on host '${shown(on.host)}'`;
  return maestroError(
    "target_missing",
    `There is no agent${where === "" && on !== undefined ? " on such a host" : where} that it could be for.`,
    {
      field: "to",
      hint: `Assign one: maestro agent assign <type> --to-workspace <path>${on?.host === undefined ? "" : ` --host ${shown(on.host)}`}`,
    },
  );
}

const elsewhere = ({ name, host }: Addressee): MaestroError =>
  maestroError("field_invalid", `Agent '${name}' is on host '${host.name}'.`, {
    field: "on",
    hint: "Leave the host out: an agent is where it is.",
  });

function notFound(ref: string, agents: readonly Addressee[], field: string): MaestroError {
  const near = nearest(ref.slice(0, 64), [...new Set(agents.flatMap(({ name, type }) => [name, type]))]);
  return maestroError("agent_not_found", `No agent '${shown(ref)}'.`, {
    field,
    hint: near.length === 0 ? "See: maestro agent list" : `Did you mean ${near.join(", ")}?`,
  });
}
