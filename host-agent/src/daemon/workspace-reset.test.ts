import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { resetWorkspace } from "./workspace-reset.ts";

let base: string;
beforeEach(() => {
  base = realpathSync(mkdtempSync(path.join(tmpdir(), "maestro-reset-")));
  for (const dir of ["root/w/sub", "root/template/sub", "home", "own"]) mkdirSync(path.join(base, dir), { recursive: true });
  writeFileSync(path.join(base, "root/w/mine"), "1");
  writeFileSync(path.join(base, "root/w/sub/.hidden"), "2");
  writeFileSync(path.join(base, "root/template/README"), "hi");
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

const at = (name: string): string => path.join(base, name);
const reset = (dir: string, template?: string, busy: (dir: string) => string | undefined = () => undefined) =>
  resetWorkspace(dir, template, {
    rules: {
      roots: [at("root"), at("home")],
      forbidden: [at("root/maestro")],
      trustedOwners: new Set([0, process.getuid?.() ?? 0]),
      userHome: at("home"),
    },
    busy,
  });

describe("[SKILL9] a workspace is reset", () => {
  test("what was there is gone, hidden things and links too, and the template is there instead", async () => {
    writeFileSync(at("root/outside"), "kept");
    symlinkSync(at("root/outside"), at("root/w/link"));
    expect(await reset(at("root/w"), at("root/template"))).toEqual({
      ok: true,
      value: { path: at("root/w"), removed: 3, template: at("root/template") },
    });
    expect(readdirSync(at("root/w")).toSorted()).toEqual(["README", "sub"]);
    expect(readdirSync(at("root/w/sub"))).toEqual([]);
    expect(readFileSync(at("root/outside"), "utf8")).toBe("kept");
    expect(readFileSync(at("root/template/README"), "utf8")).toBe("hi");
  });

  test("without a template it is empty; one that is not there is made", async () => {
    expect(await reset(at("root/w"))).toMatchObject({ value: { removed: 2 } });
    expect(readdirSync(at("root/w"))).toEqual([]);
    expect(await reset(at("root/new"), at("root/template"))).toMatchObject({ value: { removed: 0 } });
    expect(existsSync(at("root/new/README"))).toBe(true);
  });

  test("what a reset that was killed left behind goes with the next", async () => {
    mkdirSync(at("root/w/.maestro-reset-abc/old-1"), { recursive: true });
    expect(await reset(at("root/w"))).toMatchObject({ value: { removed: 2 } });
    expect(readdirSync(at("root/w"))).toEqual([]);
  });

  test.each<[string, string, string | undefined, string, string]>([
    ["a root", "root", undefined, "policy_denied", "workspace"],
    ["the user's home", "home", undefined, "policy_denied", "workspace"],
    ["what is outside the roots", "own", undefined, "path_outside_roots", "workspace"],
    ["a template that holds the workspace", "root/template/sub", "root/template", "workspace_error", "workspace_template"],
    ["a workspace that holds the template", "root/w", "root/w/sub", "workspace_error", "workspace_template"],
    ["a template that is not there", "root/w", "root/none", "workspace_error", "workspace_template"],
    ["a template outside the roots", "root/w", "own", "path_outside_roots", "workspace_template"],
  ])("%s is refused, and nothing is touched", async (_what, dir, template, code, field) => {
    const before = readdirSync(at(dir));
    expect(await reset(at(dir), template === undefined ? undefined : at(template))).toMatchObject({ ok: false, error: { code, field } });
    expect(readdirSync(at(dir))).toEqual(before);
    expect(readdirSync(at("root/w")).toSorted()).toEqual(["mine", "sub"]);
  });

  test("a directory that holds Maestro's own is refused", async () => {
    mkdirSync(at("root/maestro"));
    expect(await reset(at("root/maestro"))).toMatchObject({ error: { code: "path_outside_roots" } });
  });

  test("CLI 59: one that is in use is refused, also when that begins while the template is copied", async () => {
    const busy = (who: string, hint: string) => ({
      ok: false,
      error: { code: "workspace_busy", detail: `'${at("root/w")}' is in use: ${who} works there.`, field: "workspace", hint },
    });
    expect(await reset(at("root/w"), undefined, () => "build")).toEqual(busy("build", "End that session first: maestro session kill."));
    const answers = [undefined, "att_1"];
    expect(await reset(at("root/w"), at("root/template"), () => answers.shift())).toEqual(
      busy("att_1", "Wait for its task, or cancel it."),
    );
    expect(readdirSync(at("root/w")).toSorted()).toEqual(["mine", "sub"]);
  });
});
