import { expect, test } from "vitest";
import { answered, asked, linesToAsk, noScrollback, unanswered } from "./scrollback.ts";

test("[CH4] scrollback is asked for in growing steps, until less comes than was asked for", () => {
  let scrollback = noScrollback;
  const lines: (number | undefined)[] = [];
  for (const came of [1_000, 700]) {
    lines.push(linesToAsk(scrollback));
    scrollback = answered(asked(scrollback), came);
  }
  expect(lines).toEqual([1_000, 10_000]);
  expect(scrollback.state).toBe("whole");
  expect(linesToAsk(scrollback)).toBeUndefined();
});

test("[CH4] the largest step is the last, however much comes", () => {
  const scrollback = [1_000, 10_000, 50_000].reduce((now, came) => answered(asked(now), came), noScrollback);
  expect(scrollback.state).toBe("whole");
});

test("[CH4] while one answer is awaited nothing more is asked; what was refused may be asked again", () => {
  const loading = asked(noScrollback);
  expect(linesToAsk(loading)).toBeUndefined();
  expect(linesToAsk(unanswered(loading))).toBe(1_000);
  expect(unanswered(answered(loading, 10))).toEqual(answered(loading, 10));
});

test("[CH4] a screen without scrollback that nobody asked for begins anew", () => {
  const grown = answered(asked(noScrollback), 1_000);
  expect(linesToAsk(grown)).toBe(10_000);
  expect(answered(grown, 0)).toEqual(noScrollback);
  expect(answered(grown, 1_000)).toEqual(grown);
});
