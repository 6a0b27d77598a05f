export interface Policy {
    roots: readonly string[] | undefined;
    shell: "allow" | "deny";
    /** SHA-256 of the file, `none` without one; reported, so that a change is seen. */
    digest: string;
}
export declare const openPolicy: Policy;
export declare function readPolicy(file: string): Policy;
export declare function parsePolicy(file: string, bytes: Uint8Array): Policy;
