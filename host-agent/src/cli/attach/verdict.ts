/** What becomes of one escape sequence. */

/** `question`: passes only while answers are wanted, within the budget. */
export type Verdict = { type: "pass"; text: string } | { type: "question"; text: string } | { type: "drop" };

export const DROP: Verdict = { type: "drop" };
export const pass = (text: string): Verdict => ({ type: "pass", text });
export const question = (text: string): Verdict => ({ type: "question", text });
