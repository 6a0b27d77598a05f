/** Sessions over HTTP: open, list, read the screen, type, end. The terminal itself is a socket (sockets.ts). */
import { fail, MaestroFailure } from "@maestro/shared/errors";
import { isId } from "@maestro/shared/ids";
import { SESSION_NAME_PATTERN } from "@maestro/shared/names";
import { setAgentSession } from "../db/agents.ts";
import { checkEnv, checkPath, checkWords } from "../domain/fleet/launch.ts";
import { freeSessionName, programName, toSession, type PlacedSession } from "../domain/fleet/session-view.ts";
import { decodeInput } from "../domain/fleet/input.ts";
import { defineRoutes, unwrap } from "../http/define-route.ts";
import { askHost, relayOf } from "../objects/relay-call.ts";
import { confirmed, hostFor, placedSessions, refuseDraining, sessionFor, shellWithinReach } from "./placed-sessions.ts";

const DEFAULT_SIZE = { cols: 80, rows: 24 };

export const sessionRoutes = defineRoutes({
  async sessions(rx) {
    const host = rx.query.host === undefined ? undefined : await hostFor(rx, rx.query.host);
    const { limit, after } = await rx.page();
    const rest = (await placedSessions(rx, host)).filter(({ info }) => after === undefined || info.id > after).sort(byId);
    const shown = await confirmed(rx, rest.slice(0, limit));
    return rx.list({ rows: shown, next: rest.length > limit ? shown.at(-1)?.info.id : undefined }, toSession);
  },

  async session(rx) {
    const placed = await sessionFor(rx, rx.params.id);
    const [shown = placed] = await confirmed(rx, [placed]);
    return toSession(shown);
  },

  async sessionCreate(rx) {
    const { body } = rx;
    shellWithinReach(rx);
    const host = await hostFor(rx, body.host);
    refuseDraining(host);
    const argv = unwrap(checkWords(body.argv ?? [], "argv"));
    const env = unwrap(checkEnv(body.env));
    const cwd = body.cwd === undefined ? undefined : unwrap(checkPath(body.cwd, "cwd"));
    const here = await placedSessions(rx, host);
    const taken = new Set(here.filter(({ info }) => info.end === undefined).map(({ info }) => info.name));
    const name = body.name ?? freeSessionName(programName(argv), taken);
    if (!SESSION_NAME_PATTERN.test(name))
      throw fail("field_invalid", "A session's name begins with a letter, digit or _.", {
        field: "name",
        hint: "Letters, digits, spaces and _ @ + / - are taken, 63 characters at most.",
      });
    if (taken.has(name))
      throw fail("session_exists", `A session '${name}' runs on host '${host.name}'.`, {
        field: "name",
        hint: "Attach to it, or choose another name.",
      });
    await rx.audit(`${host.name}/${name}`);
    const { session } = await askHost(relayOf(rx.env, rx.fleet, host.id), "session.create", {
      t: "session.create",
      session: rx.newId("session"),
      name,
      ...(body.name === undefined ? { orNumbered: programName(argv) } : {}),
      argv,
      env,
      size: { cols: body.cols ?? DEFAULT_SIZE.cols, rows: body.rows ?? DEFAULT_SIZE.rows },
      backend: body.backend ?? "auto",
      ...(cwd === undefined ? {} : { cwd }),
    });
    return toSession({ info: session, host: { id: host.id, name: host.name, status: "online", connected: true }, agent: undefined });
  },

  async sessionKill(rx) {
    const { info, host, agent } = await sessionFor(rx, rx.params.id);
    await rx.audit(info.id);
    const { killed } = await askHost(relayOf(rx.env, rx.fleet, host.id), "session.kill", { t: "session.kill", session: info.id });
    // It had ended, and its host has forgotten it now: noted still, its agent would be taken for one that is coming.
    if (!killed && agent !== undefined && isId("agent", agent.id) && isId("session", info.id))
      await setAgentSession(rx.db, rx.fleet, agent.id, null, info.id, rx.nowMs);
  },

  async sessionScreen(rx) {
    const { info, host } = await sessionFor(rx, rx.params.id);
    const screen = await relayOf(rx.env, rx.fleet, host.id).screen(info.id, rx.query.format ?? "text");
    if (!screen.ok) throw new MaestroFailure(screen.error);
    return new Response(screen.bytes, {
      headers: {
        "content-type": "text/plain; charset=utf-8",
        "cache-control": "no-store",
        "x-maestro-size": `${screen.cols}x${screen.rows}`,
        "x-maestro-position": `${screen.epoch}:${screen.offset}`,
      },
    });
  },

  async sessionInput(rx) {
    const input = unwrap(decodeInput(rx.body));
    const { info, host } = await sessionFor(rx, rx.params.id);
    if (info.end !== undefined) throw fail("session_ended", `Session '${info.name}' has ended.`, { hint: "Start a new one." });
    await rx.audit(info.id);
    return askHost(relayOf(rx.env, rx.fleet, host.id), "session.input", { t: "session.input", session: info.id, base64: input });
  },
});

const byId = (a: PlacedSession, b: PlacedSession): number => (a.info.id < b.info.id ? -1 : a.info.id > b.info.id ? 1 : 0);
