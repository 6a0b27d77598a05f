/** Sessions of this machine straight from its holder: works while the control plane is away. */
import { EXIT, fail } from "@maestro/shared/errors";
import type { HostRecord } from "../../daemon/identity.ts";
import { holderPaths } from "../../holder/paths.ts";
import type { HolderClient } from "../../holder/client.ts";
import type { HolderEvents, SessionInfo } from "../../holder/types.ts";
import { LocalAttach } from "../attach/local.ts";
import type { Context } from "../context.ts";
import { lives, resolveIn } from "../resolve.ts";
import { thisHost } from "../this-host.ts";
import { unwrap } from "../unwrap.ts";
import { attachWith, type AttachFlags } from "./attach.ts";
import { sessionState, type Session } from "./session-view.ts";

export async function listLocally(context: Context): Promise<number> {
  const client = await dial(context, QUIET);
  try {
    const here = thisHost(context.paths);
    const sessions = unwrap(await client.list()).map((info) => localSession(info, here));
    context.out.list(
      sessions,
      [
        { header: "name", value: ({ name }) => name },
        { header: "status", value: (session) => sessionState(session) },
        { header: "kind", value: ({ backend }) => backend },
        { header: "command", value: ({ command }) => command, max: 32 },
        { header: "cwd", value: ({ cwd }) => cwd, max: 32 },
        { header: "active", value: ({ lastActivityAt }) => context.out.time(lastActivityAt) },
        { header: "id", value: ({ id }) => id },
      ],
      "No sessions on this machine.",
    );
    return EXIT.ok;
  } finally {
    client.close();
  }
}

type LocalSession = Omit<Session, "host" | "agent"> & { host?: { id: string; name: string }; agent?: { id: string } };

/** Under the names that the API has. What only the control plane knows, an agent's name and whether the host is seen, is not there. */
function localSession(info: SessionInfo, here: HostRecord | undefined): LocalSession {
  const { id, name, backend, title, cwd, command, cols, rows, agent, end, createdMs, lastActivityMs } = info;
  return {
    id,
    name,
    backend,
    title,
    cwd,
    command,
    cols,
    rows,
    ...(here === undefined ? {} : { host: { id: here.hostId, name: here.name } }),
    ...(agent === undefined ? {} : { agent: { id: agent } }),
    ...(end === undefined ? {} : { end }),
    status: end === undefined ? "running" : "ended",
    createdAt: new Date(createdMs).toISOString(),
    lastActivityAt: new Date(lastActivityMs).toISOString(),
  };
}

export async function attachLocally(context: Context, typed: string, flags: AttachFlags): Promise<number> {
  const link = new LocalAttach(flags["read-only"]);
  const client = await dial(context, link.events);
  try {
    const session: SessionInfo = resolveIn("session", typed, unwrap(await client.list()), "session_not_found", lives);
    return await attachWith(context, flags, (emit, size) => link.open({ client, session, emit, size }));
  } finally {
    client.close();
  }
}

async function dial({ paths }: Context, events: HolderEvents): Promise<HolderClient> {
  const { connectHolder } = await import("../../holder/connect.ts");
  const dialled = await connectHolder(holderPaths(paths.home, paths.runDir), events);
  if (dialled.ok) return dialled.value;
  if (dialled.error.code !== "not_running") throw fail(dialled.error.code, dialled.error.detail, dialled.error);
  throw fail("not_running", "No holder runs on this machine, so there are no sessions of its own.", {
    hint: "It starts with the host-agent: maestro up, or maestro host run",
  });
}

const QUIET: HolderEvents = { output() {}, snapshot() {}, gap() {}, epoch() {}, inputRefused() {}, sessions() {}, closed() {} };
