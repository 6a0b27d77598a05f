/** What the stubbed models say and do: a pure function of the prompt, with a word in it that no prompt contains. */
import { createHash } from "node:crypto";

/** A prompt carries `nonce:<word>`; models answer with the word and a digest of it, which only they can print. */
const NONCE = /nonce[:=]\s*([A-Za-z0-9]{4,40})/;
/** A prompt with `file:<absolute path>` wants the nonce written there, with the agent's own tool. */
const FILE = /file[:=]\s*(\/[A-Za-z0-9_./-]{1,400})/;
/** A prompt with `fail:<kind>` is refused by the provider. */
const FAIL = /fail[:=]\s*(auth|quota|overflow|overloaded)\b/;

export type FailKind = "auth" | "quota" | "overflow" | "overloaded";
export type Wish = { kind: "say"; text: string } | { kind: "write"; file: string; content: string } | { kind: "fail"; fail: FailKind };

const digest = (text: string): string => createHash("sha256").update(`model-stub ${text}`).digest("hex").slice(0, 10);

/** The word to look for on the screen: an echoed prompt does not contain it. */
export const answerWord = (nonce: string): string => `heard${digest(nonce)}`;

/** How to ask so that the answer can be recognised. */
export const promptWith = (nonce: string): string => `Reply with the word for nonce:${nonce}`;

/** How to ask for a file whose content is the nonce, to the byte. */
export const promptToWrite = (nonce: string, file: string): string => `Write nonce:${nonce} into file:${file}`;

/** How to ask for a refusal; `resetsAt` of a quota is `QUOTA_RESETS_S` seconds from then. */
export const promptToFail = (kind: FailKind): string => `This will fail:${kind}`;
export const QUOTA_RESETS_S = 7_200;

/** A prompt with `see:images` wants to know how many the model was shown. */
const SEE = /see:(images)\b/;
const IMAGE = /^(\/\S+\.(?:png|jpg|gif|webp))$/m;
export const promptToSee = "Tell how many you see:images of";
export const sees = (images: number): string => `I see ${images} image${images === 1 ? "" : "s"}.`;
/** What a model says to `promptToSee`; undefined: it is another prompt. */
export const seenBy = (prompt: string, images: number): string | undefined => (last(prompt, SEE) === undefined ? undefined : sees(images));
/** An image that the prompt names by its path, for an agent with a tool that shows it. */
export const imageNamed = (prompt: string): string | undefined => IMAGE.exec(prompt)?.[1];

/** The last nonce of a prompt wins: agent CLIs put the conversation so far before it. */
export function answerTo(prompt: string): string {
  const found = last(prompt, NONCE);
  return found === undefined ? `Ready ${digest(prompt)}.` : `The word is ${answerWord(found)} indeed.`;
}

/** @param toolDone a tool has answered what the last prompt asked of it. */
export function wishOf(prompt: string, toolDone: boolean): Wish {
  const fail = last(prompt, FAIL);
  if (fail !== undefined && isFailKind(fail)) return { kind: "fail", fail };
  const file = last(prompt, FILE);
  const content = last(prompt, NONCE);
  if (file !== undefined && content !== undefined && !toolDone) return { kind: "write", file, content };
  return { kind: "say", text: answerTo(prompt) };
}

const isFailKind = (word: string): word is FailKind => ["auth", "quota", "overflow", "overloaded"].includes(word);

const last = (prompt: string, pattern: RegExp): string | undefined => [...prompt.matchAll(new RegExp(pattern, "g"))].at(-1)?.[1];

/** Split as a streaming model would: a few characters at a time. */
export function pieces(text: string, size = 6): string[] {
  const out: string[] = [];
  for (let at = 0; at < text.length; at += size) out.push(text.slice(at, at + size));
  return out;
}

/** Rough, and deterministic: four characters a token. */
export const tokens = (text: string): number => Math.max(1, Math.ceil(text.length / 4));
