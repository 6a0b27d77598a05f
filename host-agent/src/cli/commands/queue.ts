/** `maestro queue status` */
import type { Queue } from "@maestro/shared/contract/tasks";
import { EXIT } from "@maestro/shared/errors";
import { flag } from "../args/spec.ts";
import { defineCommand } from "../command.ts";
import type { Output } from "../render/output.ts";
import { renderTable, type Column } from "../render/table.ts";
import { resolveAgent } from "../resolve.ts";

type Item = Queue["items"][number];
type Host = Queue["hosts"][number];

const SHOWN = ["waiting", "processing", "completed"] as const;
const PAGE = 200;
/** A longer queue is told by its counts. */
const MAX_ITEMS = 2_000;

export const queueStatus = defineCommand({
  group: "task",
  name: "queue status",
  summary: "What waits and why, what runs where",
  flags: {
    agent: flag.text("only of this agent", "agent"),
    task: flag.text("only this task", "task"),
    waiting: flag.toggle("only what waits"),
    processing: flag.toggle("only what runs"),
    completed: flag.toggle("only what has ended"),
  },
  params: {},
  conflicts: [SHOWN],
  examples: ["maestro queue status", "maestro queue status --waiting --agent reviewer"],
  async run({ api, out, io }, { flags }) {
    const client = api();
    const agent = flags.agent === undefined ? undefined : (await resolveAgent(client, flags.agent)).id;
    const show = SHOWN.find((one) => flags[one]);
    const ask = (cursor: string | undefined) => client.call("queue", { query: { agent, task: flags.task, show, limit: PAGE, cursor } });
    const queue = await ask(undefined);
    while (queue.nextCursor !== undefined && queue.items.length < MAX_ITEMS) {
      const page = await ask(queue.nextCursor);
      queue.items.push(...page.items);
      if (page.nextCursor === undefined) delete queue.nextCursor;
      else queue.nextCursor = page.nextCursor;
    }
    if (out.mode === "ids") io.stdout.write(ids(queue.items));
    else out.one(queue, () => queueText(out, queue));
    if (queue.nextCursor !== undefined) out.note(`These are the first ${queue.items.length}.`);
    return EXIT.ok;
  },
});

const ids = (items: readonly Item[]): string => [...new Set(items.map(({ task }) => task))].map((id) => `${id}\n`).join("");

function queueText(out: Output, { counts, hosts, groups, items }: Queue): string[] {
  const counted = Object.entries(counts).filter(([, n]) => n > 0);
  return [
    counted.length === 0 ? "The queue is empty." : counted.map(([state, n]) => `${n} ${state}`).join(", "),
    ...(hosts.length === 0 ? [] : ["", ...renderTable(hosts, hostColumns, out)]),
    ...(groups.length === 0 ? [] : ["", ...renderTable(groups, groupColumns, out)]),
    ...(items.length === 0 ? [] : ["", ...renderTable(items, itemColumns(out), out)]),
  ];
}

const hostColumns: Column<Host>[] = [
  { header: "host", value: ({ name }) => name },
  { header: "state", value: ({ online, draining }) => (online ? (draining ? "draining" : "online") : "offline") },
  { header: "running", value: ({ running, limit }) => `${running} of ${limit}` },
];

const groupColumns: Column<Queue["groups"][number]>[] = [
  { header: "group", value: ({ name }) => name },
  { header: "running", value: ({ running, limit }) => `${running} of ${limit}` },
];

const itemColumns = (out: Output): Column<Item>[] => [
  { header: "task", value: ({ task }) => task },
  { header: "status", value: ({ status }) => status },
  { header: "to", value: ({ agent, host }) => agent?.name ?? host?.name ?? "any host", max: 24 },
  { header: "what", value: ({ title }) => title, max: 32 },
  { header: "priority", value: ({ priority }) => String(priority) },
  { header: "created", value: ({ createdAt }) => out.time(createdAt) },
  {
    header: "waits for",
    value: ({ waiting }) => (waiting === undefined ? "" : waiting.detail === "" ? waiting.code : waiting.detail),
    max: 60,
  },
];
