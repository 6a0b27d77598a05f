/** The two functions of node-pty's native part that are needed, typed; the rest of node-pty loses tails. */
import { createRequire } from "node:module";
import { err, ok, type Result } from "@maestro/shared/result";
import { maestroError } from "@maestro/shared/errors";

export interface OpenPty {
  master: number;
  slave: number;
  /** Path of the slave, `/dev/pts/3`. */
  path: string;
}

export interface NativePty {
  /** Throws with an errno text when the system has no more. */
  open(cols: number, rows: number): OpenPty;
  resize(master: number, cols: number, rows: number): void;
}

let loaded: Result<NativePty> | undefined;

/** Loaded once; where there is no build for this platform, the refusal says so. */
export function loadNativePty(): Result<NativePty> {
  loaded ??= load();
  return loaded;
}

function load(): Result<NativePty> {
  try {
    const require = createRequire(import.meta.url);
    const binding = callMember(require("node-pty/requireBinary.js"), "requireBinary", "pty.node");
    return ok({
      open: (cols, rows) => checkOpened(callMember(binding, "open", cols, rows)),
      resize: (master, cols, rows) => void callMember(binding, "resize", master, cols, rows),
    });
  } catch (cause) {
    const reason = cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : String(cause);
    return err(
      maestroError("backend_unavailable", `PTYs are not available on ${process.platform}-${process.arch}: ${reason}`, {
        hint: "Install tmux, or reinstall with optional dependencies.",
      }),
    );
  }
}

function callMember(target: unknown, name: string, ...args: unknown[]): unknown {
  const member: unknown = typeof target === "object" && target !== null ? Reflect.get(target, name) : undefined;
  if (typeof member !== "function") throw new TypeError(`node-pty has no '${name}'`);
  return Reflect.apply(member, target, args);
}

function checkOpened(value: unknown): OpenPty {
  if (typeof value !== "object" || value === null) throw new TypeError("node-pty opened nothing");
  const [master, slave, path]: unknown[] = [Reflect.get(value, "master"), Reflect.get(value, "slave"), Reflect.get(value, "pty")];
  if (typeof master !== "number" || typeof slave !== "number" || typeof path !== "string")
    throw new TypeError("node-pty opened something else");
  return { master, slave, path };
}
