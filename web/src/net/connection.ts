/**
 * One WebSocket that comes back: `run` around a fallible dial. It knows liveness and redial; what the
 * frames mean belongs to its owner.
 */
import { PONG_TIMEOUT_MS } from "@maestro/shared/limits";
import { CLOSE, redialFor } from "@maestro/shared/protocol/close-codes";
import type { MaestroError } from "@maestro/shared/errors";
import type { Result } from "@maestro/shared/result";
import { consoleDelayMs, nextAttempt } from "./backoff.ts";
import { neverHeard, type Liveness } from "./liveness.ts";

export type ConnectionState =
  | { type: "connecting"; attempt: number }
  | { type: "open"; sinceMs: number }
  /** `untilMs`: when it is dialled again. */
  | { type: "waiting"; untilMs: number; why: string }
  /** Nothing happens before somebody asks for it: credential, right or session are gone. */
  | { type: "stopped"; why: MaestroError };

export interface ConnectionOwner {
  /** A fresh ticket and where to take it. A retryable error is dialled again, any other stops. */
  dial(): Promise<Result<{ url: string; protocols: string[] }>>;
  opened(): void;
  text(data: string): void;
  binary(data: Uint8Array): void;
  changed(state: ConnectionState): void;
}

/** Pings are answered by the platform without waking the object. Often while somebody looks, seldom otherwise. */
const PING_VISIBLE_MS = 5_000;
const PING_HIDDEN_MS = 20_000;
const DIAL_TIMEOUT_MS = 15_000;

export class Connection {
  state: ConnectionState = { type: "connecting", attempt: 0 };
  readonly liveness: Liveness = { ...neverHeard };
  readonly #owner: ConnectionOwner;
  readonly #abort = new AbortController();
  #socket: WebSocket | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pingSentMs: number | undefined;
  #attempt = 0;
  #supersededOnce = false;
  #refusedOnce = false;
  /** Answers of an older dial are ignored. */
  #generation = 0;

  constructor(owner: ConnectionOwner) {
    this.#owner = owner;
    const signal = this.#abort.signal;
    window.addEventListener("online", this.#nudge, { signal });
    document.addEventListener("visibilitychange", this.#visibility, { signal });
    void this.#dial(); // every outcome ends in #set
  }

  /** False when there is nowhere to send it; nothing is queued [CH6]. */
  send(data: string | Uint8Array<ArrayBuffer>): boolean {
    if (this.#socket?.readyState !== WebSocket.OPEN || this.state.type !== "open") return false;
    this.#socket.send(data);
    return true;
  }

  /** Dials now, whatever the wait. */
  retry(): void {
    if (this.state.type === "open" || this.state.type === "connecting") return;
    this.#attempt = 0;
    void this.#dial(); // every outcome ends in #set
  }

  /** Drops the socket and dials at once; the owner lost track of the stream. */
  redial(why: string): void {
    this.#lost(1006, why);
  }

  close(): void {
    this.#generation++;
    this.#abort.abort();
    clearTimeout(this.#timer);
    this.#socket?.close(1000, "done");
    this.#socket = undefined;
  }

  async #dial(): Promise<void> {
    const generation = ++this.#generation;
    clearTimeout(this.#timer);
    this.#set({ type: "connecting", attempt: this.#attempt });
    const target = await this.#owner.dial();
    if (generation !== this.#generation) return;
    if (!target.ok) {
      if (mayPass(target.error)) this.#wait(target.error.detail, 0);
      else this.#set({ type: "stopped", why: target.error });
      return;
    }
    const socket = new WebSocket(target.value.url, target.value.protocols);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#timer = setTimeout(() => this.#lost(1006, "The server did not answer in time."), DIAL_TIMEOUT_MS);
    const signal = this.#abort.signal;
    socket.addEventListener("open", () => generation === this.#generation && this.#opened(), { signal });
    socket.addEventListener("message", (event: MessageEvent<unknown>) => generation === this.#generation && this.#message(event.data), {
      signal,
    });
    socket.addEventListener("close", (event) => generation === this.#generation && this.#lost(event.code, event.reason), { signal });
  }

  #opened(): void {
    clearTimeout(this.#timer);
    this.#pingSentMs = undefined;
    this.#heard();
    this.#set({ type: "open", sinceMs: performance.now() });
    this.#owner.opened();
    this.#ping();
  }

  #message(data: unknown): void {
    this.#refusedOnce = false;
    this.#heard();
    if (typeof data !== "string") {
      if (data instanceof ArrayBuffer) this.#owner.binary(new Uint8Array(data));
      return;
    }
    if (data !== "pong") return this.#owner.text(data);
    if (this.#pingSentMs === undefined) return;
    this.liveness.roundTripMs = performance.now() - this.#pingSentMs;
    this.#pingSentMs = undefined;
    this.#owner.changed(this.state);
    this.#schedulePing();
  }

  #heard(): void {
    this.liveness.lastByteMs = performance.now();
    this.liveness.lastByteAtMs = Date.now();
  }

  #ping(): void {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    clearTimeout(this.#timer);
    this.#pingSentMs = performance.now();
    this.#socket.send("ping");
    this.#timer = setTimeout(() => this.#lost(1006, "No sign of life."), PONG_TIMEOUT_MS);
  }

  #schedulePing(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ping(), document.visibilityState === "visible" ? PING_VISIBLE_MS : PING_HIDDEN_MS);
  }

  #lost(code: number, reason: string): void {
    const openMs = this.state.type === "open" ? performance.now() - this.state.sinceMs : 0;
    this.#generation++;
    this.#socket?.close();
    this.#socket = undefined;
    clearTimeout(this.#timer);
    this.liveness.roundTripMs = undefined;
    if (code === CLOSE.credential && !this.#refusedOnce) {
      // Perhaps only this socket's credential is gone, because this browser signed in anew: the next ticket tells.
      this.#refusedOnce = true;
      return void this.#dial(); // every outcome ends in #set
    }
    const rule = redialFor(code);
    if (rule === "wait" || rule === "never" || (rule === "once" && this.#supersededOnce)) {
      return this.#set({ type: "stopped", why: whyStopped(code, reason) });
    }
    this.#supersededOnce = rule === "once";
    this.#wait(reason, openMs);
  }

  #wait(why: string, openMs: number): void {
    if (openMs > 0) this.#attempt = nextAttempt(this.#attempt, openMs);
    const delay = consoleDelayMs(this.#attempt, Math.random());
    if (openMs === 0) this.#attempt++;
    this.#set({ type: "waiting", untilMs: performance.now() + delay, why });
    this.#timer = setTimeout(() => void this.#dial(), delay); // every outcome ends in #set
  }

  readonly #nudge = (): void => {
    if (this.state.type === "waiting") this.retry();
  };

  readonly #visibility = (): void => {
    if (document.visibilityState !== "visible") return;
    if (this.state.type === "open" && this.#pingSentMs === undefined) this.#ping();
    else this.#nudge();
  };

  #set(state: ConnectionState): void {
    this.state = state;
    this.#owner.changed(state);
  }
}

/** A server that is away, restarting or busy comes back by itself; a refusal does not. */
function mayPass(error: MaestroError): boolean {
  return [
    "server_unreachable",
    "server_error",
    "internal",
    "rate_limited",
    "timeout",
    "host_unreachable",
    "audit_unavailable",
    "not_bootstrapped",
  ].includes(error.code);
}

function whyStopped(code: number, reason: string): MaestroError {
  if (code === 4401)
    return {
      code: "session_expired",
      detail: "This sign-in was ended or has expired.",
      hint: "Sign in again: run `maestro open` on the machine Maestro runs on.",
    };
  if (code === 4403) return { code: "role_insufficient", detail: "You may not watch this any more.", hint: "Ask an owner of the fleet." };
  if (code === 4404) return { code: "session_not_found", detail: "This session does not exist any more." };
  if (code === 4409) return { code: "superseded", detail: "Another connection of the same tab took over." };
  if (code === 4426) return { code: "upgrade_required", detail: "This page is older or newer than the server.", hint: "Reload the page." };
  return {
    code: "session_ended",
    detail: reason === "" ? "The server closed the connection." : `The server closed the connection: ${reason}.`,
  };
}
