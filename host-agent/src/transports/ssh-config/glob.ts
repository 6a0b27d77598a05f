/** glob(7) as far as Include needs it: `*`, `?` and `[…]` within a part of a path, in lexical order. */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

/** @param pattern absolute. What cannot be listed matches nothing. */
export async function glob(pattern: string): Promise<string[]> {
  let found = ["/"];
  for (const part of pattern.split("/").filter((name) => name !== "")) {
    const next: string[] = [];
    for (const directory of found) next.push(...(/[*?[]/.test(part) ? await listed(directory, part) : [join(directory, part)]));
    found = next;
  }
  const present = await Promise.all(found.map(async (path) => ((await exists(path)) ? [path] : [])));
  return present.flat();
}

async function listed(directory: string, part: string): Promise<string[]> {
  const names = await readdir(directory).catch((): string[] => []);
  const matches = partPattern(part);
  return names
    .filter((name) => matches.test(name) && (part.startsWith(".") || !name.startsWith(".")))
    .toSorted()
    .map((name) => join(directory, name));
}

/** Neighbouring stars are one; a class that is not closed is what it says. */
function partPattern(part: string): RegExp {
  const source = part.replace(
    /\*+|\?|\[([!^]?)(\]?[^\]]*)\]|[\\^$.|+(){}[\]]/g,
    (token, negation: string | undefined, of: string | undefined) => {
      if (token.startsWith("*")) return ".*";
      if (token === "?") return ".";
      if (of === undefined) return `\\${token}`;
      return `[${negation === "" ? "" : "^"}${of.replace(/[\\\]^]/g, "\\$&")}]`;
    },
  );
  try {
    return new RegExp(`^${source}$`, "s");
  } catch {
    return /(?!)/;
  }
}

const exists = async (path: string): Promise<boolean> => (await stat(path).catch(() => undefined)) !== undefined;
