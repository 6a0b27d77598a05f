import { expect, it } from "vitest";
import { REPLIES_PER_SECOND, ReplyBudget } from "./reply-budget.ts";

it("[VW2] a flood of questions gets answers at a bounded rate, and later ones are answered again", () => {
  const budget = new ReplyBudget();
  const given = (nowMs: number): number => Array.from({ length: 10_000 }, () => budget.take(nowMs)).filter(Boolean).length;
  expect([given(0), given(999), given(1_000), given(5_000)]).toEqual([REPLIES_PER_SECOND, 0, REPLIES_PER_SECOND, REPLIES_PER_SECOND]);
});
