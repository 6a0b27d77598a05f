import { expect, test } from "vitest";
import { isDeniedEnv } from "./check-agent-type.ts";

test.each(["LD_AUDIT", "GIT_SSH", "GIT_CONFIG_KEY_0", "GIT_EXTERNAL_DIFF", "JAVA_TOOL_OPTIONS", "ZDOTDIR", "LESSOPEN", "PERL5DB"])(
  "%s, which makes another program run something, is not for a request to set",
  (name) => expect(isDeniedEnv(name)).toBe(true),
);

test.each(["GIT_AUTHOR_NAME", "GIT_PAGER_IN_USE", "ANTHROPIC_MODEL", "LANG"])("%s is", (name) => expect(isDeniedEnv(name)).toBe(false));
