/**
 * `--forward-agent`: which attempts there may use the ssh-agent of this host. Each has a session of its own there that sees it, and
 * a link to what that session sees; both are made anew when the line breaks, as long as the attempt lasts.
 */
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { STABLE_AFTER_MS } from "@maestro/shared/protocol/backoff";
import { err, ok, type Result } from "@maestro/shared/result";
import { stripUnsafe } from "@maestro/shared/sanitize";
import { pause, type Clock } from "../daemon/clock.ts";
import type { Log } from "../daemon/log.ts";
import { within } from "../transports/ssh/deadline.ts";
import type { OpenScript, RemoteShell } from "./remote-shell.ts";

export interface ShownAgents {
  /** Once; what breaks later is renewed until it is hidden. Errors: why it cannot be shown. */
  show(name: string, signal: AbortSignal): Promise<Result<void>>;
  /** As far as it can be, from now on until it is hidden: the attempt runs already. */
  keep(name: string, signal: AbortSignal): void;
  hide(name: string): void;
}

export interface ShownAgentsDeps {
  /** Opens a script that sees the agent. */
  open: RemoteShell["open"];
  /** `hand.sh`. */
  script: string;
  clock: Clock;
  timeScale: number;
  log: Log;
}

const ANSWER_MS = 30_000;
const AGAIN_MS = 1_000;
const AGAIN_MAX_MS = 30_000;
const MAX_ANSWER = 4096;

/** In a container, by `tailscale ssh`: nobody is shown one. */
export const noAgents: ShownAgents = {
  show: () => Promise.resolve(err(notThere("A container is shown no ssh-agent."))),
  keep: () => {},
  hide: () => {},
};

export function notThere(detail: string): MaestroError {
  return maestroError("forwarding_unsupported", detail, {
    field: "forwardAgent",
    hint: "It is forwarded to tasks on the machine itself, where that is reached by ssh. A task may be given a key as a secret instead: --secret",
  });
}

export function createShownAgents({ open, script, clock, timeScale, log }: ShownAgentsDeps): ShownAgents {
  const shown = new Map<string, { signal: AbortSignal; end(): void }>();

  async function once(name: string, how: "first" | "again", signal: AbortSignal): Promise<Result<OpenScript>> {
    const answer = Promise.withResolvers<string>();
    const stop = new AbortController();
    let text = "";
    const opened = await open(script, ["agent", name, how], {
      data(chunk) {
        text = (text + Buffer.from(chunk).toString("latin1")).slice(0, MAX_ANSWER);
        if (text.includes("\n")) answer.resolve(text.slice(0, text.indexOf("\n")));
      },
      signal: AbortSignal.any([signal, stop.signal]),
    });
    if (!opened.ok) return opened;
    const ended = opened.value.closed.then(
      (why) => why ?? maestroError("remote_shell_broken", "The session that was shown the ssh-agent ended."),
    );
    const said = await within(Promise.race([answer.promise, ended]), ANSWER_MS, { clock, signal });
    if (said.type === "done" && said.value === "shown") return opened;
    stop.abort();
    if (said.type !== "done") return err(maestroError("timeout", "The session that was shown the ssh-agent did not answer."));
    return err(typeof said.value === "string" ? refusal(said.value) : said.value);
  }

  async function renew(name: string, first: OpenScript | undefined, signal: AbortSignal): Promise<void> {
    let open = first;
    for (let failures = 0; !signal.aborted;) {
      if (open !== undefined) {
        const sinceMs = clock.monotonicMs();
        const why = await open.closed;
        if (signal.aborted) return;
        failures = clock.monotonicMs() - sinceMs >= STABLE_AFTER_MS * timeScale ? 0 : failures + 1;
        log.info("an ssh-agent is not to be seen on a remote host for a moment", { name, why: why?.detail ?? "its session ended" });
      }
      await pause(clock, Math.min(AGAIN_MAX_MS, AGAIN_MS * 2 ** Math.min(failures, 5)) * timeScale, signal);
      if (signal.aborted) return;
      const again = await once(name, "again", signal);
      open = again.ok ? again.value : undefined;
      if (again.ok) continue;
      if (failures <= 1) log.warn("an ssh-agent cannot be shown to a remote attempt", { name, why: again.error.detail });
      failures += 1;
    }
  }

  function begin(name: string, signal: AbortSignal): { signal: AbortSignal; end(): void } {
    const abort = new AbortController();
    const begun = { signal: AbortSignal.any([signal, abort.signal]), end: () => abort.abort() };
    shown.set(name, begun);
    return begun;
  }

  function end(name: string): void {
    shown.get(name)?.end();
    shown.delete(name);
  }

  return {
    async show(name, signal) {
      end(name);
      const begun = begin(name, signal);
      const opened = await once(name, "first", begun.signal);
      if (!opened.ok) {
        begun.end();
        return opened;
      }
      log.info("a remote attempt may use this machine's ssh-agent", { name });
      void renew(name, opened.value, begun.signal);
      return ok(undefined);
    },
    keep(name, signal) {
      if (shown.get(name)?.signal.aborted === false) return;
      void renew(name, undefined, begin(name, signal).signal);
    },
    hide: end,
  };
}

function refusal(answer: string): MaestroError {
  const [word, ...rest] = answer.split(" ");
  if (word === "none") return notThere("The server forwarded the ssh-agent, and the login shell there shows no socket of it.");
  return maestroError(
    "remote_shell_broken",
    `The ssh-agent cannot be shown there: ${stripUnsafe(rest.join(" "), 512) || "its session said nothing that is known"}.`,
  );
}
