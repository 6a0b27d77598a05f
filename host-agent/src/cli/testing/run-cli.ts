/** The CLI within the test's own process: its real `main`, with streams that are kept. */
import { PassThrough } from "node:stream";
import * as z from "zod";
import type { Io } from "../io.ts";
import { main } from "../main.ts";

export interface Run {
  code: number;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  env?: Readonly<Record<string, string>>;
  stdin?: string;
  /** As at a terminal: called with what a person would see, until it has answered by bytes, or by the end of input. */
  person?: (typing: Typing) => void;
}

export interface Typing {
  type(text: string): void;
  end(): void;
  /** The next text on standard error. */
  onPrompt(then: (text: string) => void): void;
}

/** Streams of the process are more than what commands use of them. */
class Stream extends PassThrough {
  isTTY = false;
  columns = 80;
  rows = 24;
  readonly fd = 0;
  isRaw = false;
  setRawMode(mode: boolean): this {
    this.isRaw = mode;
    return this;
  }
}

export async function runCli(argv: readonly string[], { env = {}, stdin = "", person }: RunOptions = {}): Promise<Run> {
  const [input, output, errors] = [new Stream(), new Stream(), new Stream()];
  let [stdout, stderr] = ["", ""];
  output.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  errors.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  if (person === undefined) input.end(stdin);
  else {
    for (const stream of [input, output, errors]) stream.isTTY = true;
    person({ type: (text) => void input.write(text), end: () => void input.end(), onPrompt: (then) => void errors.once("data", then) });
  }
  const io = {
    stdin: input,
    stdout: output,
    stderr: errors,
    env: { HOME: "/nonexistent", MAESTRO_HOME: "/nonexistent/m", ...env },
    cwd: "/tmp",
    nowMs: Date.now,
  };
  const code = await main(argv, standingIn(io));
  await Promise.all([output, errors].map((stream) => new Promise<void>((resolve) => void stream.on("end", resolve).end())));
  return { code, stdout, stderr };
}

const standingIn = (io: Omit<Io, "stdin" | "stdout" | "stderr"> & Record<"stdin" | "stdout" | "stderr", Stream>): Io =>
  // oxlint-disable-next-line typescript/consistent-type-assertions -- no test can make a stream of the terminal's own class
  io as unknown as Io;

export const problemOf = (run: Run): unknown => z.object({ error: z.unknown() }).parse(JSON.parse(run.stderr)).error;
