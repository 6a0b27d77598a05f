/** Principals, roles and scopes: who may ask for what. */
import * as z from "zod";

export const ROLES = ["viewer", "operator", "owner"] as const;
export const Role = z.enum(ROLES);
export type Role = z.infer<typeof Role>;

export const SCOPES = [
  "hosts:read",
  "hosts:enroll",
  "hosts:write",
  "agents:read",
  "agents:write",
  "tasks:read",
  "tasks:write",
  "tasks:cancel",
  "terminals:read",
  "terminals:write",
  "state:read",
  "state:write",
  "secrets:write",
  "events:read",
  "audit:read",
  "admin",
] as const;
export const Scope = z.enum(SCOPES);
export type Scope = z.infer<typeof Scope>;

/** What a role may ever do; a token's own scopes narrow it. `admin` contains every scope. */
export const ROLE_SCOPES: Record<Role, readonly Scope[]> = {
  viewer: ["hosts:read", "agents:read", "tasks:read", "terminals:read", "state:read", "events:read"],
  operator: [
    "hosts:read",
    "agents:read",
    "agents:write",
    "tasks:read",
    "tasks:write",
    "tasks:cancel",
    "terminals:read",
    "terminals:write",
    "state:read",
    "state:write",
    "events:read",
  ],
  owner: SCOPES,
};

export const roleAtLeast = (role: Role, needed: Role): boolean => ROLES.indexOf(role) >= ROLES.indexOf(needed);

/** `*` in a glob of agents or hosts matches any run of characters; nothing else is special. */
export function globMatches(glob: string, name: string): boolean {
  const [first = "", ...rest] = glob.split("*");
  const last = rest.pop();
  if (last === undefined) return glob === name;
  if (!name.startsWith(first) || name.length < first.length + last.length || !name.endsWith(last)) return false;
  // Leftmost is always right for the parts between: no backtracking, so no glob is expensive.
  const end = name.length - last.length;
  let at = first.length;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found === -1 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}
