/** `maestro state …`, and `redis flush` as the seeds call it */
import type { StateEntry } from "@maestro/shared/contract/state";
import { EXIT, fail } from "@maestro/shared/errors";
import { MAX_STATE_VALUE_BYTES, STATE_TTL_MAX_S } from "@maestro/shared/limits";
import { flag, param } from "../args/spec.ts";
import { defineCommand, type Command } from "../command.ts";
import { Interruption } from "../interruption.ts";
import type { Output } from "../render/output.ts";
import { readInput } from "../config/secret-input.ts";
import type { Column } from "../render/table.ts";
import { noticeRedis } from "./redis-notice.ts";
import { watchState } from "./state-changes.ts";
import { patienceOf } from "./task-await.ts";

const which = param.required("the key");

/** A path cannot hold these: on the way they would become another one. */
function checkKey(key: string): string {
  if (key !== "" && key !== "." && key !== "..") return key;
  throw fail("key_invalid", `'${key}' is no key.`, { field: "key", hint: "For example: build:last" });
}

export const stateSet = defineCommand({
  group: "state",
  name: "state set",
  summary: "Set a key that agents and people share; it goes away after a day unless told otherwise",
  flags: {
    ttl: flag.text("how long it stays in seconds, or none for ever; default 86400", "seconds|none"),
    "if-version": flag.integer("only where this is its version; 0: where there is none", {
      min: 0,
      max: Number.MAX_SAFE_INTEGER,
      example: 3,
    }),
  },
  params: { key: which, value: param.required("the value, - for standard input") },
  examples: ["maestro state set build:last green", "maestro state set endpoint - --ttl none"],
  async run(context, { params, flags }) {
    noticeRedis(context);
    const { api, out, io } = context;
    const key = checkKey(params.key);
    const value = params.value === "-" ? await readInput(io.stdin, MAX_STATE_VALUE_BYTES) : params.value;
    const ttl = flags.ttl === undefined ? {} : { ttl: lifetime(flags.ttl) };
    const ifVersion = flags["if-version"] === undefined ? {} : { ifVersion: flags["if-version"] };
    const entry = await api().call("statePut", { params: { key }, body: { value, ...ttl, ...ifVersion } });
    out.one(
      entry,
      () => `${entry.key} is set, version ${entry.version}${entry.expiresAt === undefined ? "" : `, until ${entry.expiresAt}`}.`,
      entry.key,
    );
    return EXIT.ok;
  },
});

function lifetime(text: string): number | "none" {
  if (text === "none") return text;
  const seconds = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && seconds >= 1 && seconds <= STATE_TTL_MAX_S) return seconds;
  throw fail("ttl_out_of_range", `--ttl: '${text.slice(0, 64)}' is not a lifetime of 1 to ${STATE_TTL_MAX_S} seconds.`, {
    field: "ttl",
    hint: "For example: --ttl 3600, or --ttl none",
  });
}

export const stateGet = defineCommand({
  group: "state",
  name: "state get",
  summary: "Print a key's value, bare",
  flags: {},
  params: { key: which },
  examples: ["maestro state get build:last", "maestro state get build:last --json | jq .version"],
  async run(context, { params }) {
    noticeRedis(context);
    const { api, out } = context;
    const entry = await api().call("stateGet", { params: { key: checkKey(params.key) } });
    const value = entry.value ?? "";
    if (out.mode === "table") out.foreign(value.endsWith("\n") ? value : `${value}\n`, false);
    else out.one(entry, () => value, entry.key);
    return EXIT.ok;
  },
});

const columns = (out: Output): Column<StateEntry>[] => [
  { header: "key", value: ({ key }) => key },
  { header: "version", value: ({ version }) => String(version) },
  { header: "bytes", value: ({ bytes }) => String(bytes) },
  { header: "updated", value: ({ updatedAt }) => out.time(updatedAt) },
  { header: "by", value: ({ updatedBy }) => updatedBy, max: 32 },
  { header: "expires", value: ({ expiresAt }) => (expiresAt === undefined ? "never" : out.time(expiresAt)) },
];

const prefix = flag.text("only keys that begin so", "text");

export const stateList = defineCommand({
  group: "state",
  name: "state list",
  summary: "List keys",
  flags: { prefix },
  params: {},
  examples: ["maestro state list", "maestro state list --prefix build: -q"],
  async run(context, { flags }) {
    noticeRedis(context);
    const { api, out } = context;
    const entries = await api().all("state", { query: { prefix: flags.prefix } });
    out.listBy(entries, columns(out), "No keys. Set one: maestro state set <key> <value>", ({ key }) => key);
    return EXIT.ok;
  },
});

export const stateDelete = defineCommand({
  group: "state",
  name: "state delete",
  summary: "Delete a key",
  flags: {},
  params: { key: which },
  examples: ["maestro state delete build:last", "maestro state delete build:last -q"],
  async run(context, { params }) {
    noticeRedis(context);
    const { api, out } = context;
    const key = checkKey(params.key);
    await api().call("stateDelete", { params: { key } });
    out.one({ key, deleted: true }, () => `${key} is deleted.`, key);
    return EXIT.ok;
  },
});

export const stateWatch = defineCommand({
  group: "state",
  name: "state watch",
  summary: "Follow changes of keys until interrupted",
  flags: { prefix },
  params: {},
  examples: ["maestro state watch", "maestro state watch --prefix build: --json"],
  async run(context, { flags }) {
    noticeRedis(context);
    const { api, out } = context;
    using interruption = new Interruption();
    const changes = watchState(api(), flags.prefix, patienceOf(context, interruption));
    for await (const change of changes) out.record(change, ({ key, version, op, value }) => [op, key, String(version), value ?? ""]);
    return EXIT.interrupted;
  },
});

const flushCommand = (name: string, summary: string): Command =>
  defineCommand({
    group: "state",
    name,
    summary,
    flags: {},
    params: {},
    examples: [`maestro ${name}`, `maestro ${name} --yes`],
    async run(context) {
      noticeRedis(context);
      const { api, out, confirm } = context;
      const client = api();
      await confirm("Delete all state keys of the fleet?");
      const { deleted } = await client.call("stateFlush");
      out.one({ deleted }, () => `${deleted} ${deleted === 1 ? "key" : "keys"} deleted.`);
      return EXIT.ok;
    },
  });

export const stateFlush = flushCommand("state flush", "Delete all state keys");
export const redisFlush = flushCommand("redis flush", "The same as state flush");
