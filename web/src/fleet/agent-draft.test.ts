import { describe, expect, test } from "vitest";
import type { Agent } from "@maestro/shared/contract/resources";
import { agentDraftOf, agentIsWrong, agentPatchOf, agentProblems } from "./agent-draft.ts";

const agent: Agent = {
  id: "agt_1",
  name: "one",
  type: "claude",
  host: { id: "hst_1", name: "builder" },
  workspace: "/w",
  priority: 3,
  tags: [],
  env: { LOG: "debug" },
  args: [],
  cwd: "/srv",
  bin: "/opt/claude",
  status: "idle",
  createdAt: "2026-01-01T00:00:00.000Z",
  updatedAt: "2026-01-01T00:00:00.000Z",
};
const draft = agentDraftOf(agent);

describe("[SSH12] the settings of an agent, in the form", () => {
  test("that were not touched change nothing", () => {
    expect(agentPatchOf(draft, agent)).toEqual({});
  });

  test("send what is other than before, and null for what was taken away", () => {
    expect(agentPatchOf({ ...draft, host: "hst_2", cwd: " ", role: "writer", priority: 1 }, agent)).toEqual({
      host: "hst_2",
      cwd: null,
      role: "writer",
      priority: 1,
    });
    expect(agentPatchOf({ ...draft, program: "" }, agent)).toEqual({ bin: null });
    expect(agentPatchOf({ ...draft, program: "claude-nightly" }, agent)).toEqual({ binName: "claude-nightly" });
    expect(agentPatchOf({ ...draft, env: [] }, agent)).toEqual({ env: {} });
  });

  test("are told what is wrong with them, each at its field", () => {
    expect(agentIsWrong(agentProblems(draft))).toBe(false);
    expect(agentProblems({ ...draft, cwd: "here" }).cwd).toMatchObject({ code: "field_invalid" });
    expect(agentProblems({ ...draft, program: "bin/claude" }).program).toMatchObject({ code: "field_invalid" });
    const env = [
      { id: 0, name: "A B", value: "" },
      { id: 1, name: "LD_PRELOAD", value: "x" },
      { id: 2, name: "FINE", value: "x" },
    ];
    const problems = agentProblems({ ...draft, env });
    expect([...problems.env].map(([id, { code }]) => [id, code])).toEqual([
      [0, "env_name_invalid"],
      [1, "env_denied"],
    ]);
    expect(agentIsWrong(problems)).toBe(true);
  });
});
