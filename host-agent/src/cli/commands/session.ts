/** `maestro session …` */
import * as path from "node:path";
import { EXIT, fail } from "@maestro/shared/errors";
import { flag, param } from "../args/spec.ts";
import { stillAnsi, stillText } from "../attach/still.ts";
import { defineCommand } from "../command.ts";
import { resolveHost, resolveSession } from "../resolve.ts";
import { attachFlags, attachTo } from "./attach.ts";
import { attachLocally, listLocally } from "./session-local.ts";
import { sessionColumns } from "./session-view.ts";
import { thisHost } from "../this-host.ts";

const which = param.required("name, id or unique beginning of an id");

export const sessionList = defineCommand({
  group: "session",
  name: "session list",
  summary: "List sessions",
  flags: { host: flag.text("only of this host", "host"), local: flag.toggle("ask this machine's holder, without the control plane") },
  params: {},
  conflicts: [["host", "local"]],
  examples: ["maestro session list", "maestro session list --local --json"],
  async run(context, { flags }) {
    if (flags.local) return listLocally(context);
    const client = context.api();
    const host = flags.host === undefined ? undefined : (await resolveHost(client, flags.host)).id;
    context.out.list(
      await client.all("sessions", { query: { host } }),
      sessionColumns(context.out),
      "No sessions. Open one: maestro session new",
    );
    return EXIT.ok;
  },
});

export const sessionNew = defineCommand({
  group: "session",
  name: "session new",
  summary: "Open a session: a login shell, or the command after --",
  flags: {
    host: flag.text("where; default: this machine, else the only host", "host"),
    cwd: flag.text("its directory; a relative one is of this machine", "path"),
    name: flag.text("what to call it", "name"),
    env: flag.pairs("environment, never secrets"),
    backend: flag.choice("what holds the terminal", ["auto", "tmux", "pty", "echo"]),
    cols: flag.integer("width, off a terminal", { min: 1, max: 1000, example: 120 }),
    rows: flag.integer("height, off a terminal", { min: 1, max: 1000, example: 40 }),
    attach: flag.toggle("attach to it at once"),
    ...attachFlags,
  },
  params: {},
  passthrough: true,
  examples: ["maestro session new --attach", "maestro session new --host gpu-1 --name train -- python train.py"],
  async run(context, { flags, passthrough }) {
    const { io, out, paths } = context;
    const client = context.api();
    const here = thisHost(paths);
    const host = flags.host === undefined ? here?.hostId : (await resolveHost(client, flags.host)).id;
    const local = here !== undefined && host === here.hostId;
    if (flags.cwd !== undefined && !flags.cwd.startsWith("/") && !local) {
      throw fail("usage", `'${flags.cwd}' is relative, which means this machine, but the session's host is another one.`, {
        field: "cwd",
        hint: "Give the absolute path on that host.",
      });
    }
    const cols = flags.cols ?? (io.stdout.isTTY ? io.stdout.columns : undefined);
    const rows = flags.rows ?? (io.stdout.isTTY ? io.stdout.rows : undefined);
    const session = await client.call("sessionCreate", {
      body: {
        ...(host === undefined ? {} : { host }),
        ...(flags.cwd === undefined ? {} : { cwd: flags.cwd.startsWith("/") ? flags.cwd : path.resolve(io.cwd, flags.cwd) }),
        ...(flags.name === undefined ? {} : { name: flags.name }),
        ...(flags.backend === undefined ? {} : { backend: flags.backend }),
        ...(cols === undefined ? {} : { cols }),
        ...(rows === undefined ? {} : { rows }),
        ...(Object.keys(flags.env).length === 0 ? {} : { env: flags.env }),
        ...(passthrough.length === 0 ? {} : { argv: passthrough }),
      },
    });
    if (flags.attach) return attachTo(context, session.id, flags);
    out.one(
      session,
      () => `Session ${session.name} runs on ${session.host.name}. See it: maestro session attach ${session.id}`,
      session.id,
    );
    return EXIT.ok;
  },
});

export const sessionAttach = defineCommand({
  group: "session",
  name: "session attach",
  summary: "Attach this terminal to a session; Ctrl-q leaves it running",
  flags: { ...attachFlags, local: flag.toggle("through this machine's holder, without the control plane") },
  params: { session: which },
  examples: ["maestro session attach build", "maestro session attach ses_01j9 --read-only"],
  async run(context, { params, flags }) {
    if (flags.local) return attachLocally(context, params.session, flags);
    const { id } = await resolveSession(context.api(), params.session);
    return attachTo(context, id, flags);
  },
});

export const sessionKill = defineCommand({
  group: "session",
  name: "session kill",
  summary: "End a session's program, or forget an ended session",
  flags: {},
  params: { session: which },
  examples: ["maestro session kill build", "maestro session kill ses_01j9 --yes"],
  async run({ api, out, confirm }, { params }) {
    const client = api();
    const { id, name } = await resolveSession(client, params.session);
    await confirm(`End session '${name}'?`);
    await client.call("sessionKill", { params: { id } });
    out.one({ id, name, killed: true }, () => `${name} is ended.`, id);
    return EXIT.ok;
  },
});

export const sessionScreen = defineCommand({
  group: "session",
  name: "session screen",
  summary: "Print a session's screen as it is now",
  flags: { ansi: flag.toggle("with colours, as escape sequences") },
  params: { session: which },
  examples: ["maestro session screen build", "maestro session screen build --json"],
  async run({ api, out, io }, { params, flags }) {
    const client = api();
    const { id, name } = await resolveSession(client, params.session);
    const screen = await client.text("sessionScreen", { params: { id }, query: { format: flags.ansi ? "ansi" : "text" } });
    if (out.mode === "json") out.one({ id, name, screen }, () => "", id);
    // A pipe gets the very bytes: nothing of it acts there, and a script may compare them.
    else if (!io.stdout.isTTY) out.raw(screen);
    else out.raw(flags.ansi ? stillAnsi(screen) : stillText(screen));
    return EXIT.ok;
  },
});
