import { describe, expect, it } from "vitest";
import { chooseTargets, selectorOf, type Addressee, type Addressing } from "./targets.ts";

const builder = { id: "hst_1", name: "builder", labels: { zone: "eu" } };
const gpu = { id: "hst_2", name: "gpu", labels: { zone: "us" } };
const agent = (id: string, name: string, type: string, host = builder): Addressee => ({ id: `agt_${id}`, name, type, host });
const fleet = [
  agent("0aa", "reviewer", "claude"),
  agent("0ab", "tester", "codex"),
  agent("0bc", "painter", "codex", gpu),
  agent("0cd", "codex", "shell", gpu),
];

const choose = (ask: Partial<Addressing>, agents = fleet) => {
  const chosen = chooseTargets({ to: [], on: undefined, command: false, ...ask }, agents);
  if (!chosen.ok) return `${chosen.error.code} ${chosen.error.field ?? ""}: ${chosen.error.detail} ${chosen.error.hint ?? ""}`;
  return chosen.value.kind === "agents" ? chosen.value.agents.map(({ name }) => name).join(" ") : JSON.stringify(chosen.value.selector);
};

describe("whom a task is for", () => {
  it.each([
    [["reviewer"], "reviewer"],
    [["agt_0bc"], "painter"],
    [["agt_0b"], "painter"],
    [["claude"], "reviewer"],
    // A name comes before a type.
    [["codex"], "codex"],
    [["tester", "reviewer"], "tester reviewer"],
    [["reviewer", "agt_0aa", "claude"], "reviewer"],
  ])("%j means %s", (to, expected) => {
    expect(choose({ to })).toBe(expected);
  });

  it("several that may be meant are listed", () => {
    expect(choose({ to: ["reviewer", "agt_0a"] })).toBe(
      "ambiguous to[1]: 'agt_0a' begins the id of several agents: reviewer, tester. Name one of them, or all.",
    );
    expect(choose({ to: ["codex"] }, fleet.slice(0, 3))).toBe(
      "ambiguous to[0]: Several agents are of type 'codex': tester, painter. Name one of them, or all.",
    );
  });

  it("one that is not there is told with what is near", () => {
    expect(choose({ to: ["reviewr"] })).toMatch(/^agent_not_found to\[0\]: No agent 'reviewr'\. Did you mean reviewer/);
    expect(choose({ to: ["a\u001b[31m"] })).toContain("'a\\u{1b}[31m'");
  });

  it("nobody named: the fleet's only agent, else all are listed", () => {
    expect(choose({}, [agent("0aa", "reviewer", "claude")])).toBe("reviewer");
    expect(choose({})).toBe("target_missing to: No agent was named, and there are several. Name one: reviewer, tester, painter, codex.");
    expect(choose({}, [])).toMatch(/^target_missing to: There is no agent that it could be for\. Assign one: maestro agent assign/);
    expect(choose({ command: true }, [agent("0aa", "reviewer", "claude")])).toBe("reviewer");
  });

  it("a host named: its only agent, or for a command the host itself", () => {
    expect(choose({ on: { host: "builder" } }, fleet.slice(1))).toBe("tester");
    expect(choose({ on: { host: "builder" } })).toBe("ambiguous to: Several agents are there: reviewer, tester. Name one of them, or all.");
    expect(choose({ on: { host: "nowhere" } })).toMatch(
      /^target_missing to: There is no agent on host 'nowhere' that it could be for\. .*--host nowhere$/,
    );
    expect(choose({ on: { host: "builder" }, command: true })).toBe('{"host":"builder"}');
    expect(choose({ on: { labels: { zone: "us" } }, command: true })).toBe('{"labels":{"zone":"us"}}');
    expect(choose({ on: { labels: { zone: "us" } } }, fleet.slice(0, 3))).toBe("painter");
    expect(choose({ on: { labels: { toString: "x" } } })).toMatch(/^target_missing/);
  });

  it("an agent named together with a host is on it", () => {
    expect(choose({ to: ["codex"], on: { host: "gpu" } })).toBe("codex");
    expect(choose({ to: ["codex"], on: { host: "builder" } })).toBe(
      "field_invalid on: Agent 'codex' is on host 'gpu'. Leave the host out: an agent is where it is.",
    );
    expect(choose({ to: ["codex"], on: { host: "gpu" } }, fleet.slice(0, 3))).toBe("painter");
  });

  it("the label target:<name> says the same as on.host", () => {
    expect(selectorOf(undefined, { target: "gpu" })).toEqual({ ok: true, value: { host: "gpu" } });
    expect(selectorOf({ labels: { a: "b" } }, { target: "gpu" })).toEqual({ ok: true, value: { labels: { a: "b" }, host: "gpu" } });
    expect(selectorOf({ host: "gpu" }, undefined)).toEqual({ ok: true, value: { host: "gpu" } });
    expect(selectorOf({ host: "builder" }, { target: "gpu" })).toMatchObject({
      ok: false,
      error: { code: "field_invalid", field: "labels.target" },
    });
  });
});
