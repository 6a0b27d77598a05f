/** All agent types of this host: built-in adapters, files of `agents.d`, and what a request brings along. */
import { AgentTypeFile, type AgentTypeReport } from "@maestro/shared/contract/agent-types";
import { checkAgentType, type AgentType } from "@maestro/shared/contract/check-agent-type";
import { maestroError } from "@maestro/shared/errors";
import { nearest } from "@maestro/shared/names";
import { err, ok, type Result } from "@maestro/shared/result";
import type { Adapter } from "../adapter.ts";
import { BUILTIN, BUILTIN_TYPES } from "../builtin.ts";
import type { Detected, Detector } from "../detect.ts";
import { readTypeFiles, typeFilesStamp, type FileTypes } from "./directory.ts";

export class TypeCatalogue {
  readonly #dirs: readonly string[];
  readonly #detector: Pick<Detector, "detect">;
  readonly #locate: (name: string) => string | undefined;
  #files: FileTypes = { types: [], problems: [] };
  #stamp: string | undefined;

  /** @param locate finds a program of a type of its own where it would run. */
  constructor(dirs: readonly string[], detector: Pick<Detector, "detect">, locate: (name: string) => string | undefined) {
    this.#dirs = dirs;
    this.#detector = detector;
    this.#locate = locate;
  }

  /** Reads the files again if they changed; true when they had. */
  refresh(): boolean {
    const stamp = typeFilesStamp(this.#dirs);
    if (stamp === this.#stamp) return false;
    this.#stamp = stamp;
    this.#files = readTypeFiles(this.#dirs);
    return true;
  }

  /** Files changed since the last `refresh`. */
  stale(): boolean {
    return typeFilesStamp(this.#dirs) !== this.#stamp;
  }

  /** Of files. */
  get types(): FileTypes["types"] {
    return this.#files.types;
  }

  get problems(): FileTypes["problems"] {
    return this.#files.problems;
  }

  /** @param definition a type made through the API travels whole with the request. */
  resolve(slug: string, definition: unknown): Result<AgentType> {
    if (definition !== undefined) return readDefinition(definition);
    const file = this.#files.types.find(({ type }) => type.slug === slug);
    if (file !== undefined) return ok(file.type);
    const builtin = BUILTIN_TYPES.find(({ name }) => name === slug);
    if (builtin !== undefined) return ok({ slug, adapter: builtin.name });
    const broken = this.#files.problems.find((problem) => problem.slug === slug);
    if (broken !== undefined) {
      return err(
        maestroError(
          "agent_type_invalid",
          `The type '${slug}' cannot be used: ${broken.file}${broken.line === undefined ? "" : `:${broken.line}`}: ${broken.problem}.`,
          { field: "type" },
        ),
      );
    }
    const near = nearest(slug, [...this.#files.types.map(({ type }) => type.slug), ...BUILTIN_TYPES.map(({ name }) => name)], 3);
    return err(
      maestroError("agent_type_not_found", `This host has no agent type '${slug}'.`, {
        field: "type",
        ...(near.length === 0 ? {} : { hint: `Nearest: ${near.join(", ")}` }),
      }),
    );
  }

  /** For `hello`'s inventory; asks each CLI for its version unless it is known. */
  async report(): Promise<AgentTypeReport[]> {
    const fromFiles = this.#files.types.map(async ({ file, type }): Promise<AgentTypeReport> => ({
      slug: type.slug,
      adapter: type.adapter,
      ...(type.mode === undefined ? {} : { mode: type.mode }),
      source: "file",
      file,
      capabilities: type.capabilities ?? [],
      detected: await this.#detect(type),
    }));
    const taken = new Set(this.#files.types.map(({ type }) => type.slug));
    const builtin = BUILTIN_TYPES.filter(({ name }) => !taken.has(name)).map(async (adapter: Adapter): Promise<AgentTypeReport> => ({
      slug: adapter.name,
      adapter: adapter.name,
      source: "builtin",
      capabilities: [],
      detected: await this.#detector.detect(adapter),
    }));
    const problems = this.#files.problems.map(({ file, slug, problem, line }): AgentTypeReport => ({
      slug,
      adapter: "custom",
      source: "file",
      file,
      capabilities: [],
      detected: { state: "invalid", problem: problem.slice(0, 1024), ...(line === undefined ? {} : { line }) },
    }));
    return [...(await Promise.all([...builtin, ...fromFiles])), ...problems];
  }

  /** What is in its image is seen when it is started. */
  #detectEngine(): Detected {
    const binary = this.#locate("docker") ?? this.#locate("podman");
    return binary === undefined
      ? { state: "missing", lookedFor: "docker, podman", install: "apt-get install docker.io" }
      : { state: "found", binary, version: "" };
  }

  async #detect(type: AgentType): Promise<Detected> {
    if (type.isolate_with === "docker") return this.#detectEngine();
    if (type.adapter !== "custom") return this.#detector.detect(BUILTIN[type.adapter]);
    const name = type.argv?.[0] ?? "";
    const binary = this.#locate(name);
    // A program we know nothing of is not started to ask it something.
    return binary === undefined
      ? { state: "missing", lookedFor: name.slice(0, 256), install: BUILTIN.custom.install }
      : { state: "found", binary, version: "" };
  }
}

function readDefinition(definition: unknown): Result<AgentType> {
  const parsed = AgentTypeFile.safeParse(definition);
  if (parsed.success) return checkAgentType(parsed.data);
  const issue = parsed.error.issues[0];
  return err(
    maestroError("agent_type_invalid", `The type's definition: ${issue?.path.join(".") ?? ""} ${issue?.message ?? "invalid"}.`, {
      field: "type",
    }),
  );
}
