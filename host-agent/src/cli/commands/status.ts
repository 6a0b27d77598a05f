/** `maestro status`, `maestro events`. */
import { EXIT } from "@maestro/shared/errors";
import { FleetEvent } from "@maestro/shared/contract/resources";
import { ROUTES } from "@maestro/shared/contract/routes";
import { parseJson } from "../../config/json.ts";
import type { ApiClient } from "../api/client.ts";
import { breakWhenSilent, patiently, rest, type Patience } from "../api/patience.ts";
import { flag, param } from "../args/spec.ts";
import { defineCommand } from "../command.ts";
import { Interruption } from "../interruption.ts";
import { ServerRefusal } from "../render/failure.ts";
import { renderFields } from "../render/table.ts";
import { everything, findAnything, thingText } from "./things.ts";

export const status = defineCommand({
  group: "run",
  name: "status",
  summary: "The fleet at a glance, or one host, agent, session or task by name or id",
  flags: {},
  params: { id: param.optional("a host, agent, session or task") },
  examples: ["maestro status", "maestro status ses_01j9 --json"],
  async run({ api, out, io }, { params }) {
    const client = api();
    const { hosts, agents, sessions } = await everything(client);
    if (params.id === undefined) {
      const counts = {
        url: client.target.url.origin,
        hosts: { online: hosts.filter((host) => host.status === "online").length, total: hosts.length },
        agents: { working: agents.filter((agent) => agent.status === "working").length, total: agents.length },
        sessions: { running: sessions.filter((session) => session.status === "running").length, total: sessions.length },
        ...(await taskCounts(client)),
      };
      out.one(counts, () =>
        renderFields([
          ["server", counts.url],
          ["hosts", `${counts.hosts.online} online of ${counts.hosts.total}`],
          ["agents", `${counts.agents.working} working of ${counts.agents.total}`],
          ["sessions", `${counts.sessions.running} running of ${counts.sessions.total}`],
          ["tasks", counts.tasks === undefined ? undefined : `${counts.tasks.running} running, ${counts.tasks.waiting} waiting`],
        ]),
      );
      return EXIT.ok;
    }
    const found = await findAnything(client, { hosts, agents, sessions }, params.id);
    out.one({ kind: found.kind, ...found.value }, () => thingText(out, found, io.nowMs()), found.id);
    return EXIT.ok;
  },
});

/** Nothing where they may not be seen. */
async function taskCounts(client: ApiClient): Promise<{ tasks?: { running: number; waiting: number } }> {
  try {
    const { counts } = await client.call("queue", { query: { limit: 1 } });
    return {
      tasks: { running: counts.running + counts.cancelling + counts.unknown, waiting: counts.blocked + counts.queued + counts.offered },
    };
  } catch (error) {
    if (error instanceof ServerRefusal) return {};
    throw error;
  }
}

export const events = defineCommand({
  group: "monitor",
  name: "events",
  summary: "What happened in the fleet lately; with --follow, what happens",
  flags: {
    follow: flag.toggle("go on until interrupted"),
    since: flag.text("after this event", "evt"),
    limit: flag.integer("at most so many", { min: 1, max: 1000, example: 100 }),
  },
  params: {},
  examples: ["maestro events --follow", "maestro events --since evt_42 --json"],
  async run({ api, out, io, settings }, { flags }) {
    using interruption = new Interruption();
    const { signal } = interruption;
    const away = (why: string) => out.note(`${why} Asking again.`);
    const patience: Patience = { signal, scale: settings().timeScale, met: false, away };
    const client = api();
    let since = flags.since;
    /** Answers in a row that ended and told nothing. */
    let quiet = 0;
    // More was missed than a follower is sent: it is read in pages first.
    let catchingUp = false;
    for (;;) {
      const paging: boolean = catchingUp;
      const follow: boolean = flags.follow && !paging;
      let head: string | undefined;
      let heard = 0;
      const query = { since, follow: follow ? "true" : "false", limit: paging ? CATCH_UP_ROWS : flags.limit };
      const ask = () => client.raw(ROUTES.events, { query, signal }, { accept: "text/event-stream" });
      const answer = await patiently(patience, ask).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
      if (answer === undefined) return EXIT.interrupted;
      const { body } = answer;
      if (follow) breakWhenSilent(body, patience);
      try {
        for await (const message of serverSentEvents(body)) {
          if (message.event === AT) {
            head = message.data;
            if (follow) since ??= head;
            continue;
          }
          if (message.event === "reset") {
            catchingUp = follow;
            if (follow) break;
            io.stderr.write("maestro: events were missed; the list starts anew.\n");
            since = head;
          }
          heard += 1;
          const event = FleetEvent.safeParse(parseJson(message.data));
          if (!event.success) continue;
          since = event.data.id;
          out.record(event.data, ({ at, type, subject, summary }) => [out.time(at), type, subject, summary]);
        }
        if (paging && heard < CATCH_UP_ROWS) {
          catchingUp = false;
          // Up to there nothing is left, not even what others only may hear.
          since = head ?? since;
        }
      } catch (error) {
        if (!signal.aborted && !flags.follow) throw error;
      }
      // The server ends a followed answer now and then, so that nothing is held awake by it: go on where it ended.
      if (signal.aborted) return EXIT.interrupted;
      if (!flags.follow) return EXIT.ok;
      quiet = heard > 0 ? 0 : quiet + 1;
      // Whoever answers at once is not asked at once again; pages that are full are wanted all.
      if (!catchingUp || heard === 0) await rest(patience, quiet);
    }
  },
});

/** As many as the server gives at once. */
const CATCH_UP_ROWS = 1000;
/** How a message tells where the fleet's events are now; none of the server's own is named so. */
const AT = ": at";

interface Message {
  event: string;
  data: string;
}

/** The subset of server-sent events that our server writes. */
async function* serverSentEvents(body: AsyncIterable<Buffer>): AsyncGenerator<Message> {
  const decoder = new TextDecoder();
  let rest = "";
  let message: Message = { event: "message", data: "" };
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const text = line.replace(/\r$/, "");
      if (text === "") {
        if (message.data !== "") yield message;
        message = { event: "message", data: "" };
      } else if (text.startsWith(`${AT} `)) yield { event: AT, data: text.slice(AT.length).trim() };
      else if (text.startsWith("event:")) message.event = text.slice(6).trim();
      else if (text.startsWith("data:")) message.data += (message.data === "" ? "" : "\n") + text.slice(5).replace(/^ /, "");
    }
  }
}
