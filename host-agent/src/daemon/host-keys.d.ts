/** [F37] The keys this host may be known by: the one in its identity and, during a rotation, the next one. */
import type { KeyPair } from "./identity.ts";
export declare class HostKeys {
    #private;
    constructor(current: KeyPair, next: KeyPair | undefined);
    /** The key to sign with now. */
    get active(): KeyPair;
    /** The key of an unfinished rotation. */
    get pending(): KeyPair | undefined;
    begin(next: KeyPair): void;
    /** The active key was refused: true when there is another one to try. */
    switch(): boolean;
    /** The control plane took the next key. */
    promote(): void;
    replace(current: KeyPair, next: KeyPair | undefined): void;
}
