/** `maestro agent groom` [SSH24] */
import type { Groom } from "@maestro/shared/contract/grooms";
import { EXIT, fail } from "@maestro/shared/errors";
import { GROOM_TIMEOUT_MS } from "@maestro/shared/limits";
import { escapeUnsafe } from "@maestro/shared/sanitize";
import type { ApiClient } from "../api/client.ts";
import { patiently, type Patience } from "../api/patience.ts";
import { flag, param } from "../args/spec.ts";
import { defineCommand } from "../command.ts";
import { Interrupted } from "../interrupted.ts";
import { Interruption } from "../interruption.ts";
import { readableText } from "../logs/log-filter.ts";
import { LiveBlock } from "../render/live-block.ts";
import { duration } from "../render/time.ts";
import { resolveAgent } from "../resolve.ts";
import { patienceOf } from "./task-await.ts";

/** How old what is shown may be. */
const STEP_S = 2;

export const agentGroom = defineCommand({
  group: "agent",
  name: "agent groom",
  summary: "Ask an agent's CLI once, read-only, for what it knows, and print its text for another agent",
  flags: {
    prompt: flag.text("what to ask; default: a hand-over of the work in its directory", "text"),
    session: flag.text("the CLI's own session whose talk is meant", "id"),
    model: flag.text("which model answers", "model"),
    timeout: flag.integer("seconds", { min: 1, max: GROOM_TIMEOUT_MS / 1000, example: 120, placeholder: "s" }),
  },
  params: { agent: param.required("name, id or unique beginning of an id") },
  examples: ["maestro agent groom claude > context.md", 'maestro agent groom claude --prompt "What is left to do?"'],
  async run(context, { params, flags }) {
    const { out, io } = context;
    const client = context.api();
    const { id, name } = await resolveAgent(client, params.agent);
    const { prompt, session, model, timeout } = flags;
    using interruption = new Interruption();
    const patience = patienceOf(context, interruption);
    const begun = await client.call("agentGroom", {
      params: { id },
      body: {
        ...(prompt === undefined ? {} : { prompt }),
        ...(session === undefined ? {} : { resumeSession: session }),
        ...(model === undefined ? {} : { model }),
        ...(timeout === undefined ? {} : { timeoutMs: timeout * 1000 }),
      },
    });
    const block = io.stderr.isTTY && out.mode === "table" ? new LiveBlock(io.stderr) : undefined;
    const groom = await untilItEnds(client, begun, patience, (now) => {
      block?.draw([escapeUnsafe(progressLine(now)).slice(0, block.width)]);
    });
    block?.draw([]);
    if (groom === undefined) {
      await client.call("groomCancel", { params: { id: begun.id } });
      throw new Interrupted(`; groom ${begun.id} is cancelled`, `Begin it again: maestro agent groom ${name}`);
    }
    if (groom.status !== "done")
      throw fail("task_failed", `Groom ${groom.id} ${groom.status}${groom.reason === undefined ? "." : `: ${groom.reason.detail}`}`, {
        hint: groom.reason?.hint ?? `Its log: maestro logs ${groom.id}`,
      });
    const text = groom.text ?? "";
    if (out.mode === "table") out.raw(io.stdout.isTTY ? `${readableText(text)}\n` : `${text}\n`);
    else out.one(groom, () => text, groom.id);
    if (groom.partial === true) out.note("Its time was over: this is what it had said by then.");
    return EXIT.ok;
  },
});

/** Undefined: interrupted. */
async function untilItEnds(client: ApiClient, begun: Groom, patience: Patience, show: (now: Groom) => void): Promise<Groom | undefined> {
  const { id } = begun;
  try {
    for (let now = begun; ;) {
      show(now);
      if (now.status !== "waiting" && now.status !== "running") return now;
      await patiently(patience, () => client.call("taskWait", { params: { id }, query: { timeout: STEP_S }, signal: patience.signal }));
      if (patience.signal.aborted) return undefined;
      now = await patiently(patience, () => client.call("groom", { params: { id }, signal: patience.signal }));
    }
  } catch (error) {
    if (patience.signal.aborted) return undefined;
    throw error;
  }
}

function progressLine({ agent, status, waiting, progress: { chunkCount, bytesReceived, elapsedMs } }: Groom): string {
  if (status === "waiting") return `${agent.name} waits${waiting === undefined ? "" : `: ${waiting.detail}`}`;
  return `${agent.name} answers: ${chunkCount} ${chunkCount === 1 ? "line" : "lines"}, ${bytesReceived} bytes, ${duration(elapsedMs)}`;
}
