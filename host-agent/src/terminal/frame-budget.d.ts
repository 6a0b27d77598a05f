/** [CH3] ≤ 1,000 binary frames a second on one link, all channels together: a token bucket. */
export interface FrameBudget {
    tokens: number;
    atMs: number;
}
export declare const fullBudget: (nowMs: number) => FrameBudget;
export declare function refill(budget: FrameBudget, nowMs: number): FrameBudget;
export declare const takeToken: (budget: FrameBudget) => FrameBudget;
/** When a token will be there, 0 when one is. */
export declare const waitMs: (budget: FrameBudget) => number;
