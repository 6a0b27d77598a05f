/** Gemini CLI's `stream-json`: messages in deltas, then one `result`. */
import * as z from "zod";
import { failureOf } from "./failures.ts";
import { usageOf, type EventReader } from "./findings.ts";

const Count = z.number().optional().catch(undefined);
const Init = z.looseObject({ session_id: z.string().max(128) });
const Message = z.looseObject({ role: z.string(), content: z.string() });
const Result = z.looseObject({
  status: z.string().catch(""),
  error: z
    .looseObject({ type: z.string().catch(""), message: z.string().catch("") })
    .optional()
    .catch(undefined),
  stats: z.looseObject({ input_tokens: Count, output_tokens: Count, cached: Count }).optional().catch(undefined),
});
const Complaint = z.looseObject({ severity: z.string().optional().catch(undefined), message: z.string() });

/** Twice what a result may have: the beginning of a longer one goes. */
const MAX_TEXT_CHARS = 64 * 1024;

export function geminiEvents(): EventReader {
  let session: string | undefined;
  let text = "";
  let complaint: string | undefined;
  let result: z.infer<typeof Result> | undefined;
  return {
    event(event) {
      switch (event["type"]) {
        case "init":
          session = Init.safeParse(event).data?.session_id;
          break;
        case "message": {
          const message = Message.safeParse(event).data;
          if (message?.role === "assistant") text = (text + message.content).slice(-MAX_TEXT_CHARS);
          break;
        }
        case "tool_use":
          // What it says before it uses a tool is not its answer.
          text = "";
          break;
        case "error":
          complaint = Complaint.safeParse(event).data?.message ?? complaint;
          break;
        case "result":
          result = Result.safeParse(event).data;
          break;
        default:
          break;
      }
    },
    findings(nowMs) {
      const failed = result !== undefined && result.status !== "success";
      const said = [result?.error?.type, result?.error?.message ?? complaint]
        .filter((word) => word !== undefined && word !== "")
        .join(": ");
      return {
        finished: result !== undefined && !failed,
        ...(session === undefined ? {} : { session }),
        ...(text === "" ? {} : { result: text }),
        ...usageOf({
          inputTokens: result?.stats?.input_tokens,
          outputTokens: result?.stats?.output_tokens,
          cacheReadTokens: result?.stats?.cached,
        }),
        ...(failed ? { failure: failureOf(said, nowMs) } : {}),
      };
    },
  };
}
