/** What `hand.sh watch` says, taken apart as it comes: lines, and behind a `log` line so many bytes. Pure. */
import { parseJson } from "../config/json.ts";
import { Exit, UsageFile } from "../tasks/attempt-files.ts";
import type { Child } from "../tasks/members.ts";

export type News =
  | { type: "log"; name: string; offset: number; bytes: Uint8Array }
  | { type: "child"; name: string; child: Child }
  | { type: "usage"; name: string; usage: UsageFile }
  /** `text` is the exit file, whole. */
  | { type: "exit"; name: string; text: string }
  | { type: "died"; name: string; why: "runner_died" | "host_reboot" }
  /** It never ran, and never will. */
  | { type: "absent"; name: string }
  | { type: "beat" };

const MAX_LINE = 4096;

export class NewsReader {
  #rest: Buffer = Buffer.alloc(0);
  #log: { name: string; offset: number; left: number } | undefined;

  /** Throws on what is no news: whoever writes it is not our program. */
  *push(chunk: Uint8Array): Generator<News> {
    let data = this.#rest.byteLength === 0 ? Buffer.from(chunk) : Buffer.concat([this.#rest, chunk]);
    for (;;) {
      if (this.#log !== undefined) {
        const bytes = data.subarray(0, this.#log.left);
        if (bytes.byteLength === 0) break;
        yield { type: "log", name: this.#log.name, offset: this.#log.offset, bytes };
        data = data.subarray(bytes.byteLength);
        const left = this.#log.left - bytes.byteLength;
        this.#log = left === 0 ? undefined : { name: this.#log.name, offset: this.#log.offset + bytes.byteLength, left };
        continue;
      }
      const end = data.indexOf(10);
      if (end === -1) break;
      const line = data.subarray(0, end).toString("utf8");
      data = data.subarray(end + 1);
      const news = this.#line(line);
      if (news !== undefined) yield news;
    }
    if (data.byteLength > MAX_LINE) throw new Error("a line of the remote side is too long");
    this.#rest = data;
  }

  #line(line: string): News | undefined {
    const [what = "", name = "", ...words] = line.split(" ");
    const text = words.join(" ");
    switch (what) {
      case "log": {
        const [offset = Number.NaN, left = Number.NaN] = words.map(Number);
        if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(left) || left <= 0) throw new Error(`no log line: ${line.slice(0, 80)}`);
        this.#log = { name, offset, left };
        return undefined;
      }
      case "child": {
        const child = parseChild(text);
        return child === undefined ? undefined : { type: "child", name, child };
      }
      case "usage": {
        const usage = UsageFile.safeParse(parseJson(text));
        return usage.success ? { type: "usage", name, usage: usage.data } : undefined;
      }
      case "exit":
        // One that is torn tells nothing but that its runner is no more, and it is not told again.
        return Exit.safeParse(parseJson(text)).success ? { type: "exit", name, text } : { type: "died", name, why: "runner_died" };
      case "died":
        return { type: "died", name, why: text === "host_reboot" ? "host_reboot" : "runner_died" };
      case "absent":
        return { type: "absent", name };
      case "beat":
        return { type: "beat" };
      default:
        throw new Error(`not understood from the remote side: ${line.slice(0, 80)}`);
    }
  }
}

/** `pid start`, as the runner writes it. */
export function parseChild(text: string): Child | undefined {
  const [first, ...rest] = text.trim().split(" ");
  const pid = Number(first);
  return Number.isSafeInteger(pid) && pid > 1 ? { pid, started: rest.join(" ") } : undefined;
}
