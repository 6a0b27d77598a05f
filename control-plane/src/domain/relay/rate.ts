/** Token buckets computed from timestamps: no timer keeps an object awake. */
import {
  CONTROL_MESSAGES_BURST,
  CONTROL_MESSAGES_PER_SECOND,
  INPUT_BYTES_PER_SECOND,
  LINK_NEWS_BURST,
  LINK_NEWS_PER_SECOND,
  MAX_INPUT_BYTES_PER_FRAME,
} from "@maestro/shared/limits";

export interface Bucket {
  tokens: number;
  atMs: number;
}

export interface BucketRate {
  perSecond: number;
  burst: number;
}

export const CONTROL_RATE: BucketRate = { perSecond: CONTROL_MESSAGES_PER_SECOND, burst: CONTROL_MESSAGES_BURST };
/** [LK8] */
export const LINK_NEWS_RATE: BucketRate = { perSecond: LINK_NEWS_PER_SECOND, burst: LINK_NEWS_BURST };
/** A whole frame of paste may come at once on top of a second's worth. */
export const INPUT_RATE: BucketRate = { perSecond: INPUT_BYTES_PER_SECOND, burst: INPUT_BYTES_PER_SECOND + MAX_INPUT_BYTES_PER_FRAME };

export const fullBucket = (rate: BucketRate, nowMs: number): Bucket => ({ tokens: rate.burst, atMs: nowMs });

/** The bucket after taking `amount`, or undefined when that much is not in it. A clock that steps back refills nothing. */
export function take(bucket: Bucket, rate: BucketRate, amount: number, nowMs: number): Bucket | undefined {
  const elapsedMs = Math.max(0, nowMs - bucket.atMs);
  const tokens = Math.min(rate.burst, bucket.tokens + (elapsedMs * rate.perSecond) / 1000);
  return tokens < amount ? undefined : { tokens: tokens - amount, atMs: nowMs };
}
