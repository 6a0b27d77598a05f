/** Secrets that are looked for everywhere afterwards, in every form they could have got there in. Linux only. */
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { lstatSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { allProcesses, type ProcessInfo } from "./processes.ts";

export interface Canary {
  name: string;
  value: string;
}

export interface Hit {
  place: string;
  canary: string;
}

/** Long enough that half of one, which is what may stand on one page of a database, is no accident. */
const CANARY_BYTES = 36;
const MAX_FILE_BYTES = 512 * 1024 * 1024;
const ARGV_EVERY_MS = 5;

export const makeCanary = (name: string): Canary => ({ name, value: `cnry-${randomBytes(CANARY_BYTES).toString("base64url")}` });

export const receiptOf = ({ value }: Canary): string => createHash("sha256").update(value).digest("hex");

/** Bytes of a form that are looked up at once. */
const GRAM = 4;

export class CanaryScanner {
  /** Which forms hold these four bytes anywhere. */
  readonly #byGram = new Map<number, Set<{ canary: string; bytes: Buffer }>>();
  /** Of looks this far apart, at least one falls wholly into any form that is there. */
  readonly #stride: number;

  constructor(canaries: readonly Canary[]) {
    const needles = canaries.flatMap(({ name, value }) => formsOf(value).map((form) => ({ canary: name, bytes: Buffer.from(form) })));
    const shortest = Math.min(...needles.map(({ bytes }) => bytes.length));
    if (shortest < 2 * GRAM) throw new Error("a canary is too short to be told from accidents");
    this.#stride = shortest - GRAM + 1;
    for (const needle of needles) {
      for (let at = 0; at + GRAM <= needle.bytes.length; at++) {
        const gram = needle.bytes.readUInt32LE(at);
        const holders = this.#byGram.get(gram);
        if (holders === undefined) this.#byGram.set(gram, new Set([needle]));
        else holders.add(needle);
      }
    }
  }

  bytes(place: string, bytes: Uint8Array): Hit[] {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const found = new Set<string>();
    for (let at = 0; at + GRAM <= buffer.length; at += this.#stride) {
      for (const needle of this.#byGram.get(buffer.readUInt32LE(at)) ?? []) {
        const { length } = needle.bytes;
        if (buffer.subarray(Math.max(0, at - length), at + length).includes(needle.bytes)) found.add(needle.canary);
      }
    }
    return [...found].map((canary) => ({ place, canary }));
  }

  text(place: string, text: string): Hit[] {
    return this.bytes(place, Buffer.from(text));
  }

  /** argv of every process of the machine. */
  argv(): Hit[] {
    return allProcesses().flatMap(({ pid, argv }) => this.text(`argv of ${pid}: ${(argv[0] ?? "").slice(0, 80)}`, argv.join("\0")));
  }

  /** The environment of every process that has no business with them. */
  environments(isRelated: (process: ProcessInfo, ancestors: readonly ProcessInfo[]) => boolean): Hit[] {
    const all = new Map(allProcesses().map((process) => [process.pid, process]));
    return [...all.values()].flatMap((process) => {
      const ancestors: ProcessInfo[] = [];
      for (let parent = all.get(process.parent); parent !== undefined; parent = all.get(parent.parent)) ancestors.push(parent);
      if (isRelated(process, ancestors)) return [];
      return this.bytes(`environment of ${process.pid}: ${process.argv.join(" ").slice(0, 160)}`, environOf(process.pid));
    });
  }

  /** Every regular file below, whatever it is: databases and their write-ahead logs are files too. */
  files(directory: string, except: readonly string[] = []): Hit[] {
    return walk(directory, except).flatMap((file) => {
      const stat = lstatSync(file, { throwIfNoEntry: false });
      if (stat === undefined || !stat.isFile() || stat.size === 0) return [];
      if (stat.size > MAX_FILE_BYTES) throw new Error(`${file} is too large to be looked through`);
      return this.bytes(file, readFileSync(file));
    });
  }

  /** What each tmux server below a directory knows: environments, options, screens. */
  tmux(directory: string): { servers: number; hits: Hit[] } {
    let servers = 0;
    const hits = walk(directory, []).flatMap((socket) => {
      if (lstatSync(socket, { throwIfNoEntry: false })?.isSocket() !== true) return [];
      const ask = (...argv: string[]): string | undefined => {
        try {
          return execFileSync("tmux", ["-S", socket, ...argv], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"], timeout: 5_000 });
        } catch {
          // Another program's socket, or one that nobody listens at.
          return undefined;
        }
      };
      const sessions = ask("list-sessions", "-F", "#{session_name}");
      if (sessions === undefined) return [];
      servers++;
      const names = sessions.split("\n").filter((name) => name !== "");
      const texts = [ask("show-environment", "-g"), ask("show-options", "-g"), ask("show-buffer")];
      for (const name of names) texts.push(ask("show-environment", "-t", name), ask("capture-pane", "-p", "-S", "-", "-t", name));
      return this.text(`tmux at ${socket}`, texts.join("\n"));
    });
    return { servers, hits };
  }
}

/** Looks at every process's argv for as long as it lives. */
export class CanaryWatch implements Disposable {
  readonly hits: Hit[] = [];
  looks = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(scanner: CanaryScanner) {
    this.#timer = setInterval(() => {
      this.looks++;
      this.hits.push(...scanner.argv());
    }, ARGV_EVERY_MS);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** Halves, as they are, in hexadecimal, percent-encoded, and in base64 at each of the three places a byte can have in it. */
function formsOf(value: string): string[] {
  const middle = value.length >> 1;
  const halves = [value.slice(0, middle), value.slice(middle)];
  return halves.flatMap((half) => [
    half,
    Buffer.from(half).toString("hex"),
    [...Buffer.from(half)].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join(""),
    ...[0, 1, 2].flatMap((shift) => {
      // Without the characters that also hold bits of the neighbours.
      const encoded = Buffer.concat([Buffer.alloc(shift), Buffer.from(half)])
        .toString("base64")
        .replace(/=+$/, "");
      const inner = encoded.slice(shift === 0 ? 0 : 4, -4);
      return [inner, inner.replaceAll("+", "-").replaceAll("/", "_")];
    }),
  ]);
}

function environOf(pid: number): Buffer {
  try {
    return readFileSync(`/proc/${pid}/environ`);
  } catch {
    // Ended meanwhile, or the kernel's own.
    return Buffer.alloc(0);
  }
}

function walk(directory: string, except: readonly string[]): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
      const path = join(directory, entry.name);
      if (except.includes(path)) return [];
      return entry.isDirectory() ? walk(path, except) : [path];
    });
  } catch {
    // Removed meanwhile.
    return [];
  }
}
