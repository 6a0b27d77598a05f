/** An SSH connection that is authenticated, until it is closed or lost; what it carries ends with it at once. */
import type { Duplex } from "node:stream";
import type { Client, ClientChannel } from "ssh2";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import type { Size } from "@maestro/shared/protocol/session";
import { err, ok, type Result } from "@maestro/shared/result";
import type { Cancel, Clock } from "../../daemon/clock.ts";
import type { SshTarget } from "../ssh-target.ts";
import { within, type Limits, type Waited } from "./deadline.ts";
import { watchExit } from "./early-exit.ts";
import { gaveUp, lost, messageOf } from "./failures.ts";
import { placeOf, type SeenHostKey } from "./host-key.ts";

/** How long a server may take to open a channel, and to close the connection when asked to. */
const CHANNEL_DEADLINE_MS = 15_000;
const CLOSE_DEADLINE_MS = 1_000;

interface Parts {
  target: SshTarget;
  client: Client;
  /** The bytes below it: TCP, a channel of a jump host, a proxy command. */
  stream: Duplex;
  hostKey: SeenHostKey;
  /** The jump host's connection that carries this one, and ends with it. */
  below: SshConnection | undefined;
  clock: Clock;
}

export class SshConnection implements AsyncDisposable {
  readonly target: SshTarget;
  readonly hostKey: SeenHostKey;
  readonly #parts: Parts;
  readonly #onLost = new Set<(error: MaestroError) => void>();
  readonly #streamClosed: Promise<void>;
  #lost: MaestroError | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.target = parts.target;
    this.hostKey = parts.hostKey;
    this.#streamClosed = new Promise((resolve) => parts.stream.once("close", () => resolve()));
    // ssh2 tells of errors late as well, on sockets that have ended.
    parts.client.on("error", (cause) => this.#lose(messageOf(cause)));
    parts.client.once("close", () => this.#lose("it was closed from the other side"));
  }

  /** Why it is no more; undefined while it is. */
  get lost(): MaestroError | undefined {
    return this.#lost;
  }

  /** Calls once, at once if it is lost already; the answer takes it back. */
  onLost(call: (error: MaestroError) => void): Cancel {
    if (this.#lost !== undefined) {
      call(this.#lost);
      return () => {};
    }
    this.#onLost.add(call);
    return () => this.#onLost.delete(call);
  }

  /** Runs a command line in the user's login shell. Errors: `ssh_lost`, `ssh_timeout`, `ssh_protocol`, `remote_shell_broken`, `forwarding_unsupported`. */
  run(command: string, forwardAgent: boolean, signal: AbortSignal): Promise<Result<ClientChannel>> {
    // ssh2 knows `agentForward` here, its types do not.
    const options = { agentForward: forwardAgent, allowHalfOpen: true };
    return this.#open<ClientChannel>("session", (done) => this.#parts.client.exec(command, options, done), CHANNEL_DEADLINE_MS, {
      clock: this.#parts.clock,
      signal,
    });
  }

  /** The same on a terminal of the other side. Errors: as `run`. */
  runOnTerminal(command: string, { cols, rows }: Size, term: string, signal: AbortSignal): Promise<Result<ClientChannel>> {
    const options = { pty: { term, cols, rows, width: 0, height: 0 } };
    return this.#open<ClientChannel>("session", (done) => this.#parts.client.exec(command, options, done), CHANNEL_DEADLINE_MS, {
      clock: this.#parts.clock,
      signal,
    });
  }

  /** A TCP connection that the other side makes for us. Errors: `ssh_unreachable`, `ssh_timeout`, `ssh_lost`. */
  forward(host: string, port: number, deadlineMs: number, signal: AbortSignal): Promise<Result<ClientChannel>> {
    return this.#open<ClientChannel>("forward", (done) => this.#parts.client.forwardOut("127.0.0.1", 0, host, port, done), deadlineMs, {
      clock: this.#parts.clock,
      signal,
    });
  }

  /** Resolves once nothing of it is open any more. */
  async close(): Promise<void> {
    const { client, below, clock } = this.#parts;
    // Says goodbye, unless it is lost already: then it writes to nobody.
    client.end();
    this.#lose("it is closed here");
    await within(this.#streamClosed, CLOSE_DEADLINE_MS, { clock, signal: new AbortController().signal });
    await below?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #open<T extends ClientChannel>(
    kind: "session" | "forward",
    ask: (done: (cause: Error | undefined, channel: T) => void) => void,
    deadlineMs: number,
    limits: Limits,
  ): Promise<Result<T>> {
    if (this.#lost !== undefined) return err(this.#lost);
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    let wanted = true;
    const takeBack = this.onLost(() => reject(new Error("lost")));
    try {
      ask((cause, channel) => {
        if (cause !== undefined && cause !== null) return reject(cause);
        watchExit(channel);
        if (wanted) resolve(channel);
        else channel.close();
      });
      const waited: Waited<T> = await within(promise, deadlineMs, limits);
      switch (waited.type) {
        case "done":
          return ok(waited.value);
        case "deadline":
          return err(
            maestroError("ssh_timeout", `${placeOf(this.target)} opened no channel within ${deadlineMs / 1000} s.`, { field: "address" }),
          );
        case "aborted":
          return err(gaveUp(this.target));
      }
    } catch (cause) {
      return err(this.#lost ?? refusedChannel(this.target, kind, cause));
    } finally {
      wanted = false;
      takeBack();
    }
  }

  #lose(why: string): void {
    if (this.#lost !== undefined) return;
    this.#lost = lost(this.target, why);
    const listeners = [...this.#onLost];
    this.#onLost.clear();
    for (const call of listeners) call(this.#lost);
    this.#parts.stream.destroy();
  }
}

/** ssh2 gives the reason of RFC 4254, 5.1 as a number. */
function refusedChannel(target: SshTarget, kind: "session" | "forward", cause: unknown): MaestroError {
  const reason = cause instanceof Error && "reason" in cause ? cause.reason : undefined;
  const place = placeOf(target);
  const field = { field: "address" };
  // OpenSSH says it with either.
  if (kind === "session" && (reason === 1 || reason === 2 || reason === 4))
    return maestroError("session_limit", `${place} opens no further session on this connection: ${messageOf(cause)}.`, {
      ...field,
      hint: "MaxSessions of its sshd_config says how many; 10 are usual.",
    });
  if (reason === 1)
    return maestroError("policy_denied", `${place} does not allow what was asked of it: ${messageOf(cause)}.`, {
      ...field,
      hint: "See AllowTcpForwarding and PermitOpen of its sshd_config.",
    });
  if (reason === 2) return maestroError("ssh_unreachable", `${place} cannot connect any further: ${messageOf(cause)}.`, field);
  if (/agent forwarding/i.test(messageOf(cause)))
    return maestroError("forwarding_unsupported", `${place} lets no ssh-agent be used there.`, {
      field: "forwardAgent",
      hint: "See AllowAgentForwarding of its sshd_config.",
    });
  if (messageOf(cause).startsWith("Unable to exec"))
    return maestroError("remote_shell_broken", `${place} runs no commands for this user.`, {
      ...field,
      hint: "Its sshd or the user's shell forbids it.",
    });
  return maestroError("ssh_protocol", `${place} opened no channel: ${messageOf(cause)}.`, {
    ...field,
    hint: "See MaxSessions of its sshd_config.",
  });
}
