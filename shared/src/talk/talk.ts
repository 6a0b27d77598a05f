/** What agents' CLIs write for programs, as lines for a person. Which CLI it is, is told by what it writes: a log says no more. */
import { codexTalk } from "./codex.ts";
import { geminiTalk } from "./gemini.ts";
import { opencodeTalk } from "./opencode.ts";
import { streamJsonTalk } from "./stream-json.ts";
import type { Event } from "./words.ts";

export interface Talk {
  /** Of one event, in order; none where it has nothing to say. Undefined: it is no event of this CLI. */
  lines(event: Event): string[] | undefined;
  /** What was begun and not ended. */
  rest(): string[];
}

export function anyTalk(): Talk {
  const all = [streamJsonTalk(), codexTalk(), opencodeTalk(), geminiTalk()];
  return {
    lines(event) {
      for (const talk of all) {
        const lines = talk.lines(event);
        if (lines !== undefined) return lines;
      }
      return undefined;
    },
    rest: () => all.flatMap((talk) => talk.rest()),
  };
}
