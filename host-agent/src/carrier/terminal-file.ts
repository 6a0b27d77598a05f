/** What is noted of a terminal elsewhere, and what its program needs to get there: a file for each session, without any secret. */
import { readdirSync, rmSync } from "node:fs";
import * as path from "node:path";
import * as z from "zod";
import { maestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";
import { parseJson } from "../config/json.ts";
import { ensurePrivateDir } from "../config/paths.ts";
import { readPrivate, writeDurably } from "../daemon/durable-file.ts";
import type { SshTarget } from "../transports/ssh-target.ts";

const Target: z.ZodType<SshTarget> = z.object({
  alias: z.string(),
  hostName: z.string(),
  port: z.int().min(1).max(65_535),
  user: z.string(),
  identityFiles: z.array(z.object({ path: z.string(), required: z.boolean() })),
  certificateFiles: z.array(z.string()).default([]),
  identitiesOnly: z.boolean(),
  agent: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("environment") }),
    z.object({ kind: z.literal("socket"), path: z.string() }),
    z.object({ kind: z.literal("none") }),
  ]),
  forwardAgent: z.boolean(),
  route: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("direct") }),
    z.object({
      kind: z.literal("jump"),
      get hops() {
        return z.array(Target);
      },
    }),
    z.object({ kind: z.literal("command"), line: z.string() }),
  ]),
  connectTimeoutMs: z.number(),
  aliveIntervalMs: z.number(),
  aliveCountMax: z.number(),
  hostKeyAlias: z
    .string()
    .nullable()
    .transform((alias) => alias ?? undefined),
  knownHostsFiles: z.array(z.string()),
  algorithms: z.object({
    kex: z.array(z.string()),
    hostKeys: z.array(z.string()),
    ciphers: z.array(z.string()),
    macs: z.array(z.string()),
    publicKeys: z.array(z.string()),
  }),
});

const TerminalNote = z.object({
  session: z.string().regex(/^ses_[0-9a-z]+$/),
  /** In which container of its machine it is, if in one. */
  container: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/)
    .nullable(),
  /** Which was made for its workspace. */
  isolated: z.boolean().default(false),
});
type TerminalNote = z.infer<typeof TerminalNote>;

const TerminalFile = TerminalNote.extend({
  /** For people. */
  host: z.string(),
  target: Target,
  /** Keys of hosts that somebody accepted here. */
  hostKeysFile: z.string(),
  /** Its program goes on while no connection is. */
  lasting: z.boolean(),
  /** Waits are shortened by it. */
  timeScale: z.number(),
});
export type TerminalFile = z.infer<typeof TerminalFile>;

/** Errors: `field_invalid`, with the file as field. */
export function readTerminalFile(file: string): Result<TerminalFile> {
  const read = TerminalFile.safeParse(parseJson(readPrivate(file) ?? ""));
  return read.success
    ? ok(read.data)
    : err(maestroError("field_invalid", `'${file}' does not say where its terminal is.`, { field: file, hint: "Open another session." }));
}

/** Those of one host, remote or our own. What a file is there of, something may be left of on that host. */
export class TerminalFiles {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  path(session: string): string {
    return path.join(this.#dir, `${session}.json`);
  }

  /** @param file a note alone where no program of ours has a way to go. */
  write(file: TerminalFile | TerminalNote): void {
    ensurePrivateDir(this.#dir, process.getuid?.() ?? 0);
    writeDurably(this.path(file.session), `${JSON.stringify(file, (_key, value: unknown) => value ?? null)}\n`);
  }

  sessions(): string[] {
    try {
      return readdirSync(this.#dir).flatMap((name) => /^(ses_[0-9a-z]+)\.json$/.exec(name)?.[1] ?? []);
    } catch {
      return [];
    }
  }

  /** Of a damaged file: as of one in no container. */
  note(session: string): Pick<TerminalNote, "container" | "isolated"> {
    const read = TerminalNote.safeParse(parseJson(readPrivate(this.path(session)) ?? ""));
    return read.success ? read.data : { container: null, isolated: false };
  }

  /** Containers that were made for the workspaces of sessions of which something may be left in them. */
  isolated(): ReadonlySet<string> {
    const notes = this.sessions().map((session) => this.note(session));
    return new Set(notes.flatMap(({ container, isolated }) => (isolated && container !== null ? [container] : [])));
  }

  remove(session: string): void {
    rmSync(this.path(session), { force: true });
  }
}
