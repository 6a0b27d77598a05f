/** What a holder says, for the terminals that viewers see. */
import type { KeeperHooks } from "../daemon/holder-keeper.ts";
import type { Terminals } from "./terminals.ts";

/** @param changed sessions came, changed or went: the link tells it. */
export const holderHooks = (terminals: Terminals, changed: KeeperHooks["changed"]): KeeperHooks => ({
  up: (client) => terminals.holderUp(client),
  down: () => terminals.holderDown(),
  output: (event) => terminals.output(event),
  snapshot: (event) => terminals.snapshot(event),
  gap: (event) => terminals.gap(event),
  epoch: (event) => terminals.epoch(event),
  inputRefused: ({ session, error }) => terminals.inputRefused(session, error),
  changed,
});
