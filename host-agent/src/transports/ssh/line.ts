/** The way to one target: a connection that is made when it is needed, kept a while, and shared in turns. */
import { err, ok, type Result } from "@maestro/shared/result";
import { STABLE_AFTER_MS } from "@maestro/shared/protocol/backoff";
import { noCancel, type Cancel } from "../../daemon/clock.ts";
import type { SshTarget } from "../ssh-target.ts";
import type { SshConnection } from "./connection.ts";
import { within } from "./deadline.ts";
import { gaveUp } from "./failures.ts";
import { HoldBack, type HoldBackDeps } from "./hold-back.ts";
import { Turns, type GiveBack } from "./turns.ts";

export interface LineDeps extends HoldBackDeps {
  dial(target: SshTarget, signal: AbortSignal): Promise<Result<SshConnection>>;
  /** Aborted, every connection is closed, and no other is made. */
  signal: AbortSignal;
}

/** sshd allows ten sessions on a connection (MaxSessions); what stays open must not keep out what is short. */
const SHORT_AT_ONCE = 4;
const LONG_AT_ONCE = 4;
const IDLE_MS = 5 * 60_000;
/** Above what any way through jump hosts takes: a dial has deadlines of its own. */
const DIAL_MS = 10 * 60_000;

type LineState =
  | { type: "none" }
  | { type: "dialling"; made: Promise<Result<SshConnection>> }
  | { type: "open"; connection: SshConnection; sinceMs: number };

export class Line {
  readonly #target: SshTarget;
  readonly #deps: LineDeps;
  readonly #onIdle: () => void;
  readonly #turns = { short: new Turns(SHORT_AT_ONCE), long: new Turns(LONG_AT_ONCE) };
  readonly #holdBack: HoldBack;
  #state: LineState = { type: "none" };
  #users = 0;
  #cancelIdle: Cancel = noCancel;
  #closing: Promise<void> = Promise.resolve();

  constructor(target: SshTarget, deps: LineDeps, onIdle: () => void) {
    this.#target = target;
    this.#deps = deps;
    this.#onIdle = onIdle;
    this.#holdBack = new HoldBack(deps);
    deps.signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  forgive(): void {
    this.#holdBack.forget();
  }

  /**
   * @param signal of the wait for its turn. @param work asked again where the server had no room for it.
   * @param over when the turn of what was begun ends.
   */
  async inTurn<T>(
    kind: "short" | "long",
    requester: string,
    signal: AbortSignal,
    work: (connection: SshConnection) => Promise<Result<T>>,
    over: (begun: T) => Promise<unknown>,
  ): Promise<Result<T>> {
    for (;;) {
      const taken = await this.#enter(kind, requester, signal);
      if (!taken.ok) return taken;
      const { connection, leave } = taken.value;
      const result = await work(connection).catch((cause: unknown) => {
        leave("returns");
        throw cause;
      });
      if (result.ok) {
        void over(result.value).then(() => leave("returns"));
        return result;
      }
      // Some servers allow fewer sessions than usual: then fewer are tried.
      const isFull = result.error.code === "session_limit" && this.#turns[kind].size > 1;
      leave(isFull ? "lessens" : "returns");
      if (!isFull) return result;
    }
  }

  async #enter(
    kind: "short" | "long",
    requester: string,
    signal: AbortSignal,
  ): Promise<Result<{ connection: SshConnection; leave: GiveBack }>> {
    const wanted = AbortSignal.any([signal, this.#deps.signal]);
    this.#users += 1;
    this.#cancelIdle();
    const giveBack = await this.#turns[kind].take(requester, wanted);
    const leave: GiveBack = (how) => {
      giveBack?.(how);
      this.#users -= 1;
      if (this.#users === 0) this.#awaitIdle();
    };
    const connected = giveBack === undefined ? err(gaveUp(this.#target)) : await this.#connect(wanted);
    if (connected.ok) return ok({ connection: connected.value, leave });
    leave("returns");
    return connected;
  }

  /** Those who come while it dials share the outcome. */
  async #connect(wanted: AbortSignal): Promise<Result<SshConnection>> {
    for (;;) {
      if (wanted.aborted) return err(gaveUp(this.#target));
      const state = this.#state;
      switch (state.type) {
        case "open":
          if (state.connection.lost === undefined) return ok(state.connection);
          this.#lost(state.connection);
          break;
        case "dialling": {
          const made = await within(state.made, DIAL_MS, { clock: this.#deps.clock, signal: wanted });
          if (made.type === "done" && !made.value.ok) return made.value;
          break;
        }
        case "none": {
          const held = await this.#holdBack.pass(wanted);
          if (held !== undefined) return err(held);
          if (this.#state.type === "none" && !wanted.aborted) this.#state = { type: "dialling", made: this.#dial() };
          break;
        }
      }
    }
  }

  async #dial(): Promise<Result<SshConnection>> {
    const { clock, dial, signal } = this.#deps;
    const made = await dial(this.#target, signal).catch((cause: unknown) => {
      this.#state = { type: "none" };
      throw cause;
    });
    if (made.ok) {
      this.#state = { type: "open", connection: made.value, sinceMs: clock.monotonicMs() };
      made.value.onLost(() => this.#lost(made.value));
      if (signal.aborted) void this.close();
      return made;
    }
    this.#holdBack.note(made.error);
    this.#state = { type: "none" };
    return made;
  }

  /** One that had been steady is made anew at once, others like one that could not be made. */
  #lost(connection: SshConnection): void {
    const state = this.#state;
    if (state.type !== "open" || state.connection !== connection) return;
    const { clock, timeScale } = this.#deps;
    const isSteady = clock.monotonicMs() - state.sinceMs >= STABLE_AFTER_MS * timeScale;
    if (isSteady || connection.lost === undefined) this.#holdBack.forget();
    else this.#holdBack.note(connection.lost);
    this.#state = { type: "none" };
    this.#closing = connection.close();
  }

  #awaitIdle(): void {
    this.#cancelIdle();
    if (this.#deps.signal.aborted) return;
    this.#cancelIdle = this.#deps.clock.after(IDLE_MS * this.#deps.timeScale, () => {
      this.#deps.signal.removeEventListener("abort", this.#onAbort);
      void this.close();
      this.#onIdle();
    });
  }

  /** Resolves once it is closed. */
  async close(): Promise<void> {
    this.#cancelIdle();
    const state = this.#state;
    switch (state.type) {
      case "none":
        break;
      case "dialling":
        await state.made;
        break;
      case "open":
        this.#state = { type: "none" };
        this.#closing = state.connection.close();
        break;
    }
    await this.#closing;
  }

  readonly #onAbort = (): void => void this.close();
}
