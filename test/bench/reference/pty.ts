/** node-pty as the references use it: bytes in, bytes out. Its own types only exist under the name of the package behind the alias. */
import { createRequire } from "node:module";
import * as z from "zod";

export interface Pty {
  pid: number;
  write(bytes: Uint8Array): void;
  onData(listener: (data: Buffer) => void): void;
  onExit(listener: () => void): void;
  kill(): void;
}

const fn = <A extends unknown[], R>() => z.custom<(...args: A) => R>((value) => typeof value === "function");
const Terminal = z.looseObject({ pid: z.int() });
const Module = z.looseObject({ spawn: fn<[string, string[], object], unknown>() });

export function ptySpawn(argv: readonly string[], { cols = 80, rows = 24, env = process.env, cwd = "/" }: { cols?: number; rows?: number; env?: NodeJS.ProcessEnv; cwd?: string } = {}): Pty {
  const [file = "", ...args] = argv;
  const { spawn } = Module.parse(createRequire(import.meta.url)("node-pty"));
  const terminal = Object(spawn(file, args, { name: "xterm-256color", cols, rows, env, cwd, encoding: null }));
  const { pid } = Terminal.parse(terminal);
  return {
    pid,
    write: (bytes) => terminal.write(Buffer.from(bytes)),
    onData: (listener) => terminal.onData((data: unknown) => listener(Buffer.isBuffer(data) ? data : Buffer.from(String(data)))),
    onExit: (listener) => terminal.onExit(() => listener()),
    kill: () => {
      try {
        terminal.kill("SIGKILL");
      } catch {
        // Gone already.
      }
    },
  };
}
