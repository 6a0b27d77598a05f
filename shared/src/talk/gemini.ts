/** Gemini's `stream-json`: messages in deltas, which are given line by line. */
import type { Talk } from "./talk.ts";
import { answered, at, begun, failed, said, stands, textAt, used, type Event } from "./words.ts";

const TYPES = new Set<unknown>(["init", "message", "tool_use", "tool_result", "error", "result"]);

/** A line that does not end is given in pieces. */
const MAX_OPEN_CHARS = 64 * 1024;

export function geminiTalk(): Talk {
  let open = "";
  const rest = (): string[] => {
    const lines = said(open);
    open = "";
    return lines;
  };
  return {
    lines(event) {
      if (typeof event["timestamp"] !== "string" || !TYPES.has(event["type"])) return undefined;
      if (event["type"] !== "message") return [...rest(), ...ofOther(event)];
      if (event["role"] !== "assistant") return rest();
      const lines = (open + textAt(event, "content")).split("\n");
      open = lines.pop() ?? "";
      if (open.length <= MAX_OPEN_CHARS) return lines;
      lines.push(open);
      open = "";
      return lines;
    },
    rest,
  };
}

function ofOther(event: Event): string[] {
  switch (event["type"]) {
    case "init":
      return begun(textAt(event, "session_id"), textAt(event, "model"));
    case "tool_use":
      return used(textAt(event, "tool_name"), at(event, "parameters"));
    case "tool_result":
      return textAt(event, "status") === "error"
        ? failed(textAt(event, "error", "message") || textAt(event, "output") || "it failed")
        : answered(textAt(event, "output"));
    case "error":
      return failed(textAt(event, "message"));
    default:
      return textAt(event, "status") === "success"
        ? [stands("done", undefined, undefined)]
        : [...failed(textAt(event, "error", "message")), stands("failed", undefined, undefined)];
  }
}
