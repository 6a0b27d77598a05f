import { type KeyPair } from "../daemon/identity.ts";
export interface Claimant {
    hostId: string;
    origin: string;
    instance: string;
    bootId: string;
}
export interface ClaimedCall {
    key: KeyPair;
    epoch: {
        start: number;
        connect: number;
    };
    timeMs: number;
    method: string;
    path: string;
}
export declare function hostAuthorization({ hostId, origin, instance, bootId }: Claimant, { key, epoch, timeMs, method, path }: ClaimedCall): string;
