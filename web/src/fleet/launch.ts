/** Opening shells and starting agents: what "one click" means in requests. */
import type { Agent, AgentTypeRow, Host, Session } from "@maestro/shared/contract/resources";
import { ROUTES } from "@maestro/shared/contract/routes";
import type { Result } from "@maestro/shared/result";
import { call, type ApiError } from "../api/client.ts";

/** An agent CLI that can be started now, and where. */
export interface Launchable {
  type: AgentTypeRow;
  host: Host;
  version: string;
}

export function launchables(types: readonly AgentTypeRow[], hosts: readonly Host[]): Launchable[] {
  return types.flatMap((type) =>
    type.adapter === "shell"
      ? []
      : type.hosts.flatMap(({ host: id, report }) => {
          const host = hosts.find((candidate) => candidate.id === id);
          return host !== undefined && usable(host) && report.detected.state === "found"
            ? [{ type, host, version: report.detected.version }]
            : [];
        }),
  );
}

export const usable = (host: Host): boolean =>
  host.status === "online" && !host.draining && host.locked === undefined && host.enabled !== false;

const ADAPTER_NAMES: Record<string, string> = {
  claude: "Claude Code",
  codex: "Codex",
  opencode: "OpenCode",
  kilo: "Kilo Code",
  gemini: "Gemini CLI",
  aider: "Aider",
  copilot: "Copilot CLI",
  amp: "Amp",
  qwen: "Qwen Code",
  shell: "Shell",
};

/** In the order people look for them; a fleet's own types come last, by name. */
export function byFame(a: { slug: string; adapter: string }, b: { slug: string; adapter: string }): number {
  const known = Object.keys(ADAPTER_NAMES);
  const rank = ({ slug, adapter }: { slug: string; adapter: string }): number =>
    slug === adapter && known.includes(slug) ? known.indexOf(slug) : known.length;
  return rank(a) - rank(b) || a.slug.localeCompare(b.slug);
}

/** Custom types keep their own name. */
export const typeName = (type: { slug: string; adapter: string; source?: string }): string =>
  type.slug === type.adapter ? (ADAPTER_NAMES[type.adapter] ?? type.slug) : type.slug;

/** Where a new agent works when nobody said: a directory of its own below the host's workspace root. */
export function defaultWorkspace(host: Host, name: string): string {
  const root = host.roots.find((path) => path.includes("maestro-workspaces")) ?? host.roots[0] ?? "/tmp";
  return `${root.replace(/\/+$/, "")}/${name}`;
}

/** The type's slug, or with the host's name, or with a number: the first that is free. */
export function freeAgentName(agents: readonly Agent[], slug: string, hostName: string): string {
  const taken = new Set(agents.map((agent) => agent.name));
  for (const name of [slug, `${slug}-${hostName}`.slice(0, 60)]) if (!taken.has(name)) return name;
  for (let n = 2; ; n++) if (!taken.has(`${slug}-${n}`)) return `${slug}-${n}`;
}

export const openShell = (host: Host): Promise<Result<Session, ApiError>> =>
  call(ROUTES.sessionCreate, { body: { host: host.id, ...guessSize() } });

export const startAgent = (agent: Agent): Promise<Result<Session, ApiError>> =>
  call(ROUTES.agentStart, { id: agent.id, body: guessSize() });

/** An idle agent of that type is started, or one whose session ended; only without one a new agent is assigned. */
export async function launch({ type, host }: Launchable, agents: readonly Agent[]): Promise<Result<Session, ApiError>> {
  const idle = agents.find(
    (agent) => agent.type === type.slug && agent.host.id === host.id && (agent.status === "idle" || agent.status === "failed"),
  );
  if (idle !== undefined) return startAgent(idle);
  const name = freeAgentName(agents, type.slug, host.name);
  const created = await call(ROUTES.agentCreate, {
    body: { type: type.slug, host: host.id, name, workspace: defaultWorkspace(host, name) },
  });
  return created.ok ? startAgent(created.value) : created;
}

/** About the size the terminal page will ask for, so that a program draws its first screen only once. */
function guessSize(): { cols: number; rows: number } {
  const side = innerWidth > 820 ? 272 : 0;
  return {
    cols: Math.max(20, Math.min(500, Math.floor((innerWidth - side - 30) / 7.85))),
    rows: Math.max(5, Math.min(200, Math.floor((innerHeight - 80) / 18))),
  };
}
