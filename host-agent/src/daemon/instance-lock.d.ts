import * as z from "zod";
declare const LockFile: z.ZodObject<{
    pid: z.ZodInt;
    started: z.ZodString;
    bootId: z.ZodString;
    what: z.ZodString;
    version: z.ZodString;
    sinceMs: z.ZodNumber;
}, z.core.$strip>;
export type LockOwner = z.infer<typeof LockFile>;
export interface InstanceLock {
    /** Where the lock could be made. */
    file: string;
    release(): void;
}
/**
 * @param fallback used when the state directory cannot be written [F25]: a daemon that runs must not be two.
 * @param what for the message, e.g. `host run`.
 */
export declare function acquireLock(file: string, fallback: string, what: string, version: string): InstanceLock;
/** Who holds the lock now, if anybody alive. */
export declare function readOwner(file: string): LockOwner | undefined;
export {};
