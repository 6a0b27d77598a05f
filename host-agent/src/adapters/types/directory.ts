/** Reads the `agents.d` directories, and notices when they changed. */
import { readFileSync, readdirSync, statSync } from "node:fs";
import * as path from "node:path";
import type { AgentType } from "@maestro/shared/contract/check-agent-type";
import { NAME_PATTERN } from "@maestro/shared/names";
import { MAX_YAML_BYTES, type YamlProblem } from "../../config/strict-yaml.ts";
import { parseTypeFile } from "./parse.ts";

export interface FileType {
  file: string;
  type: AgentType;
}
export interface FileProblem extends YamlProblem {
  file: string;
  /** From the file, else from its name, so that the problem has a place in lists. */
  slug: string;
}
export interface FileTypes {
  types: FileType[];
  problems: FileProblem[];
}

/** More files than this are a mistake; the rest is not read, and said so. */
const MAX_FILES = 500;

export function readTypeFiles(dirs: readonly string[]): FileTypes {
  const types: FileType[] = [];
  const problems: FileProblem[] = [];
  const files = dirs.flatMap(listTypeFiles);
  for (const [index, file] of files.entries()) {
    const slug = slugOf(file);
    if (index >= MAX_FILES) {
      problems.push({ file, slug, line: undefined, problem: `more than ${MAX_FILES} type files: this one and what follows is not read` });
      break;
    }
    const parsed = parseOne(file);
    if (parsed.type === "problem") {
      problems.push({ file, slug: parsed.slug ?? slug, problem: parsed.problem, line: parsed.line });
      continue;
    }
    const first = types.find(({ type }) => type.slug === parsed.value.slug);
    if (first === undefined) types.push({ file, type: parsed.value });
    else problems.push({ file, slug, line: undefined, problem: `the slug '${parsed.value.slug}' is already that of ${first.file}` });
  }
  return { types, problems };
}

/** Changes whenever a file comes, goes or is written. */
export function typeFilesStamp(dirs: readonly string[]): string {
  return dirs
    .flatMap(listTypeFiles)
    .map((file) => {
      try {
        const { mtimeMs, size, ino } = statSync(file);
        return `${file} ${mtimeMs} ${size} ${ino}`;
      } catch {
        return `${file} gone`;
      }
    })
    .join("\n");
}

function listTypeFiles(dir: string): string[] {
  try {
    return readdirSync(dir)
      .filter((name) => /\.ya?ml$/.test(name) && !name.startsWith("."))
      .sort()
      .map((name) => path.join(dir, name));
  } catch {
    // No directory, no types.
    return [];
  }
}

function parseOne(file: string): ReturnType<typeof parseTypeFile> {
  try {
    const { size } = statSync(file);
    if (size > MAX_YAML_BYTES)
      return { type: "problem", problem: `the file has ${size} bytes; at most ${MAX_YAML_BYTES} are read`, line: undefined };
    return parseTypeFile(readFileSync(file));
  } catch (cause) {
    return { type: "problem", problem: `it cannot be read: ${cause instanceof Error ? cause.message : "unknown reason"}`, line: undefined };
  }
}

function slugOf(file: string): string {
  const slug = path
    .basename(file)
    .replace(/\.ya?ml$/, "")
    .toLowerCase()
    .replace(/[^a-z0-9_-]/g, "-")
    .replace(/^[^a-z0-9]+/, "")
    .slice(0, 63);
  return NAME_PATTERN.test(slug) ? slug : "unnamed";
}
