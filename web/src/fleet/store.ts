/** Everything the console knows of the fleet: its lists, kept fresh by events and fetched again after every reconnect. */
import type { Agent, AgentTypeRow, FleetEvent, Host, Me, Session } from "@maestro/shared/contract/resources";
import { ROUTES } from "@maestro/shared/contract/routes";
import type { Result } from "@maestro/shared/result";
import { call, callAll, type ApiError } from "../api/client.ts";
import { feedTarget } from "../api/socket-target.ts";
import { Connection, type ConnectionState } from "../net/connection.ts";
import { neverHeard, type Liveness } from "../net/liveness.ts";
import { decodeFeed } from "./feed-frame.ts";

export interface FleetView {
  hosts: readonly Host[];
  agents: readonly Agent[];
  sessions: readonly Session[];
  types: readonly AgentTypeRow[];
  me: Me | undefined;
  /** `stale`: lists are shown, but they could not be fetched again. */
  load: { type: "loading" } | { type: "ready" } | { type: "failed"; error: ApiError } | { type: "stale"; error: ApiError };
  connection: ConnectionState;
  liveness: Readonly<Liveness>;
  /** Unix ms; the oldest of hosts, agents and sessions. Undefined before all of them came. */
  fetchedAtMs: number | undefined;
  lastEvent: FleetEvent | undefined;
}

type Part = "hosts" | "agents" | "sessions" | "types" | "me";
const ALL: readonly Part[] = ["hosts", "agents", "sessions", "types", "me"];
/** What shows presence, load and activity. */
const MOVING = ["hosts", "agents", "sessions"] as const satisfies readonly Part[];

/** Several events of one action come together; one fetch serves them. */
const SETTLE_MS = 120;
/** With its five requests this stays far below the credential's 600 requests per minute. */
const REFETCH_EVERY_MS = 1_000;
/** Presence is computed when read: what has become stale, or is back after a restart of the server, shows without an event. */
const REFRESH_MS = 10_000;

export class FleetStore {
  readonly #connection: Connection;
  readonly #listeners = new Set<() => void>();
  readonly #hearers = new Set<(event: FleetEvent | undefined) => void>();
  readonly #interval: ReturnType<typeof setInterval>;
  readonly #abort = new AbortController();
  #view: FleetView = {
    hosts: [],
    agents: [],
    sessions: [],
    types: [],
    me: undefined,
    load: { type: "loading" },
    connection: { type: "connecting", attempt: 0 },
    liveness: neverHeard,
    fetchedAtMs: undefined,
    lastEvent: undefined,
  };
  #wanted = new Set<Part>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #fetching = false;
  #fetchedMs = 0;
  readonly #fetchedAt = new Map<Part, number>();
  #since: string | undefined;

  constructor() {
    this.refetch(ALL);
    this.#connection = new Connection({
      dial: () => feedTarget(this.#since),
      opened: () => this.#missed(),
      text: (data) => this.#frame(data),
      binary: () => undefined,
      changed: (connection) => this.#set({ connection, liveness: { ...this.#connection?.liveness } }),
    });
    const refresh = (): void => void (document.visibilityState === "visible" && this.refetch(MOVING));
    this.#interval = setInterval(refresh, REFRESH_MS);
    // Nothing was fetched while nobody looked.
    document.addEventListener("visibilitychange", refresh, { signal: this.#abort.signal });
  }

  readonly view = (): FleetView => this.#view;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Calls back with every event; with undefined when some may have been missed. */
  readonly onNews = (hearer: (event: FleetEvent | undefined) => void): (() => void) => {
    this.#hearers.add(hearer);
    return () => void this.#hearers.delete(hearer);
  };

  refetch(parts: readonly Part[] = ALL): void {
    for (const part of parts) this.#wanted.add(part);
    this.#schedule();
  }

  retry(): void {
    this.#connection.retry();
    this.refetch();
  }

  dispose(): void {
    this.#abort.abort();
    clearInterval(this.#interval);
    clearTimeout(this.#timer);
    this.#connection.close();
  }

  #frame(data: string): void {
    const frame = decodeFeed(data);
    if (frame === undefined) return;
    switch (frame.t) {
      case "hello":
        return;
      case "reset":
        this.#since = undefined;
        return this.#missed();
      case "event":
        this.#since = frame.event.id;
        this.#set({ lastEvent: frame.event });
        this.#tell(frame.event);
        return this.refetch(partsOf(frame.event.type));
    }
  }

  #missed(): void {
    this.refetch(ALL);
    this.#tell(undefined);
  }

  #tell(event: FleetEvent | undefined): void {
    for (const hearer of this.#hearers) hearer(event);
  }

  #schedule(): void {
    if (this.#fetching || this.#timer !== undefined || this.#wanted.size === 0) return;
    const wait = Math.max(SETTLE_MS, this.#fetchedMs + REFETCH_EVERY_MS - performance.now());
    const first = this.#view.load.type === "loading";
    this.#timer = setTimeout(() => void this.#fetch(), first ? 0 : wait); // failures become `load`
  }

  async #fetch(): Promise<void> {
    this.#timer = undefined;
    this.#fetching = true;
    const parts = [...this.#wanted];
    this.#wanted = new Set();
    const startedAtMs = Date.now();
    const changes = await Promise.all(parts.map((part) => fetchPart(part)));
    this.#fetching = false;
    this.#fetchedMs = performance.now();
    for (const [i, change] of changes.entries()) if (change.ok) this.#fetchedAt.set(parts[i] ?? "hosts", startedAtMs);
    const failed = changes.find((change) => !change.ok);
    const fetchedAtMs = this.#oldestFetch();
    const good: Partial<FleetView> = Object.assign({ fetchedAtMs }, ...changes.map((change) => (change.ok ? change.value : {})));
    if (failed === undefined || failed.ok) this.#set({ ...good, load: { type: "ready" } });
    else {
      const never = this.#view.load.type === "loading" || this.#view.load.type === "failed";
      this.#set({ ...good, load: { type: never ? "failed" : "stale", error: failed.error } });
      for (const [i, change] of changes.entries()) if (!change.ok) this.#wanted.add(parts[i] ?? "hosts");
    }
    if (failed === undefined) this.#schedule();
  }

  #oldestFetch(): number | undefined {
    const times = MOVING.flatMap((part) => this.#fetchedAt.get(part) ?? []);
    return times.length < MOVING.length ? undefined : Math.min(...times);
  }

  #set(change: Partial<FleetView>): void {
    this.#view = { ...this.#view, ...change };
    for (const listener of this.#listeners) listener();
  }
}

async function fetchPart(part: Part): Promise<Result<Partial<FleetView>, ApiError>> {
  switch (part) {
    case "hosts":
      return into(await callAll(ROUTES.hosts), (hosts) => ({ hosts }));
    case "agents":
      return into(await callAll(ROUTES.agents), (agents) => ({ agents }));
    case "sessions":
      return into(await callAll(ROUTES.sessions), (sessions) => ({ sessions }));
    case "types":
      return into(await callAll(ROUTES.agentTypes), (types) => ({ types }));
    case "me":
      return into(await call(ROUTES.me), (me) => ({ me }));
  }
}

const into = <T>(result: Result<T, ApiError>, wrap: (value: T) => Partial<FleetView>): Result<Partial<FleetView>, ApiError> =>
  result.ok ? { ok: true, value: wrap(result.value) } : result;

function partsOf(type: string): readonly Part[] {
  if (type.startsWith("host.")) return ["hosts", "sessions", "agents", "types"];
  if (type.startsWith("agent.")) return ["agents", "sessions"];
  if (type.startsWith("session.")) return ["sessions", "agents", "hosts"];
  return type === "types.changed" ? ["types"] : [];
}
