/** Terminals in our own tmux server: they outlive the holder, with their screen and history. */
import { randomBytes } from "node:crypto";
import { err, ok, type Result } from "@maestro/shared/result";
import { maestroError } from "@maestro/shared/errors";
import type { LaunchPlan, Terminal, TerminalBackend, TerminalEvents } from "./backend.ts";
import { refuseSpawn } from "./spawn-refusal.ts";
import { commandLine } from "./tmux-escape.ts";
import { decodeMeta, encodeMeta, type TmuxMeta } from "./tmux-meta.ts";
import type { TmuxServer } from "./tmux-server.ts";
import { RUN_AND_MARK } from "./tmux-end-mark.ts";
import { TmuxReaper } from "./tmux-reaper.ts";
import { TmuxTerminal } from "./tmux-terminal.ts";

export interface TmuxFound {
  id: string;
  meta: TmuxMeta | undefined;
  createdMs: number;
}

export class TmuxBackend implements TerminalBackend {
  readonly kind = "tmux";
  readonly #server: TmuxServer;
  readonly #reaper = new TmuxReaper();

  constructor(server: TmuxServer) {
    this.#server = server;
  }

  /** The session is made with a placeholder whose program is then replaced: nothing is said before somebody listens. */
  async start(plan: LaunchPlan, events: TerminalEvents): Promise<Result<Terminal>> {
    const nonce = randomBytes(8).toString("hex");
    const attached = await this.#open(
      plan.id,
      nonce,
      ["new-session", "-s", plan.id, "-x", String(plan.cols), "-y", String(plan.rows), "-c", "/", "--", "cat"],
      events,
    );
    if (!attached.ok) return attached;
    const terminal = attached.value;
    const env = Object.entries(plan.env).flatMap(([name, value]) => ["-e", `${name}=${value}`]);
    const ready =
      (await terminal.command(["resize-window", "-x", String(plan.cols), "-y", String(plan.rows)])) &&
      (await terminal.command(["set", "@maestro", encodeMeta(metaOf(plan, nonce))])) &&
      (await terminal.command(["respawn-pane", "-k", ...env, "-c", plan.cwd, "--", "/bin/sh", "-c", RUN_AND_MARK, nonce, ...plan.argv]));
    if (ready) {
      await terminal.begin();
      return ok(terminal);
    }
    const said = terminal.said;
    await terminal.discard();
    return err(refuseSpawn(plan, new Error(`tmux said: ${said}`)));
  }

  /** Sessions of ours that live in the server, also those a dead holder left. */
  async found(): Promise<TmuxFound[]> {
    const listed = await this.#server.query(["list-sessions", "-F", "#{session_name} #{session_created} #{@maestro}"]);
    return (listed ?? "").split("\n").flatMap((line) => {
      const [id, created, meta] = line.split(" ");
      return id?.startsWith("ses_") === true ? [{ id, meta: decodeMeta(meta ?? ""), createdMs: Number(created) * 1_000 }] : [];
    });
  }

  /** Attaches to a session that is there; its screen comes as a restart. */
  async adopt({ id, meta }: TmuxFound, events: TerminalEvents): Promise<Result<Terminal>> {
    const attached = await this.#open(id, meta?.nonce ?? "", ["attach-session", "-t", `=${id}`], events);
    if (!attached.ok) return attached;
    await attached.value.restart();
    await attached.value.begin();
    return attached;
  }

  async #open(id: string, nonce: string, command: readonly string[], events: TerminalEvents): Promise<Result<TmuxTerminal>> {
    const terminal = new TmuxTerminal(this.#server, this.#reaper, id, nonce, events);
    if (await terminal.attach(command)) return ok(terminal);
    return err(
      maestroError("backend_unavailable", `tmux could not open the session: ${terminal.said.trim() || "no answer"}.`, {
        hint: "Ask for the pty backend, or look at `tmux -V`.",
      }),
    );
  }
}

const metaOf = ({ name, argv, cwd, createdMs, agent }: LaunchPlan, nonce: string): TmuxMeta => ({
  name,
  command: commandLine(argv).slice(0, 512),
  cwd,
  createdMs,
  nonce,
  ...(agent === undefined ? {} : { agent }),
});
