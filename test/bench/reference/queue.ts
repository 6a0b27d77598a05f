/** The minimal queue as the gates drive it. */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as z from "zod";
import { within } from "../../support/wait.ts";

const Started = z.object({ port: z.int() });

export class ReferenceQueue implements AsyncDisposable {
  readonly url: string;
  readonly #server: ChildProcess;
  readonly #state: string;

  private constructor(server: ChildProcess, state: string, port: number) {
    this.#server = server;
    this.#state = state;
    this.url = `http://127.0.0.1:${port}`;
  }

  static async start(): Promise<ReferenceQueue> {
    const state = mkdtempSync(join(tmpdir(), "mbq-"));
    const server = fork(fileURLToPath(new URL("./queue-server.ts", import.meta.url)), [state], { stdio: ["ignore", 2, 2, "ipc"] });
    const [message] = await within(30_000, "reference queue", once(server, "message"));
    return new ReferenceQueue(server, state, Started.parse(message).port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = this.#server.exitCode === null ? once(this.#server, "exit") : undefined;
    this.#server.disconnect();
    await exited;
    rmSync(this.#state, { recursive: true, force: true });
  }
}
