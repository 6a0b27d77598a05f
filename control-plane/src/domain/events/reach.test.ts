import { expect, test } from "vitest";
import { mayHear, type Reach } from "./reach.ts";

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
  ["a session of nobody knows where", "session.updated", {}, [true, false, false, false]],
] as const)("of %s events hear: everybody, who is limited to hosts, to agents, to both", (_, type, place, expected) => {
  expect([all, hosts, agents, both].map((reach) => mayHear(reach, type, place))).toEqual(expected);
});
