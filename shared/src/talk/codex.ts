/** Codex' `exec --json`. */
import type { Talk } from "./talk.ts";
import { answered, at, begun, failed, listAt, numberAt, said, stands, textAt, used, type Event } from "./words.ts";

export function codexTalk(): Talk {
  /** Told as it happens, and again when its turn ends for it. */
  let complaint = "";
  const complain = (text: string): string[] => {
    const again = text === complaint;
    complaint = text;
    return again ? [] : failed(text);
  };
  return {
    lines(event) {
      switch (event["type"]) {
        case "thread.started":
          return typeof event["thread_id"] === "string" ? begun(event["thread_id"]) : undefined;
        case "turn.started":
          return Object.keys(event).length === 1 ? [] : undefined;
        case "turn.completed":
          return at(event, "usage", "input_tokens") === undefined ? undefined : [stands("turn done", undefined, undefined)];
        case "turn.failed":
          return complain(textAt(event, "error", "message") || "the turn failed");
        case "error":
          return typeof event["message"] === "string" && Object.keys(event).length === 2 ? complain(event["message"]) : undefined;
        case "item.started":
        case "item.updated":
        case "item.completed":
          return typeof at(event, "item", "type") === "string" ? ofItem(event) : undefined;
        default:
          return undefined;
      }
    },
    rest: () => [],
  };
}

function ofItem({ type: when, item }: Event): string[] {
  const kind = textAt(item, "type");
  if (when === "item.started") return kind === "command_execution" ? used("run", textAt(item, "command")) : [];
  if (when !== "item.completed") return [];
  switch (kind) {
    case "agent_message":
      return said(textAt(item, "text"));
    case "command_execution": {
      const output = textAt(item, "aggregated_output");
      if (textAt(item, "status") !== "failed") return answered(output);
      return [...failed(`exit code ${numberAt(item, "exit_code")}`), ...answered(output)];
    }
    case "file_change":
      return [
        ...listAt(item, "changes").flatMap((change) => used(textAt(change, "kind") || "change", textAt(change, "path"))),
        ...(textAt(item, "status") === "failed" ? failed("the change failed") : []),
      ];
    case "mcp_tool_call":
      return used([textAt(item, "server"), textAt(item, "tool")].filter((word) => word !== "").join("."), at(item, "arguments"));
    case "web_search":
      return used("search", textAt(item, "query"));
    case "error":
      return failed(textAt(item, "message"));
    default:
      return [];
  }
}
