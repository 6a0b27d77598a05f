import { type Result } from "@maestro/shared/result";
export interface WorkspaceRules {
    roots: readonly string[];
    /** The daemon's own directories: identity, sockets, configuration. */
    forbidden: readonly string[];
    /** `~` in a path. */
    userHome: string;
}
export interface RootInputs {
    userHome: string;
    workspaceRoot: string;
    policyRoots: readonly string[] | undefined;
}
export declare function allowedRoots({ userHome, workspaceRoot, policyRoots }: RootInputs): string[];
/** Where the path really leads, if that is inside; what does not exist yet is judged by its deepest existing parent. */
export declare function resolveWorkspace(text: string, rules: WorkspaceRules): Result<string>;
export interface Workspace {
    path: string;
    created: boolean;
}
export declare function ensureWorkspace(text: string, rules: WorkspaceRules): Result<Workspace>;
