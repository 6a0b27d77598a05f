/** opencode's `run --format json`. */
import type { Talk } from "./talk.ts";
import { answered, at, failed, said, textAt, used } from "./words.ts";

export const opencodeTalk = (): Talk => ({
  lines(event) {
    if (typeof event["sessionID"] !== "string" || typeof event["type"] !== "string") return undefined;
    switch (event["type"]) {
      case "text":
        return said(textAt(event, "part", "text"));
      case "tool_use": {
        const state = at(event, "part", "state");
        const error = textAt(state, "error");
        const answer = textAt(state, "status") === "error" ? failed(error === "" ? "it failed" : error) : answered(textAt(state, "output"));
        return [...used(textAt(event, "part", "tool"), at(state, "input")), ...answer];
      }
      case "error": {
        const status = at(event, "error", "data", "statusCode");
        const message = textAt(event, "error", "data", "message") || textAt(event, "error", "message");
        const name = textAt(event, "error", "name");
        return failed([name, ...(typeof status === "number" ? [`(${status})`] : []), message].filter((word) => word !== "").join(" "));
      }
      default:
        return [];
    }
  },
  rest: () => [],
});
