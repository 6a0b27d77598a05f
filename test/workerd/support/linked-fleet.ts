/** The whole Worker, and a host on a real signed link to it. */
import { exports } from "cloudflare:workers";
import { expect } from "vitest";
import type { SessionInfo } from "@maestro/shared/protocol/session";
import { bootstrap, call, freshAddress, joinHost, json, ORIGIN, type Call, type Fleet, type TestHost } from "../access-fleet.ts";
import { FakeHost } from "./fake-host.ts";
import { helloOf, sessionInfo, typeReport } from "./host-words.ts";
import { socketOf } from "./relay-fixture.ts";

export const LINK = "/api/v1/hosts/self/link";

export function upgrade(path: string, headers: Record<string, string>): Promise<Response> {
  return exports.default.fetch(
    new Request(`${ORIGIN}${path}`, {
      headers: { upgrade: "websocket", "sec-websocket-protocol": "maestro.v1", "cf-connecting-ip": freshAddress(), ...headers },
    }),
  );
}

/** A host-agent that does what it is asked. @param hello what it says otherwise of itself. */
export async function linkUp(host: TestHost, sessions: SessionInfo[] = [], hello: object = {}): Promise<FakeHost> {
  const answer = await upgrade(LINK, { authorization: await host.authorization("GET", LINK) });
  expect(answer.status, answer.webSocket === null ? await answer.text() : "").toBe(101);
  expect(answer.headers.get("sec-websocket-protocol")).toBe("maestro.v1");
  const link = new FakeHost(socketOf(answer), sessions);
  link.answers.set("session.create", (frame) => {
    const session = sessionInfo({ id: String(frame["session"]), name: String(frame["name"]) });
    link.sessions.push(session);
    return { session };
  });
  link.answers.set("agent.start", (frame) => {
    const agent = frame["agent"] as { id: string; name: string };
    const session = sessionInfo({ id: String(frame["session"]), name: agent.name, agent: agent.id });
    link.sessions.push(session);
    return { session };
  });
  link.answers.set("session.kill", () => ({ killed: true }));
  link.answers.set("session.input", (frame) => ({ accepted: atob(String(frame["base64"])).length }));
  link.answers.set("workspace.ensure", (frame) =>
    frame["path"] === "/etc"
      ? { code: "path_outside_roots", detail: "'/etc' is outside the allowed roots.", field: "path" }
      : { path: frame["path"], created: true },
  );
  link.answers.set("detect", () => ({ types: 0 }));
  link.answers.set("workspace.reset", (frame) => ({ path: frame["path"], removed: 2, template: "/srv/templates/node" }));
  link.say({ ...helloOf("instance-0001", sessions), ...hello });
  await link.next("welcome");
  return link;
}

/** A fleet with one host, which has one agent type found and one missing. */
export async function linkedFleet(): Promise<{
  fleet: Fleet;
  host: TestHost;
  link: FakeHost;
  token: string;
  api: (path: string, options?: Call) => Promise<Response>;
}> {
  const fleet = await bootstrap();
  const host = await joinHost(fleet, "builder");
  const link = await linkUp(host);
  link.say({
    t: "inventory",
    types: [
      typeReport("shell"),
      typeReport("claude", { detected: { state: "missing", lookedFor: "claude", install: "npm i -g @anthropic-ai/claude-code" } }),
    ],
    first: true,
    more: false,
  });
  const { token } = fleet.owner;
  await expect.poll(async () => (await json(call("/api/v1/agent-types", { token }))).items.length).toBe(2);
  return { fleet, host, link, token, api: (path, options = {}) => call(path, { token, ...options }) };
}
