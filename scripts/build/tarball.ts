/** A reproducible `.tgz`: same files in, same bytes out (no times, owners or modes of this machine). */
import { gzipSync } from "node:zlib";

export interface TarEntry {
  /** Slash-separated, relative. */
  path: string;
  bytes: Uint8Array;
  executable: boolean;
}

const BLOCK = 512;

export function tarball(entries: readonly TarEntry[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const entry of [...entries].sort((a, b) => (a.path < b.path ? -1 : 1))) {
    parts.push(header(entry), entry.bytes, new Uint8Array((BLOCK - (entry.bytes.byteLength % BLOCK)) % BLOCK));
  }
  parts.push(new Uint8Array(2 * BLOCK));
  return gzipSync(Buffer.concat(parts), { level: 9 });
}

/** One ustar header; a path beyond 100 bytes is split at a slash into prefix and name. */
function header({ path, bytes, executable }: TarEntry): Buffer {
  const [prefix, name] = splitPath(path);
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, "0")}\0`;
  block.write(name, 0);
  block.write(octal(executable ? 0o755 : 0o644, 7), 100);
  block.write(octal(0, 7), 108);
  block.write(octal(0, 7), 116);
  block.write(octal(bytes.byteLength, 11), 124);
  block.write(octal(0, 11), 136);
  block.write("        ", 148);
  block.write("0", 156);
  block.write("ustar\u000000", 257);
  block.write(prefix, 345);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

function splitPath(path: string): [prefix: string, name: string] {
  if (Buffer.byteLength(path) <= 100) return ["", path];
  for (let at = path.indexOf("/"); at !== -1; at = path.indexOf("/", at + 1)) {
    if (Buffer.byteLength(path.slice(at + 1)) <= 100 && at <= 155) return [path.slice(0, at), path.slice(at + 1)];
  }
  throw new RangeError(`tarball: ${path} is too long for ustar`);
}
