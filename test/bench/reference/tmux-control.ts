/** Bare tmux control mode: one client, one pane, its output decoded and nothing more. */
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { HISTORY_LIMIT_LINES } from "@maestro/shared/limits";

const run = promisify(execFile);

export class TmuxControl implements AsyncDisposable {
  readonly socket: string;
  readonly #directory: string;
  readonly #client: ChildProcessWithoutNullStreams;
  readonly #listeners = new Set<(payload: Uint8Array) => void>();
  #rest: Buffer = Buffer.alloc(0);

  private constructor(directory: string, client: ChildProcessWithoutNullStreams) {
    this.#directory = directory;
    this.socket = join(directory, "s");
    this.#client = client;
    client.stdout.on("data", (chunk: Buffer) => this.#read(chunk));
  }

  static async open(argv: readonly string[], { cols = 80, rows = 24 } = {}): Promise<TmuxControl> {
    const directory = mkdtempSync(join(tmpdir(), "mbt-"));
    const tmux = ["-S", join(directory, "s"), "-f", "/dev/null"];
    // Before the pane is made, which keeps the limit it was made with: the same scrollback as the product's.
    const history = ["start-server", ";", "set-option", "-g", "history-limit", String(HISTORY_LIMIT_LINES), ";"];
    await run("tmux", [...tmux, ...history, "new-session", "-d", "-s", "b", "-x", String(cols), "-y", String(rows), "--", ...argv]);
    const client = spawn("tmux", [...tmux, "-C", "attach-session", "-t", "b"], { stdio: "pipe" });
    const control = new TmuxControl(directory, client);
    await once(client.stdout, "data");
    return control;
  }

  onOutput(listener: (payload: Uint8Array) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  type(text: string): void {
    const hex = [...Buffer.from(text)].map((byte) => byte.toString(16)).join(" ");
    this.#client.stdin.write(`send-keys -H ${hex}\n`);
  }

  async screen(): Promise<string> {
    return (await run("tmux", ["-S", this.socket, "capture-pane", "-p", "-t", "b"])).stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run("tmux", ["-S", this.socket, "kill-server"]).catch(() => undefined);
    this.#client.kill("SIGKILL");
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #read(chunk: Buffer): void {
    const bytes = this.#rest.byteLength === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    for (let end = bytes.indexOf(10, at); end !== -1; end = bytes.indexOf(10, at)) {
      this.#line(bytes.subarray(at, end));
      at = end + 1;
    }
    this.#rest = bytes.subarray(at);
  }

  #line(line: Buffer): void {
    if (!line.subarray(0, 9).equals(OUTPUT)) return;
    const payload = unescape(line.subarray(line.indexOf(32, OUTPUT.byteLength) + 1));
    for (const listener of this.#listeners) listener(payload);
  }
}

const OUTPUT = Buffer.from("%output %");
const BACKSLASH = 0x5c;

/** `\ooo` is how control mode writes bytes below 32 and the backslash. */
function unescape(text: Buffer): Buffer {
  const out = Buffer.allocUnsafe(text.byteLength);
  let length = 0;
  for (let i = 0; i < text.byteLength; i++) {
    const byte = text[i] ?? 0;
    if (byte !== BACKSLASH) out[length++] = byte;
    else {
      out[length++] = (((text[i + 1] ?? 48) - 48) << 6) | (((text[i + 2] ?? 48) - 48) << 3) | ((text[i + 3] ?? 48) - 48);
      i += 3;
    }
  }
  return out.subarray(0, length);
}
