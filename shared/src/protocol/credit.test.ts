import { describe, expect, test } from "vitest";
import { fuzzCredit, type CreditRules } from "../../../test/contract/credit-fuzz.ts";
import { chooseSeed, seededRandom } from "../../../test/support/random.ts";
import { acknowledge, available, inFlight, openCredit, spend } from "./credit.ts";

test("[CH3] what was sent is not available until it is acknowledged", () => {
  const credit = spend(openCredit(100, 1_000), 1_060);
  expect([available(credit), inFlight(credit)]).toEqual([40, 60]);
  expect(available(acknowledge(credit, 1_050))).toBe(90);
});

test("[VW4] an acknowledgement that comes late, twice or out of order changes nothing", () => {
  const credit = acknowledge(spend(openCredit(100, 0), 80), 70);
  expect(acknowledge(credit, 10)).toEqual(credit);
  expect(acknowledge(credit, 70)).toEqual(credit);
});

test("[VW4] an acknowledgement of bytes that were never sent counts up to what was", () => {
  expect(acknowledge(spend(openCredit(100, 0), 80), 1_000_000)).toEqual({ window: 100, sent: 80, acked: 80 });
});

test("[VW4] a sender that went over its window has none left, never less than none", () => {
  expect(available(spend(openCredit(100, 0), 250))).toBe(0);
});

test("[VW4] restated offsets after a wake restore the window", () => {
  const woken = openCredit(512, 9_000);
  expect(available(acknowledge(spend(woken, 9_512), 9_512))).toBe(512);
});

describe("fuzz", () => {
  const seed = chooseSeed();
  const rules: CreditRules = { openCredit, available, spend, acknowledge };
  const run = (implementation: CreditRules) => () => fuzzCredit(implementation, seededRandom(seed), 200);

  test(`[VW4] credit holds under lost, doubled and reordered acknowledgements (seed ${seed})`, () => {
    expect(run(rules)).not.toThrow();
  });

  const faults: [string, CreditRules][] = [
    ["adds acknowledgements up", { ...rules, acknowledge: (credit, offset) => ({ ...credit, acked: credit.acked + offset }) }],
    [
      "lets an acknowledgement go back",
      { ...rules, acknowledge: (credit, offset) => ({ ...credit, acked: Math.min(credit.sent, offset) }) },
    ],
    ["believes what was never sent", { ...rules, acknowledge: (credit, offset) => ({ ...credit, acked: Math.max(credit.acked, offset) }) }],
    ["forgets what it sent", { ...rules, spend: (credit) => credit }],
    ["has a window too many", { ...rules, available: (credit) => available(credit) + 1 }],
    ["loses acknowledgements", { ...rules, acknowledge: (credit) => credit }],
  ];
  test.each(faults)("[VW4] credit that %s does not pass the fuzz", (_, implementation) => {
    expect(run(implementation)).toThrow(`seed ${seed}`);
  });
});
