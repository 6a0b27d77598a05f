/** Whether a principal may use a route: one decision, from the route's row alone. */
import { ROLE_SCOPES, SCOPES, globMatches, roleAtLeast, type Role, type Scope } from "@maestro/shared/contract/access";
import type { Access } from "@maestro/shared/contract/routes";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";
import type { Reach } from "../events/reach.ts";
import type { AgentCaller, Principal, UserPrincipal } from "./principal.ts";

/** What a credential may really do: its own scopes, no further than the role reaches. */
export function effectiveScopes(role: Role, granted: readonly Scope[]): Scope[] {
  const reach = ROLE_SCOPES[role];
  return granted.includes("admin") ? [...reach] : SCOPES.filter((scope) => reach.includes(scope) && granted.includes(scope));
}

export const lowerRole = (a: Role, b: Role): Role => (roleAtLeast(a, b) ? b : a);

/** What is left of a credential's grant now that its member is what they are. */
export function rightsOf(
  grant: { role: Role; scopes: readonly Scope[]; agents: string | null; hosts: string | null },
  member: { role: Role },
): Pick<UserPrincipal, "role" | "scopes" | "agents" | "hosts"> {
  const role = lowerRole(grant.role, member.role);
  return { role, scopes: effectiveScopes(role, grant.scopes), agents: grant.agents ?? undefined, hosts: grant.hosts ?? undefined };
}

export function authorise(access: Exclude<Access, { kind: "open" }>, principal: Principal, nowMs: number): Result<void> {
  if (principal.kind === "agent") return access.kind === "user-or-agent" ? ok(undefined) : err(agentForbidden());
  switch (access.kind) {
    case "host":
      return principal.kind === "host"
        ? ok(undefined)
        : err(maestroError("role_insufficient", "Only a host's own signature opens this.", { hint: "The host-agent calls it by itself." }));
    case "user":
    case "user-or-agent":
      return principal.kind === "host" ? err(hostForbidden()) : authoriseUser(access, principal, nowMs);
    case "user-or-host":
      return principal.kind === "host" ? ok(undefined) : authoriseUser(access, principal, nowMs);
  }
}

function authoriseUser(need: { role: Role; scope?: Scope; stepUp?: true }, who: UserPrincipal, nowMs: number): Result<void> {
  if (!roleAtLeast(who.role, need.role)) {
    return err(
      maestroError("role_insufficient", `'${who.name}' is ${who.role}; this needs ${need.role}.`, {
        field: "role",
        hint: `Ask an owner to do it, or for the role ${need.role}.`,
      }),
    );
  }
  const scoped = need.scope === undefined ? ok(undefined) : hasScope(who, need.scope);
  if (!scoped.ok) return scoped;
  if (need.stepUp === true && !isSteppedUp(who, nowMs)) {
    return err(
      maestroError("step_up_required", "This needs a login not older than 10 minutes.", {
        hint: "Run `maestro open` and use its fresh link.",
      }),
    );
  }
  return ok(undefined);
}

export const hasScope = (who: UserPrincipal, scope: Scope): Result<void> =>
  who.scopes.includes(scope)
    ? ok(undefined)
    : err(maestroError("scope_missing", `'${who.name}' lacks ${scope}.`, { field: "scope", hint: `Create a token with ${scope}.` }));

/** A token is presented whole with each request and never by a browser on its own, so it needs no fresh login. */
const isSteppedUp = (who: UserPrincipal, nowMs: number): boolean => who.kind === "token" || (who.stepUpUntilMs ?? 0) > nowMs;

const hostForbidden = (): MaestroError =>
  maestroError("host_forbidden", "A host's identity opens its link and reads the registry, nothing else.", {
    hint: "Use a person's token.",
  });

const agentForbidden = (): MaestroError =>
  maestroError("agent_forbidden", "An agent's token opens nothing that is for people.", {
    hint: "It is for the agent's own task: its children, their logs, and shared state.",
  });

/** What of the fleet's tasks somebody sees. */
export const reachOf = (who: UserPrincipal | AgentCaller): Reach =>
  who.kind === "agent"
    ? { task: who.task }
    : { ...(who.hosts === undefined ? {} : { hosts: who.hosts }), ...(who.agents === undefined ? {} : { agents: who.agents }) };

/** Whether a credential's host selector lets it touch this host. */
export const mayTouchHost = (who: UserPrincipal, hostName: string): boolean => who.hosts === undefined || globMatches(who.hosts, hostName);
export const mayTouchAgent = (who: UserPrincipal, agentName: string): boolean =>
  who.agents === undefined || globMatches(who.agents, agentName);

/**
 * Whether a credential may see, type into or open a session. One that is no agent's, a plain shell or the user's own
 * tmux, reaches everything the host's user reaches: with a limit on agents it is out of reach.
 *
 * @param agentName whose session it is; undefined: nobody's.
 */
export const mayTouchSession = (who: UserPrincipal, agentName: string | undefined): boolean =>
  who.agents === undefined || (agentName !== undefined && mayTouchAgent(who, agentName));

interface Limits {
  agents?: string | null | undefined;
  hosts?: string | null | undefined;
}

/**
 * Whether a credential's limits let it make or end other credentials: of such as are limited like itself, no more.
 * Members have no limits, so whoever has some administers none: they would be the way out of them.
 *
 * @param theirs the limits of what is made or ended; none: it reaches the whole fleet.
 */
export function withinLimits(who: UserPrincipal, theirs: Limits = {}): Result<void> {
  const field = (["hosts", "agents"] as const).find((name) => who[name] !== undefined && who[name] !== theirs[name]);
  return field === undefined
    ? ok(undefined)
    : err(
        maestroError("scope_missing", `'${who.name}' is limited to ${field} '${who[field] ?? ""}', and this reaches beyond.`, {
          field,
          hint: `Use a credential without a limit on ${field}.`,
        }),
      );
}
