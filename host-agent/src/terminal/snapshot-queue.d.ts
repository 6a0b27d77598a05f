/** Screens a channel was asked for: one at a time, so that no number of viewers makes the host keep many in memory. */
export interface SnapshotWish {
    lines: number;
    viewer: string | undefined;
}
export declare class SnapshotQueue {
    #private;
    /** A repeated wish is the same wish. */
    add(wish: SnapshotWish): void;
    /** The wish to ask the holder for now, if any. */
    start(): SnapshotWish | undefined;
    /** The holder answered; the screen waits in the channel. */
    arrived(): void;
    /** True when the channel's queue has run down far enough for the next one. */
    drained(queuedBytes: number): boolean;
    /** The holder could not. */
    failed(): void;
    clear(): void;
}
