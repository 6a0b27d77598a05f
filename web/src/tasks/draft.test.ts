import { describe, expect, it } from "vitest";
import { bodyOf, emptyDraft, placeOfError, timeoutOf, type Draft } from "./draft.ts";

const prompt: Draft = { ...emptyDraft, prompt: "Do it.", agents: ["reviewer"] };
const wrongFields = (draft: Draft): string[] => {
  const body = bodyOf(draft);
  return body.ok ? [] : Object.keys(body.error).toSorted();
};

describe("a task being written", () => {
  it("becomes a request that says only what is not the default", () => {
    expect(bodyOf(prompt)).toEqual({ ok: true, value: { prompt: "Do it.", to: ["reviewer"] } });
    expect(bodyOf({ ...emptyDraft, kind: "command", command: "npm test" })).toEqual({
      ok: true,
      value: { command: ["npm", "test"], on: {} },
    });
    expect(
      bodyOf({
        ...prompt,
        priority: 1,
        timeout: "1h 30m",
        retries: "2",
        dependsOn: "tsk_a, tsk_b tsk_a",
        dependsWhen: "completion",
        model: " opus ",
        description: "Fix",
      }),
    ).toEqual({
      ok: true,
      value: {
        prompt: "Do it.",
        to: ["reviewer"],
        priority: 1,
        timeoutMs: 5_400_000,
        retries: 2,
        dependsOn: [
          { task: "tsk_a", on: "completion" },
          { task: "tsk_b", on: "completion" },
        ],
        model: "opus",
        description: "Fix",
      },
    });
    expect(bodyOf({ ...emptyDraft, kind: "command", command: "id", host: "laptop" })).toMatchObject({ value: { on: { host: "laptop" } } });
  });

  it("says what is wrong, at its field, all at once", () => {
    expect(wrongFields(emptyDraft)).toEqual(["prompt", "to"]);
    expect(wrongFields({ ...emptyDraft, kind: "command", command: "echo 'a", timeout: "soon", retries: "-1" })).toEqual([
      "command",
      "retries",
      "timeoutMs",
    ]);
    expect(wrongFields({ ...prompt, retries: "21" })).toEqual(["retries"]);
    expect(wrongFields({ ...prompt, model: "m".repeat(200) })).toEqual(["model"]);
    expect(wrongFields({ ...prompt, dependsOn: "x".repeat(64) })).toEqual(["dependsOn"]);
    const long = bodyOf({ ...prompt, prompt: "x".repeat(512 * 1024 + 1) });
    expect(long).toMatchObject({ ok: false, error: { prompt: { code: "prompt_too_large" } } });
  });

  it("takes lengths of time as people write them", () => {
    expect(["", "90", "90s", "30m", "30 min", "2h", "1d", "1h30m", "0.5h"].map((text) => timeoutOf(text))).toEqual(
      [undefined, 90, 90, 1_800, 1_800, 7_200, 86_400, 5_400, 1_800].map((s) => ({ ok: true, value: s === undefined ? s : s * 1000 })),
    );
    for (const text of ["soon", "5x", "-3m", "0", "1e3", "40d", `${"1".repeat(50_000)}!`])
      expect(timeoutOf(text), text.slice(0, 9)).toMatchObject({ ok: false, error: { field: "timeoutMs" } });
  });

  it("knows where the server's refusals belong", () => {
    expect(placeOfError({ code: "field_invalid", field: "timeoutMs" })).toBe("timeoutMs");
    expect(placeOfError({ code: "dependency_not_found", field: "dependsOn.0.task" })).toBe("dependsOn");
    expect(placeOfError({ code: "agent_not_found", field: "to[1]" })).toBe("to");
    expect(placeOfError({ code: "host_not_found", field: "on.host" })).toBe("on");
    expect(placeOfError({ code: "dependency_cycle" })).toBe("dependsOn");
    expect(placeOfError({ code: "queue_full" })).toBeUndefined();
    expect(placeOfError({ code: "field_invalid", field: "tool" })).toBeUndefined();
  });
});
