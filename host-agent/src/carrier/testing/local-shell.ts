/** A far side that is a shell beside us, with a home of its own; its connections can be cut. */
import { spawn, type ChildProcess } from "node:child_process";
import { maestroError } from "@maestro/shared/errors";
import { err, ok } from "@maestro/shared/result";
import type { Ran, RemoteShell } from "../remote-shell.ts";

export class LocalShell implements RemoteShell {
  readonly #home: string;
  readonly #shell: readonly string[];
  readonly #open = new Set<ChildProcess>();
  /** The line is cut: nothing goes through. */
  down = false;
  /** Cuts it after the next script has begun and before its answer arrives. */
  cutNext = false;
  /** The command whose standard input does not come to its end. */
  stuckAt: string | undefined;

  constructor(home: string, shell: readonly string[] = ["/bin/sh"]) {
    this.#home = home;
    this.#shell = shell;
  }

  cut(): void {
    this.down = true;
    for (const child of this.#open) {
      child.stdin?.destroy();
      child.stdout?.destroy();
    }
  }

  get channels(): number {
    return this.#open.size;
  }

  run: RemoteShell["run"] = async (script, args, { stdin, signal }) => {
    if (this.down || signal.aborted) return lost();
    const child = this.#spawn(script, args);
    const out: Buffer[] = [];
    let stderr = "";
    child.stdout?.on("data", (chunk: Buffer) => void out.push(chunk));
    child.stderr?.on("data", (chunk: Buffer) => void (stderr += chunk.toString()));
    child.stdin?.on("error", () => {});
    if (args[0] === this.stuckAt) child.stdin?.write(Buffer.from(stdin ?? "").subarray(0, -1));
    else child.stdin?.end(stdin ?? "");
    const giveUp = (): void => void child.stdin?.destroy();
    signal.addEventListener("abort", giveUp, { once: true });
    const exit = await new Promise<Ran["exit"]>((resolve) => {
      child.once("close", (code, signal) => resolve(signal === null ? { type: "exit", code: code ?? 0 } : { type: "signal", signal }));
    });
    signal.removeEventListener("abort", giveUp);
    if (this.cutNext) {
      this.cutNext = false;
      return lost();
    }
    return this.down || signal.aborted ? lost() : ok({ exit, stdout: Buffer.concat(out), stderr });
  };

  open: RemoteShell["open"] = async (script, args, { data, signal }) => {
    if (this.down) return lost();
    const child = this.#spawn(script, args);
    child.stdout?.on("data", data);
    child.stdin?.on("error", () => {});
    signal.addEventListener("abort", () => child.stdin?.destroy(), { once: true });
    return ok({
      write: (text) => void child.stdin?.write(text),
      close: () => void child.stdin?.end(),
      closed: new Promise((resolve) => {
        child.stdout?.once("close", () => resolve(this.down ? maestroError("host_unreachable", "The line was cut.") : undefined));
      }),
    });
  };

  #spawn(script: string, args: readonly string[]): ChildProcess {
    const [file = "", ...before] = this.#shell;
    const child = spawn(file, [...before, "-c", script, "hand", ...args], {
      env: { HOME: this.#home, PATH: process.env["PATH"], LC_ALL: "C" },
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#open.add(child);
    child.once("exit", () => this.#open.delete(child));
    return child;
  }
}

const lost = () => err(maestroError("host_unreachable", "The line was cut."));
