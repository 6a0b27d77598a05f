/** What a connection knows of the other side's being there. Pure. */

/** Undefined until the first byte of this connection's life. */
export interface Liveness {
  roundTripMs: number | undefined;
  /** On the clock that connections use, for ages. */
  lastByteMs: number | undefined;
  /** The same moment in Unix ms, to be shown. */
  lastByteAtMs: number | undefined;
}

export const neverHeard: Readonly<Liveness> = { roundTripMs: undefined, lastByteMs: undefined, lastByteAtMs: undefined };

/** Pings go out every 5 s while the page is seen; silence beyond this is worth showing. */
const SILENT_AFTER_MS = 8_000;

export const isSilent = ({ lastByteMs }: Readonly<Liveness>, nowMs: number): boolean =>
  lastByteMs !== undefined && nowMs - lastByteMs > SILENT_AFTER_MS;
