/** Opens and ends terminals of a remote host: what there is of each here and there. */
import { maestroError } from "@maestro/shared/errors";
import type { SessionId } from "@maestro/shared/ids";
import type { SessionInfo, Size } from "@maestro/shared/protocol/session";
import { err, ok, type Result } from "@maestro/shared/result";
import { stripUnsafe } from "@maestro/shared/sanitize";
import type { HolderKeeper } from "../daemon/holder-keeper.ts";
import type { Log } from "../daemon/log.ts";
import type { SshTarget } from "../transports/ssh-target.ts";
import type { RemoteShell } from "./remote-shell.ts";
import type { TerminalFiles } from "./terminal-file.ts";
import { endScript, prepareScript, type RemoteProgram } from "./terminal-scripts.ts";

export interface CarriedTerminalsDeps {
  host: { id: string; name: string };
  /** Of the machine, in which everything of it is; undefined: in none. */
  container: string | undefined;
  keeper: HolderKeeper;
  files: TerminalFiles;
  shell: RemoteShell;
  /** Sets PATH there. */
  prelude: string;
  sshTarget(): Promise<Result<SshTarget>>;
  hostKeysFile: string;
  /** argv that starts this program. */
  program: readonly string[];
  /** The daemon's own: an ssh-agent may be in it. */
  env: Readonly<Record<string, string | undefined>>;
  timeScale: number;
  log: Log;
  signal: AbortSignal;
}

export interface TerminalOrder extends Omit<RemoteProgram, "session"> {
  id: SessionId;
  name: string;
  orNumbered: string | undefined;
  agent: string | undefined;
  size: Size;
  backend: "auto" | "tmux" | "pty" | "echo";
}

const SHORT_MS = 30_000;
/** Of programs that hear a hang-up; a kill is waited for. */
const GRACE_SECONDS = 1.5;

export class CarriedTerminals {
  readonly #deps: CarriedTerminalsDeps;
  /** The keeper does not know of them yet. */
  readonly #opening = new Set<string>();
  readonly #ending = new Set<string>();

  constructor(deps: CarriedTerminalsDeps) {
    this.#deps = deps;
  }

  /** Nothing runs there before the holder has it. */
  async open(order: TerminalOrder): Promise<Result<SessionInfo>> {
    const { id } = order;
    if (this.#opening.has(id) || this.#deps.keeper.session(id) !== undefined)
      return err(maestroError("session_exists", `The session '${id}' is there already.`, { field: "id" }));
    this.#opening.add(id);
    const opened = await this.#open(order);
    if (!opened.ok) {
      this.#opening.delete(id);
      // What cannot be removed now is swept away later.
      await this.end(id, true);
    }
    return opened;
  }

  async #open({ id, name, orNumbered, agent, size, backend, ...program }: TerminalOrder): Promise<Result<SessionInfo>> {
    const { host, container, keeper, files, sshTarget, hostKeysFile, env, timeScale } = this.#deps;
    const holder = keeper.client();
    if (!holder.ok) return holder;
    if (backend === "echo")
      return err(maestroError("backend_unavailable", "The backend 'echo' is of linked hosts.", { hint: "Ask for tmux or pty." }));
    const target = await sshTarget();
    if (!target.ok) return target;
    const file = { session: id, host: host.name, target: target.value, hostKeysFile, container: container ?? null, timeScale };
    // From here on there may be something of it there.
    files.write({ ...file, lasting: false });
    const prepared = await this.#run(prepareScript({ session: id, ...program }, KEEP[backend]));
    if (!prepared.ok) return prepared;
    const answer = parsePrepared(prepared.value);
    if (!answer.ok) return answer;
    files.write({ ...file, lasting: answer.value === "lasting" });
    const agentSocket = env["SSH_AUTH_SOCK"];
    const made = await holder.value.create({
      id,
      name,
      orNumbered,
      argv: ["/bin/sh", "-c", RAW, "sh", ...this.#deps.program, "host", "terminal", files.path(id)],
      cwd: "/",
      env: agentSocket === undefined ? {} : { SSH_AUTH_SOCK: agentSocket },
      cols: size.cols,
      rows: size.rows,
      backend: "pty",
      ...(agent === undefined ? {} : { agent }),
      remote: { host: host.id, cwd: program.cwd, command: program.argv.join(" ").slice(0, 512) },
    });
    if (!made.ok) return made;
    const { host: held, ...session } = made.value;
    if (held === host.id) return ok(session);
    await holder.value.kill(id, true);
    await holder.value.forget(id);
    return err(
      maestroError("backend_unavailable", "The process that holds this machine's terminals is of an older version.", {
        hint: "It is replaced once its sessions have ended.",
      }),
    );
  }

  /** Every process of it there, and what is kept of it. */
  async end(session: string, force: boolean): Promise<Result<void>> {
    const { files } = this.#deps;
    // Only what was begun from here.
    if (!files.sessions().includes(session)) return ok(undefined);
    this.#ending.add(session);
    const ended = await this.#run(endScript(session, force ? 0 : GRACE_SECONDS));
    this.#ending.delete(session);
    if (!ended.ok) return ended;
    files.remove(session);
    return ok(undefined);
  }

  /** Of sessions that have ended here nothing stays there: their programs would run where nobody sees them. */
  async sweep(): Promise<void> {
    const { keeper, files, log, signal } = this.#deps;
    if (!keeper.client().ok) return;
    for (const session of files.sessions()) {
      const known = keeper.session(session);
      if (known !== undefined) this.#opening.delete(session);
      if (this.#opening.has(session) || this.#ending.has(session) || (known !== undefined && known.end === undefined)) continue;
      const ended = await this.end(session, false);
      if (ended.ok) continue;
      if (!signal.aborted) log.debug("what is left of a session there cannot be ended yet", { session, why: ended.error.detail });
      return;
    }
  }

  async #run(script: string): Promise<Result<string>> {
    const { shell, prelude, signal } = this.#deps;
    const ran = await shell.run(`${prelude}\n${script}`, [], { deadlineMs: SHORT_MS, signal });
    if (!ran.ok) return ran;
    const { exit, stdout, stderr } = ran.value;
    if (exit.type === "exit" && exit.code === 0) return ok(Buffer.from(stdout).toString("utf8"));
    return err(
      maestroError("remote_shell_broken", `The remote shell did not do as it was told. ${stderr.slice(0, 512)}`.trim(), {
        hint: "`maestro host check` tells what is wrong with it.",
      }),
    );
  }
}

/** Before anything is typed; node's own raw mode leaves newlines to be made two characters of. */
const RAW = 'stty raw -echo; exec "$@"';
const KEEP = { auto: "may", tmux: "must", pty: "never" } as const;

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
