/** The attempt directories: who wrote what, in which order, so that each crash leaves something that `judge` understands. */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import * as path from "node:path";
import type * as z from "zod";
import type { AttemptEnd, AttemptSpec } from "@maestro/shared/protocol/tasks";
import { parseJson } from "../config/json.ts";
import { errnoOf, syncBeside, writeDurably, writeTogether, writeUnsynced } from "../daemon/durable-file.ts";
import { isAlive } from "../daemon/process-identity.ts";
import {
  CancelNote,
  Exit,
  Intent,
  LaunchNote,
  parseEnd,
  parseSpec,
  parseStarted,
  UsageFile,
  type AttemptFiles,
  type Started,
} from "./attempt-files.ts";
import { removeImages } from "./attempt-images.ts";
import type { Child } from "./members.ts";
import { barStart, unbarStart } from "./start-bar.ts";

/** Attempts are named by the control plane: what is no plain name makes no path. */
const NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;
/** Room for exit.json, taken while there is some [F24]. */
const RESERVED_BYTES = 2048;

export interface AttemptPaths {
  dir: string;
  log: string;
  /** What the child reads: the prompt. */
  stdin: string;
  lease: string;
}

type Mark = "acked" | "shipped" | "swept" | "unwanted";

export class AttemptStore {
  readonly #root: string;
  /** Named between every two effects; tests end the process there [F2]. */
  readonly #passed: (step: string) => void;

  constructor(root: string, passed: (step: string) => void) {
    this.#root = root;
    this.#passed = passed;
  }

  /** Every directory there is, oldest first: ids sort by time. */
  list(): string[] {
    try {
      return readdirSync(this.#root)
        .filter((name) => NAME.test(name))
        .toSorted();
    } catch {
      return [];
    }
  }

  has(attempt: string): boolean {
    return NAME.test(attempt) && statSync(this.#file(attempt, "intent.json"), { throwIfNoEntry: false }) !== undefined;
  }

  paths(attempt: string): AttemptPaths {
    const dir = path.join(this.#root, attempt);
    return { dir, log: path.join(dir, "agent.log"), stdin: path.join(dir, "stdin"), lease: path.join(dir, "lease") };
  }

  /**
   * [TK1] On disk for good when it resolves; it is one with its intent and its spec, whole.
   *
   * @param meanwhile is done while the disk is at it.
   */
  async accept(spec: AttemptSpec, acceptedMs: number, bootId: string, meanwhile: () => void = () => {}): Promise<void> {
    const { attempt, fence } = spec;
    if (!NAME.test(attempt)) throw new Error("an attempt's id is no name");
    const { dir } = this.paths(attempt);
    let written: Promise<void> | undefined;
    try {
      this.#makeDir(dir);
      this.#passed("directory");
      const intent: Intent = { version: 1, attempt, fence, acceptedMs, bootId };
      writeFileSync(path.join(dir, "exit.tmp"), `${" ".repeat(RESERVED_BYTES - 1)}\n`, { flag: "wx", mode: 0o600 });
      written = writeTogether(
        [
          [path.join(dir, "spec.json"), JSON.stringify(spec)],
          [path.join(dir, "intent.json"), `${JSON.stringify(intent)}\n`],
        ],
        [dir, this.#root],
      );
      written.catch(() => {});
      meanwhile();
      await written;
    } catch (cause) {
      // What is being written still must not come, or go, after another acceptance of it.
      await Promise.allSettled([written]);
      await rm(dir, { recursive: true, force: true });
      throw cause;
    }
    this.#passed("intent");
  }

  #makeDir(dir: string): void {
    try {
      mkdirSync(dir, { mode: 0o700 });
    } catch (cause) {
      // Left by a crash in the middle of this: nothing in it was promised.
      if (errnoOf(cause) === "EEXIST") rmSync(dir, { recursive: true, force: true });
      mkdirSync(dir, { recursive: true, mode: 0o700 });
    }
  }

  /**
   * To be on disk for good, as it is when this resolves, before the child may begin: after a crash of the machine it tells
   * that the attempt may have run.
   *
   * @param foreseen what stands for the note of its launch, should that be lost.
   */
  noteBegun(attempt: string, foreseen: LaunchNote): Promise<void> {
    this.#passed("begun");
    return writeTogether([[this.#file(attempt, "begun.json"), textOf(foreseen)]], [this.paths(attempt).dir]);
  }

  /** It did not come to a launch. */
  forgetBegun(attempt: string): void {
    rmSync(this.#file(attempt, "begun.json"), { force: true });
  }

  /** Nor to a runner. */
  forgetLaunch(attempt: string): void {
    this.forgetBegun(attempt);
    for (const name of ["launch.json", "stdin", "started"]) rmSync(this.#file(attempt, name), { force: true });
  }

  /** What its runner would begin with, for the time before its start; of this life of the machine. False: it could not be written. */
  lay(attempt: string, groups: readonly string[]): boolean {
    try {
      writeFileSync(this.#file(attempt, "cgroups"), groups.map((group) => `${group}\n`).join(""), { mode: 0o600 });
      writeFileSync(this.#file(attempt, "why"), "exit\n", { mode: 0o600 });
      writeFileSync(this.paths(attempt).log, "", { mode: 0o600 });
      return true;
    } catch {
      return false;
    }
  }

  /** There for whoever reads it in this life of the machine. */
  noteLaunch(attempt: string, note: LaunchNote, stdin: string | undefined): void {
    if (stdin !== undefined) writeFileSync(this.#file(attempt, "stdin"), stdin, { mode: 0o600 });
    this.#passed("stdin");
    writeUnsynced(this.#file(attempt, "launch.json"), textOf(note));
    this.#passed("launch");
  }

  /** On disk for good when it resolves. Not before the child begins: the disk would keep that waiting. */
  async keepLaunch(attempt: string): Promise<void> {
    for (const what of [this.#file(attempt, "launch.json"), this.paths(attempt).dir])
      try {
        await syncBeside(what);
      } catch (cause) {
        // It has ended, and was cleaned up.
        if (errnoOf(cause) !== "ENOENT") throw cause;
      }
  }

  /** Nothing may begin any more. False: it has, or is about to. */
  bar(attempt: string): boolean {
    const isBarred = barStart(this.paths(attempt).dir);
    this.#passed("barred");
    return isBarred;
  }

  /** It may begin again. */
  unbar(attempt: string): void {
    unbarStart(this.paths(attempt).dir);
  }

  noteCancel(attempt: string, note: CancelNote): void {
    writeDurably(this.#file(attempt, "cancel.json"), `${JSON.stringify(note)}\n`);
    this.#passed("cancel");
  }

  noteEnd(attempt: string, end: AttemptEnd): void {
    writeDurably(this.#file(attempt, "end.json"), `${JSON.stringify(end)}\n`);
    this.#passed("end");
  }

  /** `acked`: the control plane has the end; `shipped`: and the whole log; `swept`: nothing of it is left elsewhere; `unwanted`: to be removed once that is so. Lost by a crash, it is told once more. */
  mark(attempt: string, what: Mark): void {
    try {
      writeFileSync(this.#file(attempt, what), "", { mode: 0o600 });
    } catch {
      return;
    }
  }

  isMarked(attempt: string, what: Mark): boolean {
    return statSync(this.#file(attempt, what), { throwIfNoEntry: false }) !== undefined;
  }

  touchLease(attempt: string, uptimeCs: number): void {
    const { lease } = this.paths(attempt);
    // By rename: the runner reads it at any moment.
    writeFileSync(`${lease}.tmp`, `${uptimeCs}\n`, { mode: 0o600 });
    renameSync(`${lease}.tmp`, lease);
  }

  read(attempt: string): AttemptFiles {
    const started = this.started(attempt);
    // Life before exit: a runner leaves its exit file before it goes.
    const alive = started?.type === "named" && isAlive(started.runner);
    const text = (name: string) => this.#text(attempt, name);
    return {
      intent: this.#json(attempt, "intent.json", Intent),
      spec: parseSpec(text("spec.json") ?? ""),
      launch: this.#json(attempt, "launch.json", LaunchNote) ?? this.#json(attempt, "begun.json", LaunchNote),
      started,
      alive,
      exit: this.exit(attempt),
      cancel: this.#json(attempt, "cancel.json", CancelNote),
      end: parseEnd(text("end.json") ?? ""),
      acked: text("acked") !== undefined,
      shipped: text("shipped") !== undefined,
    };
  }

  started(attempt: string): Started | undefined {
    const text = this.#text(attempt, "started");
    return text === undefined ? undefined : parseStarted(text, this.#writtenMs(attempt, "started") ?? 0);
  }

  exit(attempt: string): Exit | undefined {
    const exit = this.#json(attempt, "exit.json", Exit);
    return exit === undefined ? undefined : { ...exit, atMs: this.#writtenMs(attempt, "exit.json") ?? 0 };
  }

  usage(attempt: string): UsageFile | undefined {
    return this.#json(attempt, "usage.json", UsageFile);
  }

  /** The child, which leads its session: `pid start`, as the runner writes it. */
  child(attempt: string): Child | undefined {
    const [first, ...rest] = this.#text(attempt, "child")?.split("\n")[0]?.split(" ") ?? [];
    const pid = Number(first);
    return Number.isSafeInteger(pid) && pid > 1 ? { pid, started: rest.join(" ") } : undefined;
  }

  cgroups(attempt: string): string[] {
    return (this.#text(attempt, "cgroups") ?? "").split("\n").filter((line) => line.startsWith("/"));
  }

  logBytes(attempt: string): number {
    return statSync(this.paths(attempt).log, { throwIfNoEntry: false })?.size ?? 0;
  }

  /** For the age of what is kept. */
  touchedMs(attempt: string): number {
    return statSync(this.paths(attempt).dir, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  }

  removeImages(attempt: string): void {
    removeImages(this.paths(attempt).dir);
  }

  removeLog(attempt: string): void {
    rmSync(this.paths(attempt).log, { force: true });
  }

  remove(attempt: string): void {
    if (NAME.test(attempt)) rmSync(this.paths(attempt).dir, { recursive: true, force: true });
  }

  #file(attempt: string, name: string): string {
    return path.join(this.#root, attempt, name);
  }

  #text(attempt: string, name: string): string | undefined {
    try {
      return readFileSync(this.#file(attempt, name), "utf8");
    } catch {
      return undefined;
    }
  }

  #json<T>(attempt: string, name: string, schema: z.ZodType<T>): T | undefined {
    const text = this.#text(attempt, name);
    return text === undefined ? undefined : schema.safeParse(parseJson(text)).data;
  }

  #writtenMs(attempt: string, name: string): number | undefined {
    return statSync(this.#file(attempt, name), { throwIfNoEntry: false })?.mtimeMs;
  }
}

const textOf = (note: LaunchNote): string => `${JSON.stringify(note)}\n`;
