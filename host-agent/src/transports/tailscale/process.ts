/** One `tailscale ssh` that carries one script: bytes both ways with back-pressure, and how the script ended, if it said so. */
import { spawn, type ChildProcess } from "node:child_process";
import type { MaestroError } from "@maestro/shared/errors";
import { noCancel, type Cancel, type Clock } from "../../daemon/clock.ts";
import { AfterMark } from "../ssh/after-mark.ts";
import { INCOMPLETE_EXIT } from "../ssh/bootstrap.ts";
import type { RemoteEnd, Sinks } from "../ssh/process.ts";
import { passedEnv, type Env } from "./client.ts";
import { EndMark } from "./end-mark.ts";
import { cannotStart, endedEarly, incomplete, lostOnTheWay, notBegun } from "./failures.ts";
import type { TailscaleWay } from "./way.ts";

export interface CarriedScript {
  /** For the login shell there: fixed but for a length and random marks. */
  command: string;
  mark: Buffer;
  endNonce: string;
}

/** What a script said comes soon after its end; what its children still say, nobody waits for (F34). */
const QUIET_MS = 300;
const KILL_TIME_MS = 5_000;
/** By a signal, of tailscale, of ssh; any other is of the login shell there. */
const CLIENTS_OWN: ReadonlySet<number | null> = new Set([null, 1, 255]);

export class TailscaleProcess {
  /** Never rejects. Everything of stdout has been taken by then. */
  readonly ended: Promise<RemoteEnd>;
  /** The script runs there, or never will. */
  readonly begun: Promise<void>;
  readonly #way: TailscaleWay;
  readonly #env: Env;
  readonly #clock: Clock;
  readonly #child: ChildProcess;
  readonly #out: AfterMark;
  readonly #errors: AfterMark;
  readonly #end: EndMark;
  readonly #settle: (end: RemoteEnd) => void;
  readonly #begin: () => void;
  #over = false;
  #taking: Promise<void> = Promise.resolve();
  #cancelQuiet: Cancel = noCancel;

  constructor(way: TailscaleWay, { command, mark, endNonce }: CarriedScript, sinks: Sinks, env: Env, clock: Clock) {
    this.#way = way;
    this.#env = env;
    this.#clock = clock;
    this.#out = new AfterMark(mark);
    this.#errors = new AfterMark(mark);
    this.#end = new EndMark(endNonce);
    const ended = Promise.withResolvers<RemoteEnd>();
    const begun = Promise.withResolvers<void>();
    this.ended = ended.promise;
    this.begun = begun.promise;
    this.#settle = ended.resolve;
    this.#begin = begun.resolve;
    this.#child = client(way, command, env);
    this.#child.stdin?.on("error", () => {});
    this.#child.stdout?.on("data", (chunk: Buffer) => this.#take(chunk, sinks));
    this.#child.stderr?.on("data", (chunk: Buffer) => this.#hear(chunk, sinks));
    this.#child.once("error", (cause) => this.#finish({ type: "lost", error: cannotStart(way, cause) }));
    this.#child.once("close", (code) => this.#finish(this.#told() ?? { type: "lost", error: this.#why(code) }));
  }

  /** There, of the shell that runs the script. */
  get pid(): number | undefined {
    return this.#out.pid;
  }

  /** What came before the script, for people: of rc files, of ssh and of Tailscale. */
  get noise(): string {
    return [this.#errors.noise, this.#out.noise].filter((text) => text !== "").join(" / ");
  }

  /** False: it takes no more. Wait for it before the next. */
  async write(bytes: Uint8Array): Promise<boolean> {
    const { stdin } = this.#child;
    if (this.#over || stdin === null || !stdin.writable) return false;
    const written = new Promise<boolean>((resolve) => stdin.write(bytes, (cause) => resolve(cause === undefined || cause === null)));
    return Promise.race([written, this.ended.then(() => false)]);
  }

  /** Its stdin ends. */
  end(): void {
    if (!this.#over) this.#child.stdin?.end();
  }

  /** The client here and the script's process group there; then nobody waits for them any more. */
  kill(why: MaestroError): void {
    if (this.#over) return;
    const { pid } = this;
    const told = this.#told();
    this.#finish({ type: "lost", error: why });
    if (pid !== undefined && told === undefined) this.#killThere(pid);
  }

  #killThere(pid: number): void {
    const killer = client(this.#way, `exec /bin/sh -c 'kill -KILL -${pid} || kill -KILL ${pid}'`, this.#env);
    const cancel = this.#clock.after(KILL_TIME_MS, () => killGroup(killer));
    killer.stdin?.on("error", () => {}).end();
    killer.stdout?.resume();
    killer.stderr?.resume();
    killer.once("error", cancel).once("close", cancel);
  }

  #take(chunk: Buffer, sinks: Sinks): void {
    if (this.#over) return;
    const rest = this.#out.push(chunk);
    if (this.#out.pid !== undefined) this.#begin();
    else if (this.#out.tooMuch) return this.kill(endedEarly(this.#way, this.noise));
    if (rest.length === 0) return;
    this.#awaitQuiet();
    const took = sinks.stdout(rest);
    if (took === undefined) return;
    this.#child.stdout?.pause();
    this.#taking = took.then(
      () => void this.#child.stdout?.resume(),
      () => this.kill(lostOnTheWay(this.#way, "what it said could not be taken here")),
    );
  }

  #hear(chunk: Buffer, sinks: Sinks): void {
    if (this.#over) return;
    const rest = this.#errors.push(chunk);
    if (rest.length === 0) return;
    this.#end.push(rest);
    this.#awaitQuiet();
    sinks.stderr(rest);
  }

  /** What the script wrote to its stderr, without how it ended. */
  get said(): string {
    return this.#end.text;
  }

  #told(): RemoteEnd | undefined {
    return this.#end.code === undefined ? undefined : { type: "exited", code: this.#end.code };
  }

  #why(code: number | null): MaestroError {
    if (this.pid === undefined) return CLIENTS_OWN.has(code) ? endedEarly(this.#way, this.noise) : notBegun(this.#way, this.noise);
    if (code === INCOMPLETE_EXIT && this.said.startsWith("maestro: incomplete")) return incomplete(this.#way);
    const said = this.said.trim();
    return lostOnTheWay(this.#way, said === "" ? `tailscale ssh ended with ${code ?? "a signal"}` : said.slice(-256));
  }

  /** Once the script has told its end; the client may wait on for those that it left. */
  #awaitQuiet(): void {
    if (this.#end.code === undefined) return;
    this.#cancelQuiet();
    this.#cancelQuiet = this.#clock.after(QUIET_MS, () => {
      const told = this.#told();
      if (told === undefined || this.#child.stdout?.isPaused() === true) this.#awaitQuiet();
      else this.#finish(told);
    });
  }

  #finish(end: RemoteEnd): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancelQuiet();
    killGroup(this.#child);
    // Whoever it left behind with its output open ends by that.
    for (const stream of [this.#child.stdin, this.#child.stdout, this.#child.stderr]) stream?.destroy();
    // What was read is taken before the end is told.
    void this.#taking.then(() => {
      this.#begin();
      this.#settle(end);
    });
  }
}

/** Its arguments are all that others see of it, and name nothing but the way and a fixed command. */
function client({ program, user, peer }: TailscaleWay, command: string, env: Env): ChildProcess {
  return spawn(program, ["ssh", `${user}@${peer.asked}`, command], {
    cwd: "/",
    env: passedEnv(env),
    stdio: ["pipe", "pipe", "pipe"],
    // A group of its own, and no terminal in which ssh could ask for anything.
    detached: true,
  });
}

function killGroup({ pid, exitCode, signalCode }: ChildProcess): void {
  // Once it has been waited for, the number may be another's.
  if (pid === undefined || exitCode !== null || signalCode !== null) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}
