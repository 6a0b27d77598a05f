/** The holder: which sessions there are, how they come, change and go. Connections ask it; nothing here knows sockets. */
import { closeSync, openSync } from "node:fs";
import { maestroError } from "@maestro/shared/errors";
import { MAX_COLS, MAX_ROWS, MAX_SESSIONS_PER_HOST } from "@maestro/shared/limits";
import { err, ok, type Result } from "@maestro/shared/result";
import type { Backend } from "@maestro/shared/protocol/session";
import type { LaunchPlan, Terminal, TerminalBackend, TerminalEvents } from "./backend.ts";
import type { Clock } from "./clock.ts";
import { EPOCHS, HeldSession, type SessionFacts } from "./held-session.ts";
import type { CreateRequest, HolderCore } from "./holder-core.ts";
import { chooseName } from "./holder-names.ts";
import { planLaunch } from "./launch.ts";
import type { RegistryFile, StoredSession } from "./registry-file.ts";
import { RightOfWay } from "./right-of-way.ts";
import type { ScreenHost } from "./screen-host.ts";
import { descriptorsExhausted } from "./spawn-refusal.ts";
import type { HeldInfo, HolderFacts, HolderWarning, SessionsEvent } from "./types.ts";
import type { UserSessions } from "./user-tmux.ts";

const DAY_MS = 24 * 3_600_000;
/** Ended sessions that stay on the list. */
const MAX_ENDED = 50;
/** Changes of sessions are told together, after this time. */
const TELL_AFTER_MS = 50;
/** A session needs about this many descriptors; they are tried beforehand, so that nothing is half made. */
const DESCRIPTORS_PER_SESSION = 12;

export interface HolderParts {
  clock: Clock;
  screens: ScreenHost;
  ringBytes: number;
  env: Readonly<Record<string, string | undefined>>;
  /** By preference: `auto` takes the first. */
  backends: readonly TerminalBackend[];
  users: UserSessions;
  registry: RegistryFile;
  facts: Omit<HolderFacts, "version" | "warnings">;
  /** Warnings of the start, e.g. a corrupt registry. */
  warnings: readonly HolderWarning[];
  tell(event: SessionsEvent): void;
  report(what: string, cause: unknown): void;
  /** Called when asked to stop. */
  stopping(): void;
}

export class Holder implements HolderCore {
  readonly #parts: HolderParts;
  readonly #sessions = new Map<string, HeldSession>();
  /** Being started: their names and ids are taken. */
  readonly #starting = new Map<string, { name: string; host: string | undefined }>();
  readonly #changed = new Set<HeldSession>();
  readonly #removed = new Set<string>();
  readonly #rightOfWay = new RightOfWay();
  #telling = false;
  #userEpoch = 0;

  constructor(parts: HolderParts) {
    this.#parts = parts;
  }

  /** Sessions of ours with a program in them. */
  get living(): number {
    return (
      this.#starting.size +
      [...this.#sessions.values()].filter((session) => session.end === undefined && session.facts.backend !== "user-tmux").length
    );
  }

  find(id: string): HeldSession | undefined {
    return this.#sessions.get(id);
  }

  async list(): Promise<HeldInfo[]> {
    await this.refresh();
    return [...this.#sessions.values()].map((session) => session.info());
  }

  /** Looks at what nobody tells: the user's tmux, working directories, sessions that ended long ago. */
  async refresh(): Promise<void> {
    await this.#syncUserSessions();
    const moved = await Promise.all([...this.#sessions.values()].map(async (session) => ((await session.refreshCwd()) ? [session] : [])));
    for (const session of moved.flat()) this.#change(session);
    this.#prune();
  }

  async create(wanted: CreateRequest): Promise<Result<HeldInfo>> {
    // Chosen and taken in one go: nobody else comes in between.
    const request = { ...wanted, name: chooseName(wanted, this.#takenNames(wanted.remote?.host)) };
    const refusal = this.#refuseCreate(request);
    if (refusal !== undefined) return err(refusal);
    const backend =
      request.backend === "auto" ? this.#parts.backends[0] : this.#parts.backends.find(({ kind }) => kind === request.backend);
    if (backend === undefined) return err(noBackend(request.backend));
    const plan = planLaunch(request, { env: this.#parts.env, nowMs: this.#parts.clock.now() });
    if (!plan.ok) return plan;
    if (!descriptorsLeft(DESCRIPTORS_PER_SESSION)) return err(descriptorsExhausted(`starting '${request.name}'`));
    this.#starting.set(request.id, { name: request.name, host: request.remote?.host });
    try {
      return await this.#start(backend, plan.value, request);
    } finally {
      this.#starting.delete(request.id);
    }
  }

  async kill(id: string, force: boolean): Promise<Result<boolean>> {
    const session = this.#sessions.get(id);
    if (session === undefined) return err(notFound(id));
    if (session.facts.backend === "user-tmux") {
      return err(
        maestroError("session_foreign", `'${session.facts.name}' is the user's own tmux session; Maestro only shows it.`, {
          hint: "End it in tmux.",
        }),
      );
    }
    return ok(await session.kill(force));
  }

  forget(id: string): Result<boolean> {
    const session = this.#sessions.get(id);
    if (session === undefined) return err(notFound(id));
    if (session.end === undefined)
      return err(maestroError("session_exists", `'${session.facts.name}' still runs.`, { hint: "End it first." }));
    this.#remove(session);
    return ok(true);
  }

  resize(id: string, cols: number, rows: number): Result<{ cols: number; rows: number }> {
    const session = this.#sessions.get(id);
    if (session === undefined) return err(notFound(id));
    for (const [field, value, max] of [
      ["cols", cols, MAX_COLS],
      ["rows", rows, MAX_ROWS],
    ] as const) {
      if (!Number.isInteger(value) || value < 1 || value > max)
        return err(maestroError("size_out_of_range", `${field} is ${value}; 1 to ${max} are possible.`, { field }));
    }
    return session.resize(cols, rows);
  }

  facts(version: number): HolderFacts {
    const { facts, warnings, registry } = this.#parts;
    return { ...facts, version, warnings: registry.warning === undefined ? warnings : [...warnings, registry.warning] };
  }

  async stop(force: boolean): Promise<Result<{ stopping: boolean }>> {
    if (this.living > 0 && !force)
      return err(maestroError("session_exists", `${this.living} sessions still run.`, { hint: "End them, or force it." }));
    await Promise.all(
      [...this.#sessions.values()].filter(({ facts }) => facts.backend !== "user-tmux").map((session) => session.kill(false)),
    );
    this.#parts.stopping();
    return ok({ stopping: true });
  }

  report(what: string, cause: unknown): void {
    this.#parts.report(what, cause);
  }

  /** A session that was there before this holder: it ended with the last one, or goes on. */
  restore(info: HeldInfo, end: HeldInfo["end"]): HeldSession {
    const session = this.#make({ ...info, agent: info.agent });
    if (end !== undefined) session.endedBefore(end);
    this.#add(session);
    return session;
  }

  /** Puts a running terminal behind a restored session. */
  async adopt(info: HeldInfo, attach: (events: TerminalEvents) => Promise<Result<Terminal>>): Promise<void> {
    const session = this.restore(info, undefined);
    const terminal = await attach(session.events);
    if (terminal.ok) session.began(terminal.value);
    else session.ended({ reason: "server_lost" });
    this.#change(session);
  }

  /** For the registry file. */
  stored(): StoredSession[] {
    return [...this.#sessions.values()]
      .filter(({ facts }) => facts.backend !== "user-tmux")
      .map((session) => ({ info: session.info(), ...(session.leader === undefined ? {} : { leader: session.leader }) }));
  }

  async release(): Promise<void> {
    for (const session of this.#sessions.values()) session.release();
    await this.#parts.registry.flush();
  }

  async #start(
    backend: TerminalBackend,
    plan: LaunchPlan,
    { remote, shown }: Pick<CreateRequest, "remote" | "shown">,
  ): Promise<Result<HeldInfo>> {
    const { id, name, cols, rows, createdMs, agent, cwd } = plan;
    const session = this.#make({
      id,
      name,
      backend: backend.kind,
      command: remote?.command ?? shown ?? plan.argv.join(" ").slice(0, 512),
      agent,
      host: remote?.host,
      cwd: remote?.cwd ?? cwd,
      title: "",
      cols,
      rows,
      createdMs,
      lastActivityMs: createdMs,
      epoch: 1,
    });
    const started = await backend.start(plan, session.events);
    if (!started.ok) {
      session.dispose();
      return started;
    }
    session.began(started.value);
    this.#add(session);
    // Whoever is told that it exists may count on hearing how it ended, also after this holder's death.
    await this.#parts.registry.note();
    return ok(session.info());
  }

  #make(facts: SessionFacts): HeldSession {
    const { clock, screens, ringBytes } = this.#parts;
    return new HeldSession(
      { ...facts },
      { clock, screens, ringBytes, rightOfWay: this.#rightOfWay, changed: (session) => this.#change(session) },
    );
  }

  #add(session: HeldSession): void {
    this.#sessions.set(session.id, session);
    this.#removed.delete(session.id);
    this.#change(session);
  }

  #remove(session: HeldSession): void {
    this.#sessions.delete(session.id);
    // One of the user's that is gone: nothing may come of its terminal any more.
    session.release();
    session.dispose();
    this.#changed.delete(session);
    this.#removed.add(session.id);
    this.#schedule();
  }

  #change(session: HeldSession): void {
    // Not on the list yet: its maker tells.
    if (this.#sessions.get(session.id) !== session) return;
    this.#changed.add(session);
    this.#schedule();
  }

  #schedule(): void {
    this.#parts.registry.changed();
    if (this.#telling) return;
    this.#telling = true;
    this.#parts.clock.after(TELL_AFTER_MS, () => {
      this.#telling = false;
      const event = { upsert: [...this.#changed].map((session) => session.info()), removed: [...this.#removed] };
      this.#changed.clear();
      this.#removed.clear();
      this.#parts.tell(event);
    });
  }

  #refuseCreate({ id, name, remote }: CreateRequest): ReturnType<typeof maestroError> | undefined {
    if (this.#sessions.has(id) || this.#starting.has(id))
      return maestroError("session_exists", `The session '${id}' is there already.`, { field: "id" });
    if (this.#takenNames(remote?.host).has(name))
      return maestroError("session_exists", `A session named '${name}' runs on this host.`, {
        field: "name",
        hint: "Choose another name, or attach to it.",
      });
    if (this.living >= MAX_SESSIONS_PER_HOST)
      return maestroError("session_limit", `${MAX_SESSIONS_PER_HOST} sessions run on this host; no more are taken.`, { hint: "End some." });
    return undefined;
  }

  /** Names are of a machine: this one, or a remote host. */
  #takenNames(host: string | undefined): Set<string> {
    const living = [...this.#sessions.values()].filter(({ end }) => end === undefined).map(({ facts }) => facts);
    return new Set([...living, ...this.#starting.values()].filter((one) => one.host === host).map(({ name }) => name));
  }

  async #syncUserSessions(): Promise<void> {
    const { askedMs, sessions } = await this.#parts.users.list();
    const found = new Map(sessions.map((session) => [session.id, session]));
    for (const session of this.#sessions.values()) {
      if (session.facts.backend !== "user-tmux") continue;
      const known = found.get(session.id);
      if (known === undefined) {
        // One that ended before somebody's eyes stays as long as they look.
        if (session.end === undefined || !session.watched) this.#remove(session);
      } else if (session.end === undefined) {
        found.delete(session.id);
        session.renew(known.facts);
      } else if (askedMs <= session.endedMs) {
        // The list is older than its end.
        found.delete(session.id);
      } else {
        // It was taken for ended and is there all the same: it begins anew.
        this.#remove(session);
      }
    }
    for (const { facts, open } of found.values()) {
      // Of one that was on the list before, the old offsets mean nothing.
      this.#userEpoch = (this.#userEpoch + 1) % EPOCHS;
      const session = this.#make({ ...facts, epoch: this.#userEpoch });
      session.began(open(session.events));
      this.#add(session);
    }
  }

  #prune(): void {
    const now = this.#parts.clock.now();
    const ended = [...this.#sessions.values()]
      .filter((session) => session.end !== undefined && !session.watched)
      .sort((a, b) => (b.end?.atMs ?? 0) - (a.end?.atMs ?? 0));
    for (const [index, session] of ended.entries()) {
      if (index >= MAX_ENDED || now - (session.end?.atMs ?? 0) > DAY_MS) this.#remove(session);
    }
  }
}

const notFound = (id: string): ReturnType<typeof maestroError> =>
  maestroError("session_not_found", `There is no session '${id}' on this host.`);

function noBackend(wanted: Backend | "auto"): ReturnType<typeof maestroError> {
  const hint = wanted === "tmux" ? "Install tmux, or ask for the pty backend." : "Install tmux.";
  return maestroError(
    "backend_unavailable",
    wanted === "auto" ? "Neither tmux nor PTYs are available on this host." : `The backend '${wanted}' is not available on this host.`,
    { hint },
  );
}

function descriptorsLeft(count: number): boolean {
  const opened: number[] = [];
  try {
    for (let i = 0; i < count; i++) opened.push(openSync("/dev/null", "r"));
    return true;
  } catch {
    return false;
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}
