/** Files of ssh_config(5) with all that they include, as lines in order. */
import { open } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { err, ok, type Result } from "@maestro/shared/result";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { errnoOf } from "../../daemon/durable-file.ts";
import { glob } from "./glob.ts";
import { readLine, type ConfigLine } from "./words.ts";

/** `kind`: where the relative paths of its Includes begin, and whether `~` may stand in them. */
export interface ConfigFile {
  path: string;
  kind: "user" | "system";
}

export type LoadedLine = ConfigLine & { included?: LoadedLine[][] };

const MAX_DEPTH = 16;
const MAX_FILES = 512;
const MAX_BYTES = 1024 * 1024;

/** Files that do not exist are empty. Errors: `ssh_config_invalid`, `insecure_permissions`, with file and line. */
export async function loadConfig(files: readonly ConfigFile[], home: string): Promise<Result<LoadedLine[]>> {
  const lines: LoadedLine[] = [];
  let left = MAX_FILES;
  const load = async (file: ConfigFile, depth: number): Promise<Result<LoadedLine[]>> => {
    if (depth > MAX_DEPTH || left-- <= 0) return err(invalid(file.path, 0, "is included by itself, or too deeply"));
    const text = await readConfig(file, depth > 0);
    if (!text.ok) return text;
    const read: LoadedLine[] = [];
    for (const [index, source] of text.value.split("\n").entries()) {
      const line = readLine(source, file.path, index + 1);
      if (line === undefined) continue;
      if (line === "quotes") return err(invalid(file.path, index + 1, "a quote is not closed"));
      if (line.keyword !== "include") {
        read.push(line);
        continue;
      }
      if (line.words.length === 0) return err(invalid(file.path, line.line, "Include names no file"));
      const included: LoadedLine[][] = [];
      for (const word of line.words) {
        for (const path of await glob(includePath(word, file.kind, home))) {
          const inner = await load({ path, kind: file.kind }, depth + 1);
          if (!inner.ok) return inner;
          included.push(inner.value);
        }
      }
      read.push({ ...line, included });
    }
    return ok(read);
  };
  for (const file of files) {
    const loaded = await load(file, 0);
    if (!loaded.ok) return loaded;
    lines.push(...loaded.value, { keyword: "match", words: ["all"], rest: "all", path: file.path, line: 0 });
  }
  return ok(lines);
}

export const invalid = (path: string, line: number, problem: string): MaestroError =>
  maestroError("ssh_config_invalid", `${path}${line === 0 ? "" : `:${line}`}: ${problem}.`, { field: "sshConfig" });

function includePath(word: string, kind: ConfigFile["kind"], home: string): string {
  if (kind === "user" && word.startsWith("~/")) return join(home, word.slice(2));
  if (isAbsolute(word)) return word;
  return join(kind === "user" ? join(home, ".ssh") : "/etc/ssh", word);
}

/** As ssh: a file that others may write to is not read. */
async function readConfig({ path, kind }: ConfigFile, isIncluded: boolean): Promise<Result<string>> {
  try {
    await using file = await open(path);
    const { mode, uid, size } = await file.stat();
    const isOwn = uid === 0 || uid === process.getuid?.();
    if ((kind === "user" || isIncluded) && (!isOwn || (mode & 0o022) !== 0))
      return err(
        maestroError(
          "insecure_permissions",
          `${path} belongs to another user or may be written by others, and it may name programs to run.`,
          {
            field: "sshConfig",
            hint: `chmod go-w ${path}`,
          },
        ),
      );
    if (size > MAX_BYTES) return err(invalid(path, 0, `has more than ${MAX_BYTES} bytes`));
    return ok(await file.readFile("utf8"));
  } catch (cause) {
    const code = errnoOf(cause);
    return code === "ENOENT" || code === "ENOTDIR" ? ok("") : err(invalid(path, 0, `cannot be read (${code ?? "unknown"})`));
  }
}
