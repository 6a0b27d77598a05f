/** After the death of a holder: what tmux kept is adopted, everything else ended with its reason. */
import type { SessionInfo } from "@maestro/shared/protocol/session";
import type { Holder } from "./holder.ts";
import { isAlive } from "./process-lock.ts";
import { readStat, terminateAll } from "./processes.ts";
import type { LoadedRegistry, StoredSession } from "./registry-file.ts";
import type { TmuxBackend, TmuxFound } from "./tmux-backend.ts";

export interface RestoreParts {
  holder: Holder;
  left: LoadedRegistry;
  bootId: string;
  tmux: TmuxBackend | undefined;
  nowMs: number;
  report(what: string, cause?: unknown): void;
}

export async function restoreSessions({ holder, left, bootId, tmux, nowMs, report }: RestoreParts): Promise<void> {
  const found = new Map(((await tmux?.found()) ?? []).map((session) => [session.id, session]));
  // Theirs are not ours to end: it still holds them.
  const copied = isAlive(left.holder);
  const rebooted = left.bootId !== undefined && left.bootId !== bootId;
  const adoptions: Promise<void>[] = [];
  for (const stored of left.sessions) {
    const { info } = stored;
    const living = found.get(info.id);
    found.delete(info.id);
    if (info.end !== undefined) holder.restore(info, info.end);
    else if (living !== undefined && tmux !== undefined) adoptions.push(holder.adopt(info, (events) => tmux.adopt(living, events)));
    else holder.restore(info, { reason: rebooted ? "host_reboot" : info.backend === "tmux" ? "server_lost" : "holder_lost", atMs: nowMs });
    if (info.backend === "pty" && living === undefined && !rebooted && !copied) await endStraggler(stored);
  }
  // The registry was lost or torn: tmux itself says enough.
  for (const living of found.values()) {
    if (tmux !== undefined) adoptions.push(holder.adopt(fromTmux(living, nowMs), (events) => tmux.adopt(living, events)));
  }
  const results = await Promise.allSettled(adoptions);
  for (const result of results) if (result.status === "rejected") report("a session could not be adopted", result.reason);
}

/** Which epoch was used last nobody knows: one at random is hardly that. */
function fromTmux({ id, meta, createdMs }: TmuxFound, nowMs: number): SessionInfo {
  return {
    id,
    name: meta?.name ?? id,
    backend: "tmux",
    title: "",
    cwd: meta?.cwd ?? "",
    command: meta?.command ?? "",
    cols: 80,
    rows: 24,
    createdMs: meta?.createdMs ?? createdMs,
    lastActivityMs: createdMs,
    epoch: nowMs % EPOCHS,
    ...(meta?.agent === undefined ? {} : { agent: meta.agent }),
  };
}

const EPOCHS = 0x1_0000;

/** A program that ignored the hang-up would run on where nobody sees it. */
async function endStraggler({ leader }: StoredSession): Promise<void> {
  if (leader !== undefined && leader.started !== "" && readStat(leader.pid)?.started === leader.started) await terminateAll(leader.pid);
}
