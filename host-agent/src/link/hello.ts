/** [LK3] What a host says first, and the pages that follow it. */
import { MAX_SESSIONS_PER_HOST, PAGE_BYTES } from "@maestro/shared/limits";
import type { AgentTypeReport } from "@maestro/shared/contract/agent-types";
import type { Hello, HostFrame } from "@maestro/shared/protocol/link";
import type { SessionInfo } from "@maestro/shared/protocol/session";
import { pages } from "./pages.ts";

export type HelloFacts = Omit<Hello, "t" | "sessions" | "more">;

const MAX_UPSERTS = 100;

/** @param offsetMs what to add to this machine's times to get the server's. */
export function helloFrames(facts: HelloFacts, sessions: readonly SessionInfo[], offsetMs: number): HostFrame[] {
  const told = sessions.slice(0, MAX_SESSIONS_PER_HOST).map((session) => corrected(session, offsetMs));
  // The first frame carries the facts as well, and takes as much less.
  const room = Math.max(1024, PAGE_BYTES - Buffer.byteLength(JSON.stringify(facts)));
  const [first = [], ...rest] = pages(told, room, MAX_SESSIONS_PER_HOST);
  return [
    { t: "hello", ...facts, sessions: first, more: rest.length > 0 },
    ...rest.map((page, index) => ({ t: "hello-page" as const, sessions: page, more: index < rest.length - 1 })),
  ];
}

export function sessionsFrames(upsert: readonly SessionInfo[], removed: readonly string[], offsetMs: number): HostFrame[] {
  const chunks = pages(
    upsert.map((session) => corrected(session, offsetMs)),
    PAGE_BYTES,
    MAX_UPSERTS,
  );
  const gone = pages(removed, PAGE_BYTES, MAX_SESSIONS_PER_HOST);
  return Array.from({ length: Math.max(chunks.length, gone.length) }, (_, i) => ({
    t: "sessions" as const,
    upsert: chunks[i] ?? [],
    removed: gone[i] ?? [],
  }));
}

export function inventoryFrames(types: readonly AgentTypeReport[]): HostFrame[] {
  const [first = [], ...rest] = pages(types, PAGE_BYTES, MAX_UPSERTS);
  return [first, ...rest].map((page, index) => ({ t: "inventory" as const, types: page, first: index === 0, more: index < rest.length }));
}

function corrected(session: SessionInfo, offsetMs: number): SessionInfo {
  if (offsetMs === 0) return session;
  return {
    ...session,
    createdMs: session.createdMs + offsetMs,
    lastActivityMs: session.lastActivityMs + offsetMs,
    ...(session.end === undefined ? {} : { end: { ...session.end, atMs: session.end.atMs + offsetMs } }),
  };
}
