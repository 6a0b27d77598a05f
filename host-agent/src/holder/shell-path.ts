/** [SSH20] Where agent CLIs are installed although no login shell says so. */
import { readdirSync, statSync } from "node:fs";
import * as path from "node:path";

const FIRST = [
  ".local/bin",
  ".opencode/bin",
  ".claude/local",
  "bin",
  "/usr/local/bin",
  "/opt/homebrew/bin",
  ".cargo/bin",
  "go/bin",
  ".bun/bin",
  ".deno/bin",
  ".nix-profile/bin",
  "/snap/bin",
];
const FNM_ROOTS = [".local/share/fnm", ".fnm", "Library/Application Support/fnm"];
const SHIMS = [".volta/bin", ".local/share/mise/shims", ".asdf/shims", "n/bin"];
const FALLBACK = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** Directories that exist, in the order of the bootstrap, before those of `inherited`; none twice. */
export function bootstrapPath(home: string, inherited: string | undefined): string {
  const candidates = [...FIRST, ...nvmDirs(home), ...fnmDirs(home), ...SHIMS].map((dir) => path.resolve(home, dir)).filter(isDirectory);
  const rest =
    inherited === undefined || inherited === "" ? FALLBACK : inherited.split(path.delimiter).filter((dir) => path.isAbsolute(dir));
  return [...new Set([...candidates, ...rest])].join(path.delimiter);
}

/** The default version first, then the others, newest first. */
function nvmDirs(home: string): string[] {
  const versions = path.join(home, ".nvm/versions/node");
  return [path.join(home, ".nvm/current/bin"), ...newestFirst(versions).map((name) => path.join(versions, name, "bin"))];
}

function fnmDirs(home: string): string[] {
  return FNM_ROOTS.flatMap((root) => {
    const base = path.join(home, root);
    const versions = path.join(base, "node-versions");
    return [
      path.join(base, "aliases/default/bin"),
      path.join(base, "current/bin"),
      ...newestFirst(versions).map((name) => path.join(versions, name, "installation/bin")),
    ];
  });
}

function newestFirst(dir: string): string[] {
  try {
    return readdirSync(dir).sort((a, b) => b.localeCompare(a, "en", { numeric: true }));
  } catch {
    return [];
  }
}

function isDirectory(dir: string): boolean {
  try {
    return statSync(dir).isDirectory();
  } catch {
    return false;
  }
}
