/** Who asks. Everything after authentication speaks of a principal, never of headers. */
import type { Role, Scope } from "@maestro/shared/contract/access";
import type { BrowserSessionId, FleetId, HostId, MemberId, TokenId } from "@maestro/shared/ids";
import type { HostClaim } from "@maestro/shared/protocol/link-auth";

/** What a ticket narrows its credential to; its nonce is spent inside the object it opens. */
export interface TicketClaim {
  nonce: string;
  expiresMs: number;
  /** A session id, or the fleet's events. */
  opens: { kind: "session"; session: string } | { kind: "feed" };
}

interface Person {
  fleet: FleetId;
  member: MemberId;
  /** Shown to others: the member's name, with the token's where one is used. */
  name: string;
  /** The lower of the credential's ceiling and the member's present role. */
  role: Role;
  /** Already narrowed to what the role allows; `admin` is expanded. */
  scopes: readonly Scope[];
  /** Globs of names it may touch; undefined: all. */
  agents: string | undefined;
  hosts: string | undefined;
  /** When the credential ends by itself, Unix ms. Sockets opened with it end then too. */
  expiresMs: number;
  ticket: TicketClaim | undefined;
}

export interface TokenPrincipal extends Person {
  kind: "token";
  id: TokenId;
}

export interface BrowserPrincipal extends Person {
  kind: "browser";
  id: BrowserSessionId;
  /** The token that opened it (or made its login link); revoking that one ends this one. */
  parent: TokenId | undefined;
  /** However much it is used, it ends then, Unix ms, and with it what hangs on it. */
  absoluteMs: number;
  /** Step-up holds until then, Unix ms. */
  stepUpUntilMs: number | undefined;
}

export type UserPrincipal = TokenPrincipal | BrowserPrincipal;

export interface HostPrincipal {
  kind: "host";
  fleet: FleetId;
  id: HostId;
  name: string;
  claim: HostClaim;
  /** The host's present one. */
  signingKey: string;
  draining: boolean;
}

/** The token of an attempt, of which only is known yet that it was made here. */
export interface AgentCaller {
  kind: "agent";
  /** The attempt's. */
  id: string;
  fleet: FleetId;
  task: string;
  fence: number;
}

/** An agent at work: its attempt runs, and this is its fence. */
export interface AgentPrincipal extends AgentCaller {
  /** Shown to others. */
  name: string;
  agentName: string | undefined;
  host: { id: string; name: string };
}

export type Principal = UserPrincipal | HostPrincipal | AgentCaller;

/** What the audit log names as actor and credential. */
export function actorOf(principal: Principal): { actor: string; credential: string } {
  if (principal.kind === "host") return { actor: `host:${principal.name}`, credential: principal.id };
  if (principal.kind === "agent") return { actor: `agent:${principal.id}`, credential: principal.id };
  return { actor: `member:${principal.member}`, credential: principal.id };
}
