/** The far side of the link for tests: a real HTTP and WebSocket server that speaks as the Worker and HostRelay do. */
import { type IncomingMessage, type Server } from "node:http";
import type { Socket } from "node:net";
import { type WebSocket } from "ws";
import { type Frame } from "@maestro/shared/protocol/frame";
import { type HostClaim } from "@maestro/shared/protocol/link-auth";
import { type HostFrame, type RelayFrame } from "@maestro/shared/protocol/link";
import { type MaestroError } from "@maestro/shared/errors";
export type HostFrameOf<T extends HostFrame["t"]> = Extract<HostFrame, {
    t: T;
}>;
type Received = {
    type: "control";
    frame: HostFrame;
} | {
    type: "data";
    frame: Frame;
};
export interface Refusal {
    status: number;
    error: MaestroError;
    headers?: Record<string, string>;
}
/** One accepted link. */
export declare class RelayLink {
    #private;
    readonly socket: WebSocket;
    readonly tcp: Socket;
    readonly claim: HostClaim;
    readonly received: Received[];
    pings: number;
    /** Answer pings; false plays a half-open link. */
    answers: boolean;
    closed: {
        code: number;
        reason: string;
    } | undefined;
    constructor(socket: WebSocket, tcp: Socket, claim: HostClaim, onFrame: (link: RelayLink, frame: HostFrame) => void);
    /** Waits until the answer is not undefined. */
    until<T>(look: () => T | undefined, what?: string): Promise<T>;
    frames<T extends HostFrame["t"]>(type: T): HostFrameOf<T>[];
    frame<T extends HostFrame["t"]>(type: T, match?: (frame: HostFrameOf<T>) => boolean): Promise<HostFrameOf<T>>;
    data(channel: number): Frame[];
    send(frame: RelayFrame): void;
    sendInput(channel: number, bytes: Uint8Array): void;
    nextId(): number;
    /** Sends a request and waits for its one answer. */
    request(frame: Extract<RelayFrame, {
        id: number;
    }>): Promise<HostFrameOf<"reply"> | HostFrameOf<"reply-error">>;
    answer(id: number): Promise<HostFrameOf<"reply"> | HostFrameOf<"reply-error">>;
    untilClosed(): Promise<{
        code: number;
        reason: string;
    }>;
}
export interface FakeRelayOptions {
    tls?: {
        key: string;
        cert: string;
    };
    /** HTTP answers by path, e.g. the join route. */
    http?: (request: IncomingMessage, body: string) => {
        status: number;
        json: unknown;
        headers?: Record<string, string>;
    };
}
export declare class FakeRelay {
    #private;
    readonly server: Server;
    readonly links: RelayLink[];
    /** Taken one by one by the next upgrades. */
    refusals: Refusal[];
    readonly claims: HostClaim[];
    /** Answer hello with welcome. */
    welcomes: boolean;
    serverTimeMs: () => number;
    constructor({ tls, http }?: FakeRelayOptions);
    listen(): Promise<this>;
    get port(): number;
    get origin(): string;
    /** The n-th link there ever was, once it said hello. */
    link(n: number): Promise<RelayLink>;
    until<T>(look: () => T | undefined, what?: string): Promise<T>;
    close(): Promise<void>;
}
export {};
