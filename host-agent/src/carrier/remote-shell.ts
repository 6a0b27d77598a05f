/** What carries our scripts to the machine: an ssh connection, a container, or in tests a shell beside us. */
import type { MaestroError } from "@maestro/shared/errors";
import type { Result } from "@maestro/shared/result";

export interface Ran {
  /** Of the script itself; a connection that broke is an error instead. */
  exit: { type: "exit"; code: number } | { type: "signal"; signal: string };
  stdout: Uint8Array;
  stderr: string;
}

export interface OpenScript {
  /** Resolves when the other side may take more. */
  write(text: string): void;
  /** Ends it, by the end of its standard input. */
  close(): void;
  /** Undefined: it ended by itself. */
  closed: Promise<MaestroError | undefined>;
}

export interface RemoteShell {
  run(
    script: string,
    args: readonly string[],
    options: { stdin?: Uint8Array | undefined; deadlineMs: number; signal: AbortSignal },
  ): Promise<Result<Ran>>;
  open(
    script: string,
    args: readonly string[],
    options: { data(chunk: Uint8Array): void; signal: AbortSignal },
  ): Promise<Result<OpenScript>>;
}
