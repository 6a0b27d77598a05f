import type { MaestroError } from "@maestro/shared/errors";
import { type ConnectTarget } from "./connector.ts";
export interface SocketEvents {
    text(text: string): void;
    binary(bytes: Uint8Array): void;
    /** Bytes reached the kernel: more may be sent. */
    drained(): void;
    /** Once, after a successful open only. 1006: the connection broke. */
    closed(code: number, reason: string): void;
}
export interface LinkSocket {
    sendText(text: string): void;
    sendBinary(bytes: Uint8Array): void;
    readonly bufferedBytes: number;
    close(code: number, reason: string): void;
    /** At once, for a peer that does not answer. */
    terminate(): void;
}
export type OpenResult = {
    type: "open";
    socket: LinkSocket;
}
/** The server answered and refused the upgrade. */
 | {
    type: "refused";
    status: number;
    error: MaestroError;
    retryAfterMs: number | undefined;
} | {
    type: "unreachable";
    error: MaestroError;
};
export interface OpenOptions extends ConnectTarget {
    path: string;
    headers: Readonly<Record<string, string>>;
    events: SocketEvents;
    signal: AbortSignal;
}
export declare function openSocket({ path, headers, events, signal, ...target }: OpenOptions): Promise<OpenResult>;
