export interface ProcessIdentity {
    pid: number;
    /** Opaque; compared for equality only. */
    started: string;
    bootId: string;
}
export declare const ownIdentity: () => ProcessIdentity;
export declare function isAlive({ pid, started, bootId }: ProcessIdentity): boolean;
/** `[\w-]{1,64}`, as the link's claim wants it. */
export declare function readBootId(): string;
