/**
 * [CH3] [VW4] Credit in absolute offsets: `sent` is how far the sender went, `acked` how far the
 * receiver said it came. Absolute figures make a lost, repeated or reordered acknowledgement harmless.
 */

export interface Credit {
  window: number;
  sent: number;
  acked: number;
}

export const openCredit = (window: number, offset: number): Credit => ({ window, sent: offset, acked: offset });

/** Bytes that may be sent now; never negative. */
export const available = (credit: Credit): number => Math.max(0, credit.window - (credit.sent - credit.acked));

export const inFlight = (credit: Credit): number => credit.sent - credit.acked;

/** @param offset one past the last byte sent. */
export const spend = (credit: Credit, offset: number): Credit => ({ ...credit, sent: Math.max(credit.sent, offset) });

/** An acknowledgement never goes back, and never past what was sent. */
export const acknowledge = (credit: Credit, offset: number): Credit => ({
  ...credit,
  acked: Math.min(credit.sent, Math.max(credit.acked, offset)),
});
