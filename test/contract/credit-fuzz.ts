/**
 * A sender with credit and a receiver whose acknowledgements are lost, doubled and reordered: never more in
 * flight than the window, never stuck once the last acknowledgement arrives, nothing acknowledged unsent.
 */
import type { Credit } from "../../shared/src/protocol/credit.ts";
import type { Random } from "../support/random.ts";

export interface CreditRules {
  openCredit(window: number, offset: number): Credit;
  available(credit: Credit): number;
  spend(credit: Credit, offset: number): Credit;
  acknowledge(credit: Credit, offset: number): Credit;
}

export function fuzzCredit(rules: CreditRules, random: Random, rounds: number): void {
  for (let round = 0; round < rounds; round++) {
    const window = random.int(1, 4096);
    const start = random.pick([0, 1, 0xffff_fff0, Number.MAX_SAFE_INTEGER - 1_000_000]);
    const place = `seed ${random.seed}, round ${round}, window ${window}`;
    let credit = rules.openCredit(window, start);
    let sent = start;
    let received = start;
    const acknowledgements: number[] = [];
    for (let step = 0; step < 80; step++) {
      const may = rules.available(credit);
      if (may < 0 || may > window) throw new Error(`available ${may}: ${place}`);
      if (sent + may - maxAcknowledged(credit, start) > window) throw new Error(`more than the window in flight: ${place}`);
      sent += random.int(0, may);
      credit = rules.spend(credit, sent);
      received = random.int(received, sent);
      acknowledgements.push(received);
      // Late, early, twice or not at all; a wild one claims what was never sent.
      if (random.next() < 0.6)
        credit = deliver(rules, credit, acknowledgements[random.int(0, acknowledgements.length - 1)] ?? start, sent, place);
      if (random.next() < 0.1) credit = deliver(rules, credit, sent + random.int(1, 9999), sent, place);
    }
    credit = rules.acknowledge(credit, sent);
    if (rules.available(credit) !== window) throw new Error(`stuck with ${rules.available(credit)} of the window: ${place}`);
  }
}

function deliver(rules: CreditRules, before: Credit, offset: number, sent: number, place: string): Credit {
  const after = rules.acknowledge(before, offset);
  if (after.acked < before.acked) throw new Error(`an acknowledgement went back: ${place}`);
  if (after.acked > sent) throw new Error(`acknowledged what was never sent: ${place}`);
  return after;
}

const maxAcknowledged = (credit: Credit, start: number): number => Math.max(start, credit.acked);
