/** `hand.sh` as calls: what is done on the other machine, each by one script over its connection. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";
import { stripUnsafe } from "@maestro/shared/sanitize";
import type { Child } from "../tasks/members.ts";
import { readRunner } from "../tasks/runner.ts";
import { NewsReader, parseChild, type News } from "./news.ts";
import type { Ran, RemoteShell } from "./remote-shell.ts";
import { noAgents, type ShownAgents } from "./shown-agents.ts";

const HAND = readFileSync(new URL("./hand.sh", import.meta.url), "utf8");
const RUNNER = readRunner();
const RUNNER_BYTES = Buffer.byteLength(RUNNER);
const RUNNER_NAME = createHash("sha256").update(RUNNER).digest("hex").slice(0, 16);

export interface RemoteFacts {
  home: string;
  user: string;
  shell: string;
  /** With the places in which agent CLIs are found. */
  path: string;
  lang: string;
  bootId: string;
  /** Where everything of ours lies there. */
  base: string;
  hostname: string;
  os: string;
  arch: string;
  release: string;
  cpus: number;
  memoryBytes: number;
  freeBytes: number | undefined;
  /** As it tells its version. */
  tmux: string | undefined;
  /** Of tmux, git, docker, podman. */
  has: readonly string[];
}

export interface AskedProgram {
  name: string;
  /** Makes it tell its version; undefined: it is not asked. */
  versionArgument: string | undefined;
  /** As it was when it was asked last. */
  stamp: string | undefined;
}

export interface FoundProgram {
  path: string;
  /** Another one: it may be another program. */
  stamp: string;
  /** Undefined: it was not asked. */
  said: { ok: boolean; text: string } | undefined;
}

export interface StartOrder {
  /** Names its directory there. */
  name: string;
  cwd: string;
  /** Where a link to its log is put. */
  link: string | undefined;
  prompt: Uint8Array | undefined;
  /** For the runner; hold the secrets. */
  orders: string;
}

export type Started = { type: "running"; child: Child | undefined } | { type: "ended" } | { type: "refused"; error: MaestroError };

export interface Watch {
  follow(name: string, offset: number): void;
  drop(name: string): void;
  /** [TK2] The control plane has seen the host just now. */
  seen(): void;
  close(): void;
  closed: Promise<MaestroError | undefined>;
}

const SHORT_MS = 30_000;
/** Node programs on a small machine, one after the other. */
const PROGRAMS_MS = 120_000;
/** A large prompt over a slow line. */
const START_MS = 120_000;

export class Hand {
  readonly #shell: RemoteShell;
  readonly #prelude: string;

  /** To whom the ssh-agent of this host is shown there. */
  readonly agents: ShownAgents;

  /** @param prelude sets PATH, so that agent CLIs are found. @param agents by the script that they run there. */
  constructor(shell: RemoteShell, prelude: string, agents: (script: string) => ShownAgents = () => noAgents) {
    this.#shell = shell;
    this.#prelude = prelude;
    this.agents = agents(this.#script);
  }

  async facts(signal: AbortSignal): Promise<Result<RemoteFacts>> {
    const ran = await this.#run(["facts"], SHORT_MS, signal);
    if (!ran.ok) return ran;
    const facts = parseFacts(textOf(ran.value));
    return facts === undefined ? err(notOurs(ran.value)) : ok(facts);
  }

  /** Of each name where it is, and its version where that is not known by its stamp. */
  async programs(asked: readonly AskedProgram[], signal: AbortSignal): Promise<Result<ReadonlyMap<string, FoundProgram>>> {
    const args = asked.flatMap(({ name, versionArgument, stamp }) => [name, versionArgument ?? "-", stamp ?? "-"]);
    const ran = await this.#run(["programs", ...args], PROGRAMS_MS, signal);
    return ran.ok ? ok(parsePrograms(textOf(ran.value))) : ran;
  }

  /** Absolute there. */
  async ensure(dir: string, signal: AbortSignal): Promise<Result<{ path: string; created: boolean }>> {
    const ran = await this.#run(["ensure", dir], SHORT_MS, signal);
    if (!ran.ok) return ran;
    const [word = "", ...rest] = textOf(ran.value).trim().split(" ");
    if (word === "refused") return err(refusal(rest));
    const path = rest.join(" ");
    return (word === "made" || word === "there") && isPath(path) ? ok({ path, created: word === "made" }) : err(notOurs(ran.value));
  }

  /** A file in the directory of an attempt that has not begun, whole or not at all. @param file below that. */
  async put(name: string, file: string, bytes: Uint8Array, signal: AbortSignal): Promise<Result<void>> {
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const ran = await this.#run(["put", name, file, String(bytes.byteLength), sha256], START_MS, signal, bytes);
    if (!ran.ok) return ran;
    const [word = "", ...rest] = textOf(ran.value).trim().split(" ");
    if (word === "there") return ok(undefined);
    // The line was cut, or what came is not what was sent.
    if (word === "incomplete") return err(maestroError("ssh_lost", "A file did not arrive whole.", { field: "images" }));
    return err(word === "refused" ? refusal(rest) : notOurs(ran.value));
  }

  /** Once more is as good: whatever has begun goes on. */
  async start({ name, cwd, link, prompt, orders }: StartOrder, signal: AbortSignal): Promise<Result<Started>> {
    const stdin = Buffer.concat([Buffer.from(RUNNER), prompt ?? new Uint8Array(0), Buffer.from(orders)]);
    const args = ["start", RUNNER_NAME, name, cwd, link ?? "-", prompt === undefined ? "-" : String(prompt.byteLength)];
    const ran = await this.#run([...args, String(Buffer.byteLength(RUNNER))], START_MS, signal, stdin);
    if (!ran.ok) return ran;
    const line = textOf(ran.value).trim();
    const [word = "", ...rest] = line.split(" ");
    switch (word) {
      case "child":
        return ok({ type: "running", child: parseChild(rest.join(" ")) });
      case "running":
        return ok({ type: "running", child: undefined });
      case "ended":
        return ok({ type: "ended" });
      case "refused":
        return ok({ type: "refused", error: refusal(rest) });
      default:
        return err(notOurs(ran.value));
    }
  }

  async watch(heard: (news: News) => void, signal: AbortSignal): Promise<Result<Watch>> {
    const reader = new NewsReader();
    const broken = new AbortController();
    const opened = await this.#shell.open(this.#script, ["watch"], {
      data: (chunk) => {
        try {
          for (const news of reader.push(chunk)) heard(news);
        } catch {
          broken.abort();
        }
      },
      signal: AbortSignal.any([signal, broken.signal]),
    });
    if (!opened.ok) return opened;
    const { write, close, closed } = opened.value;
    return ok({
      follow: (name, offset) => write(`follow ${name} ${offset}\n`),
      drop: (name) => write(`drop ${name}\n`),
      seen: () => write("seen\n"),
      close,
      closed,
    });
  }

  /** True: none of its processes is left. */
  async stop(name: string, attempt: string, graceMs: number, signal: AbortSignal): Promise<Result<boolean>> {
    const grace = String(Math.ceil(graceMs / 1000));
    const ran = await this.#run(["stop", name, attempt, grace, String(RUNNER_BYTES)], SHORT_MS + 2 * graceMs, signal, Buffer.from(RUNNER));
    // Nothing runs in what does not run.
    if (!ran.ok) return ran.error.code === "container_not_running" ? ok(true) : ran;
    return ok(textOf(ran.value).trim() === "empty");
  }

  async remove(name: string, signal: AbortSignal): Promise<Result<void>> {
    const ran = await this.#run(["remove", name], START_MS, signal);
    if (!ran.ok) return ran;
    return textOf(ran.value).trim() === "removed" ? ok(undefined) : err(notOurs(ran.value));
  }

  async clear(dir: string, signal: AbortSignal): Promise<Result<{ outcome: "removed" | "absent" } | { outcome: "kept"; detail: string }>> {
    const ran = await this.#run(["clear", dir], START_MS, signal);
    if (!ran.ok) return ran;
    const [word, ...why] = textOf(ran.value).trim().split(" ");
    if (word === "removed" || word === "absent") return ok({ outcome: word });
    return word === "kept" ? ok({ outcome: "kept", detail: `'${dir}': ${why.join(" ")}.` }) : err(notOurs(ran.value));
  }

  get #script(): string {
    return `${this.#prelude}\n${HAND}`;
  }

  #run(args: readonly string[], deadlineMs: number, signal: AbortSignal, stdin?: Uint8Array): Promise<Result<Ran>> {
    return this.#shell.run(this.#script, args, { stdin, deadlineMs, signal });
  }
}

/** Those of `hand.sh`: any other would be about whoever asked, not about that machine. */
const REFUSALS = ["workspace_error", "state_unwritable", "disk_full", "spawn_failed"] as const;
const MAX_DETAIL = 1024;

function refusal([word = "", ...detail]: readonly string[]): MaestroError {
  return maestroError(REFUSALS.find((code) => code === word) ?? "spawn_failed", stripUnsafe(detail.join(" "), MAX_DETAIL));
}

const textOf = ({ stdout }: Ran): string => Buffer.from(stdout).toString("utf8");

function notOurs({ exit, stderr }: Ran): MaestroError {
  const how = exit.type === "exit" ? `exit ${exit.code}` : exit.signal;
  return maestroError("remote_shell_broken", `The remote shell did not do as it was told (${how}). ${stderr.slice(0, 512)}`.trim(), {
    hint: "`maestro host check` tells what is wrong with it.",
  });
}

function parsePrograms(text: string): ReadonlyMap<string, FoundProgram> {
  const found = new Map<string, FoundProgram>();
  for (const line of text.split("\n")) {
    const [word, name = "", ...rest] = line.split(" ");
    const value = rest.join(" ");
    const known = found.get(name);
    if (word === "found") found.set(name, { path: rest.slice(1).join(" "), stamp: rest[0] ?? "", said: undefined });
    else if (known !== undefined && (word === "said" || word === "failed")) known.said = { ok: word === "said", text: value };
  }
  return found;
}

const MAX_PATH = 4096;
const isPath = (text: string): boolean => text.startsWith("/") && text.length <= MAX_PATH;

/** What a host is told to be able to by them: it may not say more. */
const TOOLS = ["tmux", "git", "docker", "podman"] as const;

export function parseFacts(text: string): RemoteFacts | undefined {
  const lines = text.split("\n").map((line) => [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)] as const);
  const values = new Map(lines);
  const one = (name: string): string => values.get(name) ?? "";
  const home = one("home");
  if (!isPath(home) || !isPath(one("base"))) return undefined;
  const freeKb = Number(one("free_kb"));
  return {
    home,
    user: one("user"),
    shell: one("shell"),
    path: one("path"),
    lang: one("lang"),
    bootId: one("boot"),
    base: one("base"),
    hostname: one("hostname"),
    os: one("os").toLowerCase(),
    arch: one("arch"),
    release: one("release"),
    cpus: Number(one("cpus")) || 1,
    memoryBytes: (Number(one("memory_kb")) || 0) * 1024,
    freeBytes: Number.isFinite(freeKb) && one("free_kb") !== "" ? freeKb * 1024 : undefined,
    tmux: values.get("tmux")?.replace(/^tmux /, ""),
    has: TOOLS.filter((tool) => lines.some(([name, value]) => name === "has" && value === tool)),
  };
}
