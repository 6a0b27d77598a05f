/** The program of a remote host's session, on a PTY of this machine's holder: an ssh client that comes back when its connection breaks. */
import type { Readable } from "node:stream";
import type { ClientChannel } from "ssh2";
import { redialDelayMs } from "@maestro/shared/protocol/backoff";
import { ok, type Result } from "@maestro/shared/result";
import { pause, type Clock } from "../daemon/clock.ts";
import { dial } from "../transports/ssh/dial.ts";
import type { SshConnection } from "../transports/ssh/connection.ts";
import { RemoteProcess, type RemoteEnd } from "../transports/ssh/process.ts";
import { EndMark } from "./terminal-end.ts";
import type { TerminalFile } from "./terminal-file.ts";
import type { TerminalScreen } from "./terminal-screen.ts";
import { openCommand } from "./terminal-open.ts";

export interface TerminalClientDeps {
  file: TerminalFile;
  screen: TerminalScreen;
  /** What is typed; ends when the terminal goes away. */
  typed: Readable;
  env: Readonly<Record<string, string | undefined>>;
  clock: Clock;
  random(): number;
}

/** Where nobody knows how the program ended: as ssh does. */
const UNKNOWN_EXIT = 255;
const TERM = "xterm-256color";
/** Signals by number, for the exit code that a shell would give. */
const SIGNALS: Readonly<Record<string, number>> = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  ILL: 4,
  ABRT: 6,
  FPE: 8,
  KILL: 9,
  SEGV: 11,
  PIPE: 13,
  TERM: 15,
};

interface Sitting {
  process: RemoteProcess;
  channel: ClientChannel;
  connection: SshConnection;
}

export class TerminalClient {
  readonly #deps: TerminalClientDeps;
  readonly #mark: EndMark;
  readonly #stop = new AbortController();
  readonly #seated = Promise.withResolvers<void>();
  #sitting: Sitting | undefined;

  constructor(deps: TerminalClientDeps) {
    this.#deps = deps;
    this.#mark = new EndMark(deps.file.session);
  }

  /** Answers the exit code of the program there. */
  async run(): Promise<number> {
    const { screen } = this.#deps;
    screen.onResize(() => this.#fit());
    void this.#type();
    return this.#deps.file.lasting ? this.#stay() : this.#once();
  }

  async #once(): Promise<number> {
    const { screen, file } = this.#deps;
    const end = await this.#sit();
    if (!end.ok) {
      await screen.say(`${file.host} cannot be reached: ${end.error.detail}`);
      return UNKNOWN_EXIT;
    }
    switch (end.value.type) {
      case "exited":
        return end.value.code;
      case "signalled":
        return 128 + (SIGNALS[end.value.signal] ?? 127);
      case "lost":
        await screen.say(`The connection to ${file.host} is lost, and the program with it. Where tmux is installed, programs go on.`);
        return UNKNOWN_EXIT;
    }
  }

  async #stay(): Promise<number> {
    const { screen, file, clock, random } = this.#deps;
    let said = "";
    for (let attempt = 0; ; attempt++) {
      const end = await this.#sit();
      const over = this.#mark.end;
      if (over !== undefined) {
        if (over.type === "exited") return over.code;
        // The command line has said so.
        if (over.type === "stopped") return UNKNOWN_EXIT;
        await screen.say(`The program is gone from ${file.host}, and how it ended is not known. Was that machine started anew?`);
        return UNKNOWN_EXIT;
      }
      // It was there: what comes now is another outage.
      if (end.ok) [attempt, said] = [0, ""];
      const why = end.ok ? "lost" : end.error.code;
      if (said === "")
        await screen.say(`The connection to ${file.host} is lost. The program there goes on, and is shown again once it is back.`);
      if (!end.ok && why !== said) await screen.say(end.error.detail);
      said = why;
      await pause(clock, redialDelayMs(attempt, random(), file.timeScale), this.#stop.signal);
    }
  }

  /** From a connection to its end. */
  async #sit(): Promise<Result<RemoteEnd>> {
    const { file, env, clock, screen } = this.#deps;
    const { signal } = this.#stop;
    const dialled = await dial(file.target, { hostKeysFile: file.hostKeysFile, env, clock, signal, accept: undefined, observe: () => {} });
    if (!dialled.ok) return dialled;
    await using connection = dialled.value;
    const opened = await connection.runOnTerminal(openCommand(file.session, file.container ?? undefined), screen.size, TERM, signal);
    if (!opened.ok) return opened;
    const channel = opened.value;
    const ended = Promise.withResolvers<void>();
    const process: RemoteProcess = new RemoteProcess(
      connection,
      channel,
      {
        stdout: (chunk) => {
          const shown = file.lasting ? this.#mark.push(chunk) : chunk;
          if (this.#mark.end !== undefined) ended.resolve();
          return shown.length === 0 ? undefined : screen.write(shown);
        },
        stderr: (chunk) => void screen.write(chunk),
      },
      clock,
    );
    this.#sitting = { process, channel, connection };
    this.#seated.resolve();
    // It may have been made larger meanwhile.
    this.#fit();
    const end = await Promise.race([process.ended, ended.promise]);
    this.#sitting = undefined;
    this.#mark.restart();
    // What came is shown before anything of ours.
    await screen.write(new Uint8Array(0));
    return ok(end ?? { type: "exited", code: 0 });
  }

  #fit(): void {
    const { cols, rows } = this.#deps.screen.size;
    this.#sitting?.channel.setWindow(rows, cols, 0, 0);
  }

  /** What is typed at first waits; later, while there is no connection, it goes to nobody: it was meant for a screen that is not there. */
  async #type(): Promise<void> {
    const { typed } = this.#deps;
    await this.#seated.promise;
    // The terminal goes away: so does this process, by its signal.
    typed.on("error", () => {});
    // By events: each turn that a key waits for is felt.
    typed.on("data", (bytes: Buffer) => {
      const sitting = this.#sitting;
      if (sitting === undefined || sitting.channel.write(bytes)) return;
      typed.pause();
      const goOn = (): void => void typed.resume();
      sitting.channel.once("drain", goOn);
      void sitting.process.ended.then(goOn);
    });
  }
}
