/** Claude Code's `stream-json`, which Qwen Code and Amp speak too. */
import type { Talk } from "./talk.ts";
import { answered, at, begun, failed, listAt, numberAt, said, stands, textAt, used, type Event } from "./words.ts";

const TYPES = new Set<unknown>(["system", "assistant", "user", "result"]);

export function streamJsonTalk(): Talk {
  /** What was said last: the result says it again. */
  let last = "";
  return {
    lines(event) {
      if (typeof event["session_id"] !== "string" || !(TYPES.has(event["type"]) || "uuid" in event)) return undefined;
      switch (event["type"]) {
        case "system":
          return ofSystem(event);
        case "assistant":
          return listAt(event, "message", "content").flatMap((block) => {
            if (at(block, "type") === "tool_use") return used(textAt(block, "name"), at(block, "input"));
            const text = at(block, "type") === "text" ? textAt(block, "text") : "";
            if (text !== "") last = text.trim();
            return said(text);
          });
        case "user":
          return listAt(event, "message", "content").flatMap((block) => {
            if (at(block, "type") !== "tool_result") return [];
            return at(block, "is_error") === true ? failed(contentOf(block)) : answered(contentOf(block));
          });
        case "rate_limit_event":
          return textAt(event, "rate_limit_info", "status") === "rejected"
            ? failed(limitText(at(event, "rate_limit_info", "resetsAt")))
            : [];
        case "result":
          return ofResult(event, last);
        default:
          return [];
      }
    },
    rest: () => [],
  };
}

function ofSystem(event: Event): string[] {
  switch (event["subtype"]) {
    case "init":
      return begun(textAt(event, "session_id"), textAt(event, "model"));
    case "api_retry":
      return failed(
        `the provider is asked again, ${numberAt(event, "attempt")} of ${numberAt(event, "max_retries")}: ${textAt(event, "error")}`,
      );
    default:
      return [];
  }
}

function ofResult(event: Event, last: string): string[] {
  const subtype = textAt(event, "subtype");
  const isError = event["is_error"] === true || (subtype !== "success" && subtype !== "");
  const errors = listAt(event, "errors").filter((one) => typeof one === "string");
  const text = [textAt(event, "result"), textAt(event, "error"), ...errors].filter((one) => one.trim() !== "").join("\n");
  const again = text.trim() === last;
  const how = isError ? (subtype === "success" || subtype === "" ? "failed" : subtype.replaceAll("_", " ")) : "done";
  return [...(again ? [] : isError ? failed(text) : said(text)), stands(how, event["num_turns"], event["total_cost_usd"])];
}

function contentOf(block: unknown): string {
  const content = at(block, "content");
  if (typeof content === "string") return content;
  return listAt(block, "content")
    .map((part) => textAt(part, "text"))
    .filter((text) => text !== "")
    .join("\n");
}

const limitText = (resetsAt: unknown): string =>
  `the provider's limit is reached${typeof resetsAt === "number" && Math.abs(resetsAt) < 8e12 ? `, until ${new Date(resetsAt * 1000).toISOString()}` : ""}`;
