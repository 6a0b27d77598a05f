/** [CH4] How much scrollback was asked for: in steps, since what is longer takes longer to come. Pure. */
export interface Scrollback {
  state: "more" | "loading" | "whole";
  /** Of `STEPS`, the one that comes next. */
  step: number;
}

const STEPS = [1_000, 10_000, 50_000] as const;

export const noScrollback: Scrollback = { state: "more", step: 0 };

/** The lines to ask for now; undefined: there are no more, or they are on their way. */
export const linesToAsk = ({ state, step }: Scrollback): number | undefined => (state === "more" ? STEPS[step] : undefined);

export const asked = ({ step }: Scrollback): Scrollback => ({ state: "loading", step });

/** It was refused, or what would have carried it is gone. */
export const unanswered = (scrollback: Scrollback): Scrollback =>
  scrollback.state === "loading" ? { state: "more", step: scrollback.step } : scrollback;

/** A screen came with so many lines above it; one that nobody asked for has none and drops those that were here. */
export function answered(scrollback: Scrollback, lines: number): Scrollback {
  if (scrollback.state !== "loading") return lines === 0 ? noScrollback : scrollback;
  const step = scrollback.step + 1;
  const whole = lines < (STEPS[scrollback.step] ?? 0) || step >= STEPS.length;
  return { state: whole ? "whole" : "more", step };
}
