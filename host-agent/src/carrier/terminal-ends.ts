/** Terminals in a place of their own: what may be left of each is noted before it begins, and is ended there once it has ended here. */
import { maestroError } from "@maestro/shared/errors";
import type { SessionId } from "@maestro/shared/ids";
import type { SessionInfo } from "@maestro/shared/protocol/session";
import { err, ok, type Result } from "@maestro/shared/result";
import { stripUnsafe } from "@maestro/shared/sanitize";
import type { HolderKeeper } from "../daemon/holder-keeper.ts";
import type { Log } from "../daemon/log.ts";
import type { RemoteShell } from "./remote-shell.ts";
import type { TerminalFiles } from "./terminal-file.ts";
import { endScript, prepareScript, type RemoteProgram } from "./terminal-scripts.ts";
import { RUN_WHOLE, wholeScript } from "./whole-script.ts";

export interface TerminalEndsDeps {
  keeper: HolderKeeper;
  files: TerminalFiles;
  /** Of a container that was made for a workspace; undefined: of where everything else is. */
  shellOf(isolated: string | undefined): RemoteShell;
  /** Sets PATH there. */
  prelude: string;
  /** Files of it in the home of such a container, which does not run. */
  wipe(isolated: string, session: string): Promise<Result<void>>;
  log: Log;
  signal: AbortSignal;
}

const SHORT_MS = 30_000;
/** Of programs that hear a hang-up; a kill is waited for. */
const GRACE_SECONDS = 1.5;

export class TerminalEnds {
  readonly #deps: TerminalEndsDeps;
  /** What there is of them is still being made. */
  readonly #making = new Set<string>();
  /** Those, and others of which the holder's list may not tell yet. */
  readonly #opening = new Set<string>();
  readonly #ending = new Set<string>();

  constructor(deps: TerminalEndsDeps) {
    this.#deps = deps;
  }

  /** @param open notes it first; of what it cannot open nothing stays. */
  async opening(id: SessionId, open: () => Promise<Result<SessionInfo>>): Promise<Result<SessionInfo>> {
    if (this.#opening.has(id) || this.#deps.keeper.session(id) !== undefined)
      return err(maestroError("session_exists", `The session '${id}' is there already.`, { field: "id" }));
    this.#opening.add(id);
    this.#making.add(id);
    let opened: Result<SessionInfo> | undefined;
    try {
      opened = await open();
    } finally {
      this.#making.delete(id);
      if (opened?.ok !== true) this.#opening.delete(id);
    }
    // What cannot be removed now is swept away later.
    if (!opened.ok) await this.end(id, true);
    return opened;
  }

  /** Puts there what its terminal opens; answers whether that outlives its connection. */
  async prepare(
    isolated: string | undefined,
    program: RemoteProgram,
    keep: Parameters<typeof prepareScript>[1],
  ): Promise<Result<"lasting" | "bound">> {
    const prepared = await this.#run(isolated, prepareScript(program, keep));
    return prepared.ok ? parsePrepared(prepared.value) : prepared;
  }

  /** Every process of it there, and what is kept of it. */
  async end(session: string, force: boolean): Promise<Result<void>> {
    const { files, wipe } = this.#deps;
    // Only what was begun from here.
    if (!files.sessions().includes(session)) return ok(undefined);
    // It may begin all the same, and is to be found then. If it has been ended meanwhile, what is left of it is swept away.
    if (this.#making.has(session)) return ok(undefined);
    const { container, isolated } = files.note(session);
    const inside = isolated && container !== null ? container : undefined;
    this.#ending.add(session);
    const script = endScript(session, force ? 0 : GRACE_SECONDS, inside === undefined ? "session" : "all");
    let ended: Result<unknown> = await this.#run(inside, script);
    // Nothing runs in what does not run.
    if (!ended.ok && ended.error.code === "container_not_running" && inside !== undefined) ended = await wipe(inside, session);
    this.#ending.delete(session);
    if (!ended.ok) return ended;
    files.remove(session);
    return ok(undefined);
  }

  /** Of sessions that have ended here nothing stays there: their programs would run where nobody sees them. */
  async sweep(): Promise<void> {
    const { keeper, files, log, signal } = this.#deps;
    const noted = files.sessions();
    if (noted.length === 0) return;
    const holder = keeper.client();
    // Its own list: the keeper may not have heard of all of them yet.
    const listed = holder.ok ? await holder.value.list() : holder;
    if (!listed.ok) return;
    const known = new Map<string, SessionInfo["end"]>(listed.value.map(({ id, end }) => [id, end]));
    for (const session of noted) {
      if (known.has(session)) this.#opening.delete(session);
      const isAlive = known.has(session) && known.get(session) === undefined;
      if (signal.aborted || isAlive || this.#opening.has(session) || this.#ending.has(session)) continue;
      const ended = await this.end(session, false);
      if (!ended.ok && !signal.aborted)
        log.debug("what is left of a session there cannot be ended yet", { session, why: ended.error.detail });
      // Where one machine does not answer it does not for the next one; one that cannot be ended says nothing of others.
      if (!ended.ok && ended.error.code !== "remote_shell_broken" && !files.note(session).isolated) return;
    }
  }

  async #run(isolated: string | undefined, script: string): Promise<Result<string>> {
    const { shellOf, prelude, signal } = this.#deps;
    // Not as an argument: it holds an environment, and an engine keeps what it was asked to start.
    const stdin = wholeScript(`${prelude}\n${script}`);
    const ran = await shellOf(isolated).run(RUN_WHOLE, [], { stdin, deadlineMs: SHORT_MS, signal });
    if (!ran.ok) return ran;
    const { exit, stdout, stderr } = ran.value;
    if (exit.type === "exit" && exit.code === 0) return ok(Buffer.from(stdout).toString("utf8"));
    return err(
      maestroError("remote_shell_broken", `The remote shell did not do as it was told. ${stripUnsafe(stderr, 512)}`.trim(), {
        hint: "`maestro host check` tells what is wrong with it.",
      }),
    );
  }
}

/** Those of its script: any other would be about whoever asked, not about that machine. */
const REFUSALS = ["remote_directory_missing", "spawn_failed", "backend_unavailable", "state_unwritable"] as const;

function parsePrepared(text: string): Result<"lasting" | "bound"> {
  const line = text.trim().split("\n").at(-1) ?? "";
  const [word, first = "", field = "", ...detail] = line.split(" ");
  if (word === "ready" && (first === "lasting" || first === "bound")) return ok(first);
  return err(
    maestroError(
      REFUSALS.find((code) => code === first) ?? "spawn_failed",
      stripUnsafe(detail.join(" "), 1024) || "The terminal could not be prepared there.",
      { field: stripUnsafe(field, 64) },
    ),
  );
}
