/** Opens and ends terminals of a remote host: what there is of each here and there. */
import { maestroError } from "@maestro/shared/errors";
import type { SessionId } from "@maestro/shared/ids";
import type { SessionInfo, Size } from "@maestro/shared/protocol/session";
import { err, ok, type Result } from "@maestro/shared/result";
import type { Late } from "../daemon/start-late.ts";
import type { SshTarget } from "../transports/ssh-target.ts";
import type { RemoteProgram } from "./terminal-scripts.ts";
import { TerminalEnds, type TerminalEndsDeps } from "./terminal-ends.ts";

export interface CarriedTerminalsDeps extends TerminalEndsDeps {
  host: { id: string; name: string };
  /** Of the machine, in which everything of it is; undefined: in none. */
  container: string | undefined;
  sshTarget(): Promise<Result<SshTarget>>;
  hostKeysFile: string;
  /** argv that starts this program. */
  program: readonly string[];
  /** The daemon's own: an ssh-agent may be in it. */
  env: Readonly<Record<string, string | undefined>>;
  timeScale: number;
}

export interface TerminalOrder extends Omit<RemoteProgram, "session"> {
  id: SessionId;
  name: string;
  orNumbered: string | undefined;
  agent: string | undefined;
  size: Size;
  backend: "auto" | "tmux" | "pty" | "echo";
  /** One that was made for its workspace. */
  isolated?: string | undefined;
  /** Of an agent. */
  late?: Late | undefined;
}

export class CarriedTerminals {
  readonly #deps: CarriedTerminalsDeps;
  readonly #ends: TerminalEnds;

  constructor(deps: CarriedTerminalsDeps) {
    this.#deps = deps;
    this.#ends = new TerminalEnds(deps);
  }

  /** Before anything is made for it. */
  async way({ backend }: Pick<TerminalOrder, "backend">): Promise<Result<SshTarget>> {
    return backend === "echo"
      ? err(maestroError("backend_unavailable", "The backend 'echo' is of linked hosts.", { hint: "Ask for tmux or pty." }))
      : this.#deps.sshTarget();
  }

  /** Nothing runs there before the holder has it. */
  open(order: TerminalOrder): Promise<Result<SessionInfo>> {
    return this.#ends.opening(order.id, () => this.#open(order));
  }

  async #open({ id, name, orNumbered, agent, size, backend, isolated, late, ...program }: TerminalOrder): Promise<Result<SessionInfo>> {
    const { host, container, keeper, files, hostKeysFile, env, timeScale } = this.#deps;
    const holder = keeper.client();
    if (!holder.ok) return holder;
    const target = await this.way({ backend });
    if (!target.ok) return target;
    const where = { container: isolated ?? container ?? null, isolated: isolated !== undefined };
    const file = { session: id, ...where, host: host.name, target: target.value, hostKeysFile, timeScale };
    // From here on there may be something of it there.
    files.write({ ...file, lasting: false });
    const prepared = await this.#ends.prepare(isolated, { session: id, ...program }, backend === "echo" ? "never" : KEEP[backend]);
    if (!prepared.ok) return prepared;
    const over = late?.();
    if (over !== undefined) return err(over);
    files.write({ ...file, lasting: prepared.value === "lasting" });
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
  end(session: string, force: boolean): Promise<Result<void>> {
    return this.#ends.end(session, force);
  }

  sweep(): Promise<void> {
    return this.#ends.sweep();
  }
}

/** Before anything is typed; node's own raw mode leaves newlines to be made two characters of. */
const RAW = 'stty raw -echo; exec "$@"';
const KEEP = { auto: "may", tmux: "must", pty: "never" } as const;
