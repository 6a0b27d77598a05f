/** Paths, sizes and text of a host's files, as the console shows them. Pure. */
import type { FileEntry } from "@maestro/shared/contract/host-files";
import { escapeUnsafe } from "@maestro/shared/sanitize";

/** Links to directories too. */
export const isDirectory = ({ kind, leads }: FileEntry): boolean => kind === "directory" || (kind === "link" && leads === "directory");

export const joined = (dir: string, name: string): string => (dir.endsWith("/") ? `${dir}${name}` : `${dir}/${name}`);

/** Undefined: there is nothing above it, or not known. */
export function parentOf(path: string): string | undefined {
  const clean = path.replace(/(?<=.)\/+$/, "");
  if (!clean.startsWith("/") || clean === "/") return undefined;
  return clean.slice(0, Math.max(1, clean.lastIndexOf("/")));
}

export function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let value = bytes / 1024;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${units[unit] ?? ""}`;
}

/** Line by line: what could mislead whoever reads it is spelt out, tabs and line breaks stay. */
export const shownText = (text: string): string =>
  text
    .split("\n")
    .map((line) => line.replace(/\r$/, "").split("\t").map(escapeUnsafe).join("\t"))
    .join("\n");
