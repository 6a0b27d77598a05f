/** How hosts, sessions and agents look to people, and what may be handed to a host. */
import { expect, test } from "vitest";
import { makeId } from "@maestro/shared/ids";
import type { SessionInfo } from "@maestro/shared/protocol/session";
import { agentStatus, inStatusGroup, sessionOfAgent } from "./agent-view.ts";
import { decodeInput, MAX_INPUT_BYTES } from "./input.ts";
import { checkAgentType, checkEnv, checkPath } from "./launch.ts";
import { findSession, freeSessionName, programName, toSession, type PlacedSession } from "./session-view.ts";

const info = (more: Partial<SessionInfo> = {}): SessionInfo => ({
  id: "ses_01m7x6whsypmry1h0000000000",
  name: "work",
  backend: "pty",
  title: "",
  cwd: "/",
  command: "sh",
  cols: 80,
  rows: 24,
  createdMs: 0,
  lastActivityMs: 0,
  epoch: 1,
  ...more,
});
const placed = (more: Partial<SessionInfo> = {}, connected = true): PlacedSession => ({
  info: info(more),
  host: { id: "hst_1", name: "builder", status: connected ? "online" : "stale", connected },
  agent: undefined,
});
const end = (reason: "exited" | "killed" | "holder_lost", code?: number) => ({ reason, atMs: 0, ...(code === undefined ? {} : { code }) });

const asked = makeId("session", 39_000, new Uint8Array(10));
test.each([
  ["never started", null, undefined, true, "idle"],
  ["asked for a moment ago", asked, undefined, true, "starting"],
  ["asked for and never come", "ses_0000000000", undefined, true, "idle"],
  ["asked for of a host that went away", asked, undefined, false, "unknown"],
  ["running in a session that was not noted", null, info(), true, "working"],
  ["running", "s", info(), true, "working"],
  ["on a host that is away", "s", info(), false, "unknown"],
  ["finished well", "s", info({ end: end("exited", 0) }), true, "idle"],
  ["finished badly", "s", info({ end: end("exited", 3) }), true, "failed"],
  ["stopped", "s", info({ end: end("killed") }), true, "idle"],
  ["lost with its holder", "s", info({ end: end("holder_lost") }), true, "failed"],
] as const)("an agent %s is shown so", (_what, session, present, connected, status) => {
  expect(agentStatus({ session }, present, connected, 40_000)).toBe(status);
  expect(inStatusGroup(status, "all")).toBe(true);
});

test("an agent runs in the living session that is its, else it ended in the one it was started in", () => {
  const [noted, other] = [info({ id: "s", end: end("killed") }), info({ id: "t", agent: "agt_1" })];
  const of = (session: string | null, sessions: SessionInfo[]) => sessionOfAgent({ id: "agt_1", session }, sessions)?.id;
  expect(of("s", [other, noted])).toBe("t");
  expect(of("s", [noted, { ...other, agent: "agt_2" }])).toBe("s");
  expect(of("s", [other, info({ id: "s" })])).toBe("s");
  expect(of(null, [noted, { ...other, end: end("killed") }])).toBeUndefined();
});

test("a session is running, ended, or out of reach", () => {
  expect(toSession(placed()).status).toBe("running");
  expect(toSession(placed({}, false)).status).toBe("unreachable");
  expect(toSession(placed({ end: end("exited", 0) }, false)).status).toBe("ended");
});

test("a session is found by name first, the living one before the ended, then by id prefix", () => {
  const sessions = [
    placed({ id: "ses_a1", name: "x", end: end("killed") }),
    placed({ id: "ses_a2", name: "x" }),
    placed({ id: "ses_b1", name: "y" }),
  ];
  const found = (ref: string): string => {
    const result = findSession(sessions, ref);
    return result.ok ? result.value.info.id : result.error.code;
  };
  expect(["x", "ses_a1", "ses_b", "ses_a", "nope"].map(found)).toEqual(["ses_a2", "ses_a1", "ses_b1", "ambiguous", "session_not_found"]);
});

test("a whole id is never taken for a name, whatever somebody calls a session of theirs", () => {
  const mine = placed({ id: "ses_01m7x6whsypmry1h0000000000", name: "prod" });
  const bait = placed({ id: "ses_01m7x6whsypmry1h0000000001", name: mine.info.id });
  const found = findSession([bait, mine], mine.info.id);
  expect(found.ok && found.value.info.name).toBe("prod");
});

test("a session without a name is called after its program", () => {
  expect(programName(["/usr/bin/htop", "-d"])).toBe("htop");
  expect(programName(["--$(reboot)"])).toBe("reboot");
  expect(freeSessionName(programName([]), new Set(["shell"]))).toBe("shell-2");
});

test("text becomes the base64 of its UTF-8; exactly one form is taken, and not too much of it", () => {
  for (const text of ["", "a", "ab", "abc", "é€😀\r\n\0"]) {
    expect(decodeInput({ text })).toEqual({ ok: true, value: Buffer.from(text).toString("base64") });
  }
  expect(decodeInput({ text: "\ud800" })).toMatchObject({ ok: true });
  for (const body of [{}, { text: "a", base64: "YQ==" }])
    expect(decodeInput(body)).toMatchObject({ ok: false, error: { code: "field_missing" } });
  expect(decodeInput({ base64: "%%%%" })).toMatchObject({ ok: false, error: { code: "field_invalid" } });
  expect(decodeInput({ text: "a".repeat(MAX_INPUT_BYTES + 3) })).toMatchObject({ ok: false, error: { code: "body_too_large" } });
});

test("row 26 and 27: relative paths and dangerous names are refused", () => {
  expect(checkPath("work", "cwd")).toMatchObject({ ok: false, error: { code: "path_outside_roots", field: "cwd" } });
  expect(checkPath("/a\0b", "cwd")).toMatchObject({ ok: false, error: { code: "nul_byte" } });
  expect(checkPath("~/x", "cwd").ok).toBe(true);
  expect(checkEnv({ BASH_ENV: "x" })).toMatchObject({ ok: false, error: { code: "env_denied", field: "env.BASH_ENV" } });
  expect(checkEnv(undefined)).toEqual({ ok: true, value: {} });
});

test.each([
  [{ slug: "a", mode: "m" }, "kilo"],
  [{ slug: "a", argv: ["x"] }, "custom"],
  [{ slug: "a", adapter: "claude" as const, argv: ["x"] }, "agent_type_invalid"],
  [{ slug: "a", adapter: "custom" as const }, "agent_type_invalid"],
  [{ slug: "a", prompt: "stdin" as const }, "agent_type_invalid"],
  [{ slug: "a", resources: {}, resource_limits: {} }, "agent_type_invalid"],
  [{ slug: "a", mode: "m", isolate_with: "docker" as const }, "agent_type_invalid"],
  [{ slug: "a", mode: "m", isolate_with: "docker" as const, image: "node" }, "kilo"],
  [{ slug: "a", env: { LD_PRELOAD: "x" } }, "env_denied"],
])("the type %j is %s", (type, outcome) => {
  const checked = checkAgentType(type);
  expect(checked.ok ? checked.value.adapter : checked.error.code).toBe(outcome);
});
