import { describe, expect, it } from "vitest";
import { maestroError } from "@maestro/shared/errors";
import { bodyOf, emptyDraft, placeOfError, type Draft } from "./draft.ts";
import { checkKeys, emptyPlace, keyErrors, placeBody, variableErrors, type PlaceDraft } from "./draft-place.ts";

const draft = (place: Partial<PlaceDraft>): Draft => ({
  ...emptyDraft,
  kind: "command",
  command: "id",
  place: { ...emptyPlace, ...place },
});
const key = (id: number, name: string, value: string) => ({ id, name, value });

describe("where a task works, and its keys", () => {
  it("are of the request only as far as they were asked for", () => {
    expect(placeBody(emptyPlace)).toEqual({});
    expect(placeBody({ ...emptyPlace, branch: "main" })).toEqual({});
    expect(
      bodyOf(
        draft({
          repository: " git@git.example:team/app.git ",
          branch: " fix/7 ",
          container: "dev-box",
          env: [key(0, " CI ", " 1 "), key(1, "EMPTY", ""), key(2, "", "")],
          keys: [key(0, " GH_TOKEN ", " s p "), key(1, "", "")],
          secrets: ["NPM_TOKEN"],
          hostEnv: "OPENAI_API_KEY, GEMINI_API_KEY OPENAI_API_KEY",
          forwardAgent: true,
        }),
      ),
    ).toEqual({
      ok: true,
      value: {
        command: ["id"],
        on: {},
        repository: { url: "git@git.example:team/app.git", branch: "fix/7" },
        container: "dev-box",
        env: { CI: " 1 ", EMPTY: "" },
        credentials: { GH_TOKEN: " s p " },
        secrets: ["NPM_TOKEN"],
        hostEnv: ["OPENAI_API_KEY", "GEMINI_API_KEY"],
        forwardAgent: true,
      },
    });
  });

  it("say what is wrong at its field, without the value of a key", () => {
    const wrong = bodyOf(draft({ repository: "https://me:pw@git.example/x", branch: "-b", container: "-rm", hostEnv: "A-B" }));
    expect(wrong).toMatchObject({
      ok: false,
      error: {
        repository: { detail: "Must hold no credential: forward GH_TOKEN, or an SSH agent." },
        "repository.branch": { detail: "Must be a branch's name." },
        container: { detail: "Must be the name of a container." },
        hostEnv: { code: "field_invalid" },
      },
    });
    expect(bodyOf(draft({ repository: "./here" }))).toMatchObject({ error: { repository: { code: "field_invalid" } } });
    const bad = bodyOf(draft({ keys: [key(0, "A-B", "hunter2")] }));
    expect(bad).toMatchObject({ error: { credentials: { code: "env_name_invalid" } } });
    expect(JSON.stringify(bad)).not.toContain("hunter2");
  });

  it("[TK5] each key says what is wrong with it, and what the server says of it stands there as well", () => {
    const keys = [key(0, "A", "1"), key(1, "A", "2"), key(2, "", "3"), key(3, "B", ""), key(4, "C", "4"), key(5, "D", "5".repeat(16_385))];
    expect(checkKeys([key(0, "A", "1")])).toMatchObject({ ok: true });
    const checked = checkKeys(keys);
    const { rows, whole } = keyErrors(keys, checked.ok ? undefined : checked.error);
    expect([...rows.keys()]).toEqual([1, 2, 3, 5]);
    expect(whole).toBeUndefined();
    expect(keyErrors(keys, undefined).rows.size).toBe(0);

    const denied = maestroError("env_denied", "The environment name C is not forwarded.", { field: "credentials.C" });
    expect(placeOfError(denied)).toBe("credentials");
    expect([...keyErrors([key(4, " C ", "4")], denied).rows.keys()]).toEqual([4]);
    // Mended meanwhile.
    expect(keyErrors([key(4, "GH_TOKEN", "4")], denied)).toEqual({ rows: new Map(), whole: undefined });
    const large = maestroError("value_too_large", "Too much.", { field: "credentials" });
    expect(keyErrors([key(4, "C", "4")], large)).toEqual({ rows: new Map(), whole: large });
  });

  it("[TK5] a variable says what is wrong with it; a key is none, since it would be kept as it stands", () => {
    const env = [
      key(0, "A", "1"),
      key(1, "A", "2"),
      key(2, "", "3"),
      key(3, "A-B", ""),
      key(4, "C", "4".repeat(4_097)),
      key(5, "GH_TOKEN", "5"),
    ];
    const checked = bodyOf(draft({ env }));
    if (checked.ok || checked.error.env === undefined) throw new Error("It is wrong.");
    const { rows, whole } = variableErrors(env, checked.error.env);
    expect([...rows].map(([id, { code }]) => [id, code])).toEqual([
      [1, "field_invalid"],
      [2, "field_missing"],
      [3, "env_name_invalid"],
      [4, "value_too_large"],
      [5, "env_denied"],
    ]);
    expect(whole).toBeUndefined();
    expect(rows.get(5)?.hint).toBe("Give it as a key: it is sealed then.");

    const denied = maestroError("env_denied", "The environment name PATH is not forwarded.", { field: "env.PATH" });
    expect(placeOfError(denied)).toBe("env");
    expect(variableErrors([key(0, "CI", "1"), key(4, " PATH ", "4")], denied).rows).toEqual(new Map([[4, denied]]));
    const twice = maestroError("field_invalid", "CI is given twice.", { field: "env" });
    expect(variableErrors([key(4, "CI", "4")], twice)).toEqual({ rows: new Map(), whole: twice });
  });

  it("have a place for each refusal of the server", () => {
    expect(placeOfError({ code: "field_invalid", field: "repository.branch" })).toBe("repository.branch");
    expect(placeOfError({ code: "field_invalid", field: "repository.url" })).toBe("repository");
    expect(placeOfError({ code: "secret_not_found", field: "secrets[0]" })).toBe("secrets");
    expect(placeOfError({ code: "env_denied", field: "hostEnv[1]" })).toBe("hostEnv");
    expect(placeOfError({ code: "field_invalid", field: "forwardAgent" })).toBe("forwardAgent");
    expect(placeOfError({ code: "field_invalid", field: "container" })).toBe("container");
  });
});
