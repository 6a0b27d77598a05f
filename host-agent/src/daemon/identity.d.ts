import * as z from "zod";
import type { Paths } from "../config/paths.ts";
declare const KeyPair: z.ZodObject<{
    public: z.ZodString;
    private: z.ZodString;
}, z.core.$strip>;
/** Raw 32-byte keys as base64url. */
export type KeyPair = z.infer<typeof KeyPair>;
export declare const HostRecord: z.ZodObject<{
    hostId: z.ZodString;
    name: z.ZodString;
    fleet: z.ZodString;
    url: z.ZodString;
    origin: z.ZodString;
    pin: z.ZodOptional<z.ZodString>;
}, z.core.$strip>;
export type HostRecord = z.infer<typeof HostRecord>;
export interface Identity {
    record: HostRecord;
    signing: KeyPair;
    sealing: KeyPair;
}
export declare function generateSigningKey(): KeyPair;
export declare function generateSealingKey(): KeyPair;
/** Ed25519 over the UTF-8 text, base64url. */
export declare function signText(key: KeyPair, text: string): string;
export declare function readIdentity(paths: Paths): Identity | undefined;
export declare function writeIdentity(paths: Paths, { record, signing, sealing }: Identity): void;
/** [F37] The key a rotation was begun with, if it did not end. A damaged file is as good as none: the old key still works. */
export declare function readNextKey(paths: Paths, hostId: string): KeyPair | undefined;
export declare function writeNextKey(paths: Paths, hostId: string, signing: KeyPair): void;
/** The identity takes the key first and the waiting file goes last, so a crash between them only repeats this. */
export declare function promoteKey(paths: Paths, identity: Identity, signing: KeyPair): Identity;
export {};
