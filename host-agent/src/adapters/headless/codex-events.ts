/** Codex' `exec --json`: a thread of turns, whose items are messages, commands and changes of files. */
import * as z from "zod";
import { failureOf, reason } from "./failures.ts";
import { usageOf, type EventReader } from "./findings.ts";

const Count = z.number().catch(0);
const Thread = z.looseObject({ thread_id: z.string().max(128) });
const Item = z.looseObject({
  item: z.looseObject({
    type: z.string(),
    text: z.string().optional().catch(undefined),
    status: z.string().catch(""),
    command: z.string().catch("a change of files"),
    aggregated_output: z.string().catch(""),
  }),
});
const Turn = z.looseObject({ usage: z.looseObject({ input_tokens: Count, cached_input_tokens: Count, output_tokens: Count }) });
const Failed = z.looseObject({ error: z.looseObject({ message: z.string() }) });
const Complaint = z.looseObject({ message: z.string() });

export function codexEvents(): EventReader {
  let session: string | undefined;
  let result: string | undefined;
  let complaint: string | undefined;
  /** The last thing it tried, when its sandbox or its rules forbade that: what it got done in another way does not count. */
  let denied: string | undefined;
  let ended: "no" | "completed" | "failed" = "no";
  const sums = { turns: 0, input: 0, cached: 0, output: 0 };
  return {
    event(event) {
      switch (event["type"]) {
        case "thread.started":
          session = Thread.safeParse(event).data?.thread_id;
          break;
        case "item.completed": {
          const item = Item.safeParse(event).data?.item;
          if (item?.type === "agent_message") result = item.text;
          if (item?.type === "command_execution" || item?.type === "file_change") denied = isDenied(item) ? item.command : undefined;
          break;
        }
        case "turn.completed": {
          const usage = Turn.safeParse(event).data?.usage;
          ended = "completed";
          sums.turns += 1;
          // Its input counts what came from the cache too.
          sums.input += Math.max(0, (usage?.input_tokens ?? 0) - (usage?.cached_input_tokens ?? 0));
          sums.cached += usage?.cached_input_tokens ?? 0;
          sums.output += usage?.output_tokens ?? 0;
          break;
        }
        case "turn.failed":
          ended = "failed";
          complaint = Failed.safeParse(event).data?.error.message ?? complaint;
          break;
        case "error":
          // Told of each try to reconnect too; only the turn's end says that it was the last.
          complaint = Complaint.safeParse(event).data?.message ?? complaint;
          break;
        default:
          break;
      }
    },
    findings: (nowMs) => ({
      finished: ended === "completed",
      ...(session === undefined ? {} : { session }),
      ...(result === undefined ? {} : { result }),
      ...(sums.turns === 0
        ? {}
        : usageOf({ turns: sums.turns, inputTokens: sums.input, cacheReadTokens: sums.cached, outputTokens: sums.output })),
      ...(ended !== "completed"
        ? complaint === undefined
          ? {}
          : { failure: failureOf(complaint, nowMs) }
        : denied === undefined
          ? {}
          : { failure: reason("permission_denied", `It was not permitted: ${denied}`) }),
    }),
  };
}

const isDenied = ({ status, aggregated_output }: { status: string; aggregated_output: string }): boolean =>
  status === "declined" || (status === "failed" && /Read-only file system|Operation not permitted|rejected by/i.test(aggregated_output));
