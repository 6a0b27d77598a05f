/** One process on a remote host: bytes both ways with back-pressure, and how it ended, if anybody knows. */
import type { ClientChannel } from "ssh2";
import type { MaestroError } from "@maestro/shared/errors";
import { noCancel, type Cancel, type Clock } from "../../daemon/clock.ts";
import { within } from "./deadline.ts";
import { endOf, knownEnd, type KnownEnd } from "./early-exit.ts";
import { lost } from "./failures.ts";
import type { SshConnection } from "./connection.ts";

export type RemoteEnd =
  | KnownEnd
  /** The connection, or our wish: what became of it there is not known. Never a success. */
  | { type: "lost"; error: MaestroError };

export interface Sinks {
  /** Nothing more is read until the promise is done: the other side then waits. */
  stdout(chunk: Buffer): Promise<void> | void;
  stderr(chunk: Buffer): void;
}

/** What a process said comes soon after its end; what its children still say, nobody waits for (F34). */
const QUIET_MS = 300;

/** After which a server that was asked to send a signal has not done so. */
const SIGNAL_TIME_MS = 500;
const KILL_TIME_MS = 5_000;

const UNTOLD = "the server closed the channel and said nothing of the process";

export class RemoteProcess {
  /** Never rejects. Everything of stdout has been taken by then. */
  readonly ended: Promise<RemoteEnd>;
  /** There, of the shell that runs the script; known once that has begun. */
  pid: number | undefined;
  readonly #connection: SshConnection;
  readonly #channel: ClientChannel;
  readonly #clock: Clock;
  readonly #settle: (end: RemoteEnd) => void;
  #exit: KnownEnd | undefined;
  #over = false;
  #taking: Promise<void> = Promise.resolve();
  #cancelQuiet: Cancel = noCancel;

  constructor(connection: SshConnection, channel: ClientChannel, sinks: Sinks, clock: Clock) {
    this.#connection = connection;
    this.#channel = channel;
    this.#clock = clock;
    const { promise, resolve } = Promise.withResolvers<RemoteEnd>();
    this.ended = promise;
    const forget = connection.onLost((error) => this.#finish(this.#exit ?? { type: "lost", error }));
    this.#settle = (end) => {
      forget();
      resolve(end);
    };
    channel.on("error", () => {});
    channel.stderr.on("error", () => {});
    channel.on("data", (chunk: Buffer) => this.#take(chunk, sinks));
    channel.stderr.on("data", (chunk: Buffer) => sinks.stderr(chunk));
    const exited = (end: KnownEnd) => {
      this.#exit = end;
      this.#awaitQuiet(end);
    };
    channel.once("exit", (code: number | null, signal?: string) => exited(endOf(code, signal)));
    const early = knownEnd(channel);
    if (early !== undefined) exited(early);
    channel.on("close", () => this.#finish(this.#exit ?? { type: "lost", error: lost(connection.target, UNTOLD) }));
  }

  /** False: it takes no more. Wait for it before the next. */
  async write(bytes: Uint8Array): Promise<boolean> {
    if (this.#over || !this.#channel.writable) return false;
    const written = new Promise<boolean>((resolve) =>
      this.#channel.write(bytes, (cause) => resolve(cause === undefined || cause === null)),
    );
    // A channel that closes while it is full never says so.
    return Promise.race([written, this.ended.then(() => false)]);
  }

  /** Its stdin ends. */
  end(): void {
    if (!this.#over) this.#channel.end();
  }

  /** It and its process group, KILLed; then nobody waits for it any more. */
  kill(why: MaestroError): void {
    if (this.#over) return;
    const channel = this.#channel;
    const seen = new Promise<void>((resolve) => channel.once("exit", () => resolve()).once("close", () => resolve()));
    channel.signal("KILL");
    this.#settleAs({ type: "lost", error: why });
    void this.#killByHand(seen).finally(() => channel.close());
  }

  /** Servers before OpenSSH 7.9, and every one where root logs in, send no signals for us. */
  async #killByHand(seen: Promise<void>): Promise<void> {
    const limits = { clock: this.#clock, signal: new AbortController().signal };
    const waited = await within(seen, SIGNAL_TIME_MS, limits);
    if (waited.type === "done" || this.pid === undefined || this.#connection.lost !== undefined) return;
    const ran = await this.#connection.run(`exec /bin/sh -c 'kill -KILL -${this.pid} || kill -KILL ${this.pid}'`, false, limits.signal);
    if (!ran.ok) return;
    const ended = new Promise<void>((resolve) => ran.value.once("close", () => resolve()));
    ran.value.resume().stderr.resume();
    await within(ended, KILL_TIME_MS, limits);
    ran.value.close();
  }

  #take(chunk: Buffer, sinks: Sinks): void {
    if (this.#over) return;
    if (this.#exit !== undefined) this.#awaitQuiet(this.#exit);
    const took = sinks.stdout(chunk);
    if (took === undefined) return;
    this.#channel.pause();
    this.#taking = took.then(
      () => void this.#channel.resume(),
      () => this.kill(lost(this.#connection.target, "what it said could not be taken here")),
    );
  }

  #awaitQuiet(exit: RemoteEnd): void {
    this.#cancelQuiet();
    this.#cancelQuiet = this.#clock.after(QUIET_MS, () => {
      // Whoever takes its time has not heard all yet.
      if (this.#channel.isPaused()) this.#awaitQuiet(exit);
      else this.#finish(exit);
    });
  }

  #finish(end: RemoteEnd): void {
    if (this.#over) return;
    this.#settleAs(end);
    this.#channel.close();
  }

  #settleAs(end: RemoteEnd): void {
    this.#over = true;
    this.#cancelQuiet();
    // What was read is taken before the end is told; what comes after it is nobody's.
    this.#channel.resume();
    void this.#taking.then(() => this.#settle(end));
  }
}
