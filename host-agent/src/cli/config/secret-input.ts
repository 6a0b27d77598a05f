/** Tokens come from a file, standard input or a prompt; never from argv, where everybody on the machine reads them. */
import { fail } from "@maestro/shared/errors";
import { escapeUnsafe } from "@maestro/shared/sanitize";
import { readPrivate } from "../../daemon/durable-file.ts";
import { Interrupted } from "../interrupted.ts";
import type { Io } from "../io.ts";

/** Longest token line that makes sense, with room for a login link around it. */
const MAX_TOKEN_CHARS = 1024;
/** What the control plane keeps of a fleet's secret. */
const MAX_SECRET_BYTES = 16 * 1024;

export async function readSecret(io: Io, { file, prompt }: { file: string | undefined; prompt: string }): Promise<string> {
  if (file !== undefined && file !== "-") {
    const text = readPrivate(file);
    if (text === undefined) throw fail("field_invalid", `There is no file '${file}'.`, { field: "token-file" });
    return onlyLine(text);
  }
  if (file === "-" || !io.stdin.isTTY) return onlyLine(await readInput(io.stdin, 4 * MAX_TOKEN_CHARS));
  return onlyLine(await promptHidden(io, prompt, MAX_TOKEN_CHARS));
}

/** Any text, several lines of a key included; the line feed that ends it is not part of it. */
export async function readSecretValue(io: Io, { file, prompt }: { file: string | undefined; prompt: string }): Promise<string> {
  const text = (await givenSecret(io, file, prompt)).replace(/\r?\n$/, "");
  if (text === "")
    throw fail("field_invalid", "No value was given.", {
      field: "value",
      hint: "Give it at the prompt, on standard input, or with --file <file>; never as an argument.",
    });
  if (Buffer.byteLength(text) <= MAX_SECRET_BYTES) return text;
  throw fail("field_invalid", `The value has more than ${MAX_SECRET_BYTES} bytes.`, {
    field: "value",
    hint: "An environment holds no more of one; keep larger things in a file of the host.",
  });
}

async function givenSecret(io: Io, file: string | undefined, prompt: string): Promise<string> {
  if (file !== undefined && file !== "-") {
    const text = readPrivate(file);
    if (text === undefined) throw fail("field_invalid", `There is no file '${file}'.`, { field: "file" });
    return text;
  }
  return file === "-" || !io.stdin.isTTY ? readInput(io.stdin, MAX_SECRET_BYTES) : promptHidden(io, prompt, MAX_SECRET_BYTES);
}

function onlyLine(text: string): string {
  const line = text.trim();
  if (line === "" || line.length > MAX_TOKEN_CHARS || /\s/.test(line)) {
    throw fail("token_malformed", line === "" ? "No token was given." : "What was given is not one token.", {
      hint: "Give it with --token-file <file>, on standard input, or at the prompt.",
    });
  }
  return line;
}

/** No more than tells that it is too much. */
export async function readInput(stdin: NodeJS.ReadStream, maxBytes: number): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of stdin) {
    const chunk = Buffer.from(part);
    bytes += chunk.byteLength;
    parts.push(chunk);
    if (bytes > maxBytes) break;
  }
  return Buffer.concat(parts).toString("utf8");
}

/** Reads one line without echo, one character more than tells that it is too long; the end of input ends it too. Throws Interrupted at Ctrl-C. */
function promptHidden({ stdin, stderr }: Io, prompt: string, maxChars: number): Promise<string> {
  // First: whatever is typed once the prompt is seen is neither echoed nor lost.
  stdin.setRawMode(true);
  stderr.write(escapeUnsafe(prompt));
  stdin.resume();
  return new Promise((resolve, reject) => {
    let line = "";
    const finish = (): void => {
      stdin.off("data", onData);
      stdin.off("end", onEnd);
      stdin.setRawMode(false);
      stdin.pause();
      stderr.write("\n");
    };
    const onEnd = (): void => {
      finish();
      resolve(line);
    };
    const onData = (data: Buffer): void => {
      const text = data.toString("utf8");
      let at = 0;
      for (const char of text) {
        at += char.length;
        if (char === "\r" || char === "\n" || char === "\u0004") {
          finish();
          if (/^[\s\u0004]*$/.test(text.slice(at))) resolve(line);
          else reject(severalLines());
          return;
        }
        if (char === "\u0003") {
          finish();
          reject(new Interrupted("at the prompt"));
          return;
        }
        if (char === "\u007f" || char === "\b") line = line.slice(0, -1);
        else if (char >= " " && line.length <= maxChars) line += char;
      }
    };
    stdin.on("data", onData);
    stdin.once("end", onEnd);
  });
}

const severalLines = () =>
  fail("field_invalid", "The prompt takes one line, and several were pasted.", {
    hint: "Give it in a file that only you can read, or on standard input.",
  });

/** A yes at the terminal. Off a terminal the flag is needed, and named. */
export async function confirm({ stdin, stderr }: Io, question: string, yes: boolean): Promise<void> {
  if (yes) return;
  if (!stdin.isTTY) throw fail("confirmation_required", `${question} Nobody can be asked here.`, { field: "yes", hint: "Add --yes." });
  stderr.write(`${escapeUnsafe(question)} [y/N] `);
  const answer = await nextLine(stdin);
  // Ctrl-D leaves the cursor behind the question.
  if (answer === undefined) stderr.write("\n");
  if (answer !== "y" && answer !== "yes") throw fail("confirmation_required", "Not confirmed: nothing was changed.");
}

/** Undefined at the end of input: Ctrl-D, or a terminal that went away. */
function nextLine(stdin: NodeJS.ReadStream): Promise<string | undefined> {
  return new Promise((resolve) => {
    const settle = (line: string | undefined): void => {
      stdin.off("data", onData);
      stdin.off("end", onEnd);
      stdin.pause();
      resolve(line);
    };
    const onData = (data: Buffer): void => settle(data.toString("utf8").trim().toLowerCase());
    const onEnd = (): void => settle(undefined);
    stdin.on("data", onData);
    stdin.once("end", onEnd);
    stdin.resume();
  });
}
