import { type Socket } from "node:net";
import { type Result } from "@maestro/shared/result";
type OnConnected = (error: Error | null, socket: Socket) => void;
/** The callback form of `http.request({createConnection})`: nothing is returned until the peer is known. */
export type Connector = (options: object, done: OnConnected) => undefined;
export interface ConnectTarget {
    url: URL;
    /** Hex SHA-256 of the server key. */
    pin?: string;
    /** For TCP and TLS together. */
    timeoutMs: number;
}
export declare function connectorTo({ url, pin, timeoutMs }: ConnectTarget): Connector;
export declare const spkiDigest: (der: Uint8Array) => string;
/** Accepts what people paste: hex (with or without colons), base64 or base64url, with or without `sha256:` or `sha256/`. */
export declare function parsePin(text: string): Result<string>;
export {};
