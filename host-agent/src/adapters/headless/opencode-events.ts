/** opencode's `run --format json`: parts of a conversation as they are done. */
import * as z from "zod";
import { failureOf, reason } from "./failures.ts";
import { usageOf, type EventReader } from "./findings.ts";

const Count = z.number().catch(0);
const Session = z.looseObject({ sessionID: z.string().max(128) });
const Text = z.looseObject({ part: z.looseObject({ text: z.string() }) });
const Step = z.looseObject({
  part: z.looseObject({
    cost: Count,
    tokens: z
      .looseObject({ input: Count, output: Count, cache: z.looseObject({ read: Count, write: Count }).catch({ read: 0, write: 0 }) })
      .optional()
      .catch(undefined),
  }),
});
const Tool = z.looseObject({
  part: z.looseObject({ tool: z.string().catch("a tool"), state: z.looseObject({ status: z.string(), error: z.string().catch("") }) }),
});
const Failed = z.looseObject({
  error: z.looseObject({
    name: z.string().catch(""),
    data: z
      .looseObject({ message: z.string().catch(""), statusCode: z.number().optional().catch(undefined) })
      .optional()
      .catch(undefined),
    message: z.string().optional().catch(undefined),
  }),
});

/** Of one answer; the log has it all. */
const MAX_TEXTS = 1_000;

export function opencodeEvents(): EventReader {
  let session: string | undefined;
  /** Since the last step began: what it says before it uses a tool is not its answer. */
  let texts: string[] = [];
  let failure: string | undefined;
  let finished = false;
  const denied = new Set<string>();
  const sums = { turns: 0, input: 0, output: 0, read: 0, write: 0, cost: 0 };
  return {
    event(event) {
      session ??= Session.safeParse(event).data?.sessionID;
      switch (event["type"]) {
        case "step_start":
          texts = [];
          finished = false;
          break;
        case "text": {
          const text = Text.safeParse(event).data?.part.text;
          if (text !== undefined && texts.length < MAX_TEXTS) texts.push(text);
          break;
        }
        case "tool_use": {
          const part = Tool.safeParse(event).data?.part;
          if (part?.state.status === "error" && /permission|reject|denied|not allowed|prevents you/i.test(part.state.error))
            denied.add(part.tool);
          break;
        }
        case "step_finish": {
          const part = Step.safeParse(event).data?.part;
          finished = true;
          sums.turns += 1;
          sums.cost += part?.cost ?? 0;
          sums.input += part?.tokens?.input ?? 0;
          sums.output += part?.tokens?.output ?? 0;
          sums.read += part?.tokens?.cache.read ?? 0;
          sums.write += part?.tokens?.cache.write ?? 0;
          break;
        }
        case "error": {
          const error = Failed.safeParse(event).data?.error;
          const status = error?.data?.statusCode;
          failure = [error?.name, status === undefined ? undefined : `(${status})`, error?.data?.message ?? error?.message]
            .filter((word) => word !== undefined && word !== "")
            .join(" ");
          break;
        }
        default:
          break;
      }
    },
    findings: (nowMs) => ({
      finished: finished && failure === undefined,
      ...(session === undefined ? {} : { session }),
      ...(texts.length === 0 ? {} : { result: texts.join("\n") }),
      ...(sums.turns === 0
        ? {}
        : usageOf({
            turns: sums.turns,
            inputTokens: sums.input,
            outputTokens: sums.output,
            cacheReadTokens: sums.read,
            cacheWriteTokens: sums.write,
            costUsd: sums.cost,
          })),
      ...(failure !== undefined
        ? { failure: failureOf(failure, nowMs) }
        : denied.size > 0
          ? { failure: reason("permission_denied", `It was not permitted to use ${[...denied].slice(0, 10).join(", ")}.`) }
          : {}),
    }),
  };
}
