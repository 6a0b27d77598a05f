/** What the stubbed models say: a pure function of the prompt, with a word in it that no prompt contains. */
import { createHash } from "node:crypto";

/** A prompt carries `nonce:<word>`; models answer with the word and a digest of it, which only they can print. */
const NONCE = /nonce[:=]\s*([A-Za-z0-9]{4,40})/;

const digest = (text: string): string => createHash("sha256").update(`model-stub ${text}`).digest("hex").slice(0, 10);

/** The word to look for on the screen: an echoed prompt does not contain it. */
export const answerWord = (nonce: string): string => `heard${digest(nonce)}`;

/** How to ask so that the answer can be recognised. */
export const promptWith = (nonce: string): string => `Reply with the word for nonce:${nonce}`;

/** The last nonce of a prompt wins: agent CLIs put the conversation so far before it. */
export function answerTo(prompt: string): string {
  const found = [...prompt.matchAll(new RegExp(NONCE, "g"))].at(-1)?.[1];
  return found === undefined ? `Ready ${digest(prompt)}.` : `The word is ${answerWord(found)} indeed.`;
}

/** Split as a streaming model would: a few characters at a time. */
export function pieces(text: string, size = 6): string[] {
  const out: string[] = [];
  for (let at = 0; at < text.length; at += size) out.push(text.slice(at, at + size));
  return out;
}

/** Rough, and deterministic: four characters a token. */
export const tokens = (text: string): number => Math.max(1, Math.ceil(text.length / 4));
