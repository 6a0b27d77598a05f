/** A script on a remote host from its beginning to its end, with what it said. */
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";
import type { Clock } from "../../daemon/clock.ts";
import type { SshConnection } from "./connection.ts";
import { within } from "./deadline.ts";
import type { KnownEnd } from "./early-exit.ts";
import { gaveUp } from "./failures.ts";
import { placeOf } from "./host-key.ts";
import type { RemoteProcess } from "./process.ts";
import { cameIncomplete, incomplete, startScript } from "./start.ts";

export interface ExecRequest {
  /** POSIX sh; its arguments are `$1` and on. */
  script: string;
  args?: readonly string[];
  stdin?: Uint8Array | AsyncIterable<Uint8Array>;
  /** From now until its end; then it is killed. */
  deadlineMs: number;
  /** Of stdout; what is more is read and dropped. Of stderr its end is kept. */
  maxOutputBytes: number;
  signal: AbortSignal;
}

export interface ExecDone {
  /** 255 of the script is its own: a connection that breaks is an error and no end. */
  end: KnownEnd;
  stdout: Buffer;
  stderr: Buffer;
  /** stdout was longer. */
  truncated: boolean;
}

const MAX_STDERR_BYTES = 64 * 1024;

/** Errors: `timeout`, and those of `startScript`. After one it is not known how far the script came. */
export async function exec(connection: SshConnection, request: ExecRequest, clock: Clock): Promise<Result<ExecDone>> {
  const { script, args = [], stdin = new Uint8Array(), deadlineMs, maxOutputBytes, signal } = request;
  const output = new Kept(maxOutputBytes);
  let stderr = Buffer.alloc(0);
  const stop = new AbortController();
  const limits = { clock, signal: AbortSignal.any([signal, stop.signal]) };
  const whole = run();
  const waited = await within(whole, deadlineMs, { clock, signal });
  switch (waited.type) {
    case "done":
      return waited.value;
    case "deadline":
      stop.abort();
      return err(overdue(connection, deadlineMs));
    case "aborted":
      return err(gaveUp(connection.target));
  }

  async function run(): Promise<Result<ExecDone>> {
    const started = await startScript(connection, {
      script,
      args,
      stdin: stdin instanceof Uint8Array ? stdin : new Uint8Array(),
      forwardAgent: "no",
      stdout: (chunk) => output.push(chunk),
      stderr: (chunk) => (stderr = Buffer.concat([stderr, chunk]).subarray(-MAX_STDERR_BYTES)),
      ...limits,
    });
    if (!started.ok) return started;
    // Not waited for: a script may end before it has read everything. What cannot be read on our side ends it.
    feed(started.value, stdin).catch(() => started.value.kill(gaveUp(connection.target)));
    const end = await started.value.ended;
    if (end.type === "lost") return err(end.error);
    if (cameIncomplete(end, stderr)) return err(incomplete(connection));
    return ok({ end, stdout: output.bytes(), stderr, truncated: output.truncated });
  }
}

async function feed(process: RemoteProcess, stdin: Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
  if (!(stdin instanceof Uint8Array)) {
    for await (const chunk of stdin) if (!(await process.write(chunk))) break;
  }
  process.end();
}

class Kept {
  readonly #max: number;
  readonly #chunks: Buffer[] = [];
  #size = 0;
  truncated = false;

  constructor(max: number) {
    this.#max = max;
  }

  push(chunk: Buffer): void {
    const part = chunk.subarray(0, this.#max - this.#size);
    if (part.length < chunk.length) this.truncated = true;
    if (part.length === 0) return;
    this.#chunks.push(part);
    this.#size += part.length;
  }

  bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}

const overdue = (connection: SshConnection, deadlineMs: number): MaestroError =>
  maestroError("timeout", `A script on ${placeOf(connection.target)} did not end within ${deadlineMs / 1000} s; it was killed.`, {
    field: "address",
  });
