import { expect, test } from "vitest";
import { mayHear, placeOfTask, taskInReach, type Reach } from "./reach.ts";

const all: Reach = {};
const hosts: Reach = { hosts: "web-*" };
const agents: Reach = { agents: "team-a-*" };
const both: Reach = { ...hosts, ...agents };

test.each([
  ["a token's", "token.created", {}, [true, false, false, false]],
  ["a host's", "host.online", { host: "web-1" }, [true, true, true, true]],
  ["another host's", "alert", { host: "db-1" }, [true, false, true, false]],
  ["an agent's", "agent.started", { host: "web-1", agent: "team-a-x" }, [true, true, true, true]],
  ["another agent's", "agent.started", { host: "web-1", agent: "team-b-x" }, [true, true, false, false]],
  ["an agent's session", "session.updated", { host: "db-1", agent: "team-a-x" }, [true, false, true, false]],
  ["a plain shell", "session.updated", { host: "web-1" }, [true, true, false, false]],
  ["a task of an agent", "task.finished", { host: "web-1", agent: "team-a-x" }, [true, true, true, true]],
  ["a task of several agents", "task.finished", { host: "web-1" }, [true, true, false, false]],
  ["a task of several hosts", "task.finished", {}, [true, false, false, false]],
  ["a session of nobody knows where", "session.updated", {}, [true, false, false, false]],
] as const)("of %s events hear: everybody, who is limited to hosts, to agents, to both", (_, type, place, expected) => {
  expect([all, hosts, agents, both].map((reach) => mayHear(reach, type, place))).toEqual(expected);
});

const at = (host?: string, agent?: string) => ({
  ...(host === undefined ? {} : { host: { name: host } }),
  ...(agent === undefined ? {} : { agent: { name: agent } }),
});

test.each([
  ["an agent's", [at("web-1", "team-a-x")], [true, true, true, true]],
  ["a command's", [at("web-1")], [true, true, false, false]],
  ["a command's that has no place yet", [at()], [true, false, false, false]],
  ["one of two agents, of which one is beyond", [at("web-1", "team-a-x"), at("db-1", "team-b-x")], [true, false, false, false]],
] as const)("a task is within reach when all its targets are: %s", (_, targets, expected) => {
  expect([all, hosts, agents, both].map((reach) => taskInReach(reach, { id: "t", targets }))).toEqual(expected);
});

test("an agent sees its task and the children of that one", () => {
  const mine: Reach = { task: "t" };
  expect(taskInReach(mine, { id: "t", parent: "p", targets: [] })).toBe(true);
  expect(taskInReach(mine, { id: "c", parent: "t", targets: [] })).toBe(true);
  expect(taskInReach(mine, { id: "p", targets: [] })).toBe(false);
  expect(taskInReach(mine, { id: "sibling", parent: "p", targets: [] })).toBe(false);
});

test("the place of a task's event is what its targets share", () => {
  expect(placeOfTask(["web-1", "web-1"], ["a", "b"])).toEqual({ host: "web-1", agent: undefined });
  expect(placeOfTask([], [])).toEqual({ host: undefined, agent: undefined });
});
