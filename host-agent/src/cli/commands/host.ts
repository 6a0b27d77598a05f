/** `maestro host …` as the control plane's API sees it. What happens on this very machine is in `host-local.ts`. */
import { EXIT } from "@maestro/shared/errors";
import type { RouteName } from "@maestro/shared/contract/routes";
import { flag, param } from "../args/spec.ts";
import { defineCommand } from "../command.ts";
import { resolveHost } from "../resolve.ts";
import { hostColumns, hostText, reachedText } from "./host-view.ts";

const which = param.required("name, id or unique beginning of an id");

export const hostList = defineCommand({
  group: "host",
  name: "host list",
  summary: "List the fleet's hosts",
  flags: {},
  params: {},
  examples: ["maestro host list", "maestro host list --json"],
  async run({ api, out }) {
    out.list(await api().all("hosts"), hostColumns(out), "No host has joined yet. On a machine: maestro host join <url>");
    return EXIT.ok;
  },
});

export const hostShow = defineCommand({
  group: "host",
  name: "host show",
  summary: "Show one host",
  flags: {},
  params: { host: which },
  examples: ["maestro host show laptop", "maestro host show hst_01j9 --json"],
  async run({ api, out }, { params }) {
    const host = await resolveHost(api(), params.host);
    out.one(host, () => hostText(out, host), host.id);
    return EXIT.ok;
  },
});

export const hostInvite = defineCommand({
  group: "host",
  name: "host invite",
  summary: "Make the line to paste on a machine that shall join",
  flags: {
    name: flag.text("the name the host will have", "name"),
    label: flag.pairs("labels the host will have"),
    ttl: flag.integer("how long the line is good for", { min: 30, max: 86_400, example: 900, placeholder: "seconds" }),
  },
  params: {},
  examples: ["maestro host invite", "maestro host invite --name gpu-1 --label gpu=yes"],
  async run({ api, out }, { flags }) {
    const join = await api().call("hostJoinCreate", {
      body: {
        ...(flags.name === undefined ? {} : { name: flags.name }),
        ...(Object.keys(flags.label).length === 0 ? {} : { labels: flags.label }),
        ...(flags.ttl === undefined ? {} : { ttlSeconds: flags.ttl }),
      },
    });
    out.note(`Paste this on the new machine (good until ${join.expiresAt}, once):`);
    // The token in it is told this once: it is what -q is for here.
    out.one(join, ({ line }) => line, join.line);
    return EXIT.ok;
  },
});

type HostAction = Extract<RouteName, "hostDrain" | "hostResume" | "hostUnlock">;

const hostAction = (verb: string, route: HostAction, summary: string, done: string) =>
  defineCommand({
    group: "host",
    name: `host ${verb}`,
    summary,
    flags: {},
    params: { host: which },
    examples: [`maestro host ${verb} laptop`, `maestro host ${verb} hst_01j9 --json`],
    async run({ api, out }, { params }) {
      const client = api();
      const { id } = await resolveHost(client, params.host);
      const host = await client.call(route, { params: { id } });
      out.one(host, () => `${host.name} ${done}`, host.id);
      return EXIT.ok;
    },
  });

export const hostDrain = hostAction(
  "drain",
  "hostDrain",
  "Let a host take no new sessions or work",
  "drains: what runs goes on, nothing new starts.",
);
export const hostResume = hostAction("resume", "hostResume", "Let a drained host take work again", "takes work again.");
export const hostUnlock = hostAction(
  "unlock",
  "hostUnlock",
  "Unlock an identity that was seen in two places",
  "is unlocked. If it was copied, remove it and join anew instead.",
);

export const hostRemove = defineCommand({
  group: "host",
  name: "host remove",
  summary: "Remove a host; its identity, or its carrier's way to it, stops working at once",
  flags: {},
  params: { host: which },
  examples: ["maestro host remove laptop", "maestro host remove laptop --yes"],
  async run({ api, out, confirm }, { params }) {
    const client = api();
    const host = await resolveHost(client, params.host);
    const { id, name } = host;
    await confirm(host.transport === "link" ? `Remove host '${name}' from the fleet?` : `Remove '${name}' (${reachedText(host)})?`);
    await client.call("hostRemove", { params: { id } });
    out.one({ id, name, removed: true }, () => `${name} is removed. Its sessions and agents on the machine were not touched.`, id);
    return EXIT.ok;
  },
});
