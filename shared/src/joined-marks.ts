/**
 * xterm.js joins every combining mark to the character before it, without an end: one cell of 20,000 marks
 * freezes the page that draws it for longer than anybody waits, and repeated (REP) it fills the memory of the
 * host's screens. Past a bound the next mark begins a cell of its own. Pure arithmetic on xterm's character
 * properties: bit 0 says joined, bits 1–2 are the width, the rest is free for a provider's own state.
 */
export type CharProperties = (codepoint: number, preceding: number) => number;

/** The longest honest clusters (Thai, Tibetan, families of emoji) have fewer than ten. */
export const MOST_JOINED_MARKS = 30;

const JOINED = 1;
const OWN_BITS = 7;
const WIDTH_ONE = 2;
const STATE_SHIFT = 3;

export const boundMarks =
  (inner: CharProperties): CharProperties =>
  (codepoint, preceding) => {
    const properties = inner(codepoint, preceding & OWN_BITS);
    if ((properties & JOINED) === 0) return properties;
    const joined = (preceding >> STATE_SHIFT) + 1;
    return joined > MOST_JOINED_MARKS ? WIDTH_ONE : (joined << STATE_SHIFT) | (properties & OWN_BITS);
  };
