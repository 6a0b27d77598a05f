/** The keys of the row and what they send. Pure. */
export type AccessoryKey =
  | { type: "ctrl" }
  /** `name` is read aloud; arrows depend on the mode the program asked for (DECCKM). */
  | { type: "key"; label: string; name: string; bytes: (applicationCursor: boolean) => string };

const fixed = (label: string, name: string, bytes: string): AccessoryKey => ({ type: "key", label, name, bytes: () => bytes });
const arrow = (label: string, name: string, letter: string): AccessoryKey => ({
  type: "key",
  label,
  name,
  bytes: (application) => `\u001b${application ? "O" : "["}${letter}`,
});

export const KEYS: readonly AccessoryKey[] = [
  fixed("Esc", "Escape", "\u001b"),
  fixed("Tab", "Tab", "\t"),
  { type: "ctrl" },
  arrow("↑", "Up", "A"),
  arrow("↓", "Down", "B"),
  fixed("^C", "Control C", "\u0003"),
  fixed("⏎", "Enter", "\r"),
];

/** What Ctrl makes of one typed character; undefined when it makes nothing of it. */
export function controlByte(data: string): string | undefined {
  if (data.length !== 1) return undefined;
  const code = data.toUpperCase().charCodeAt(0);
  if (code >= 0x40 && code <= 0x5f) return String.fromCharCode(code - 0x40);
  if (data === " ") return "\u0000";
  return data === "?" ? "\u007f" : undefined;
}
