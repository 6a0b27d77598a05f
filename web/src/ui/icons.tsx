/** The few icons the console uses, drawn on a 16-pixel grid. Decorative: what they mean stands beside them or in a label. */
const PATHS = {
  overview: "M2.5 2.5h4.5v4.5H2.5zM9 2.5h4.5v4.5H9zM2.5 9h4.5v4.5H2.5zM9 9h4.5v4.5H9z",
  hosts: "M2.5 3h11v4h-11zM2.5 9h11v4h-11zM5 5h.01M5 11h.01",
  agents: "M4 6.5h8v6H4zM8 6.5V4M8 3.5h.01M6.5 9v1M9.5 9v1M2.2 8.5v2M13.8 8.5v2",
  tasks: "M2.5 4 3.6 5.1 5.6 3M2.5 8.5 3.6 9.6 5.6 7.5M8 4.2h5.5M8 8.7h5.5M8 13h5.5M3 13h1.5",
  queue: "M2.5 3h11v3h-11zM2.5 8.2h11M2.5 10.8h11M2.5 13.4h7",
  terminal: "M2.5 3h11v10h-11zM5 6.2l2 1.8-2 1.8M8.5 10h2.5",
  plus: "M8 3v10M3 8h10",
  chevron: "M6 3.5 10.5 8 6 12.5",
  down: "M4 6l4 4 4-4",
  menu: "M2.5 4h11M2.5 8h11M2.5 12h11",
  close: "M4 4l8 8M12 4l-8 8",
  copy: "M5.5 5.5h8v8h-8zM3 10.5H2.5v-8h8V3",
  check: "M3 8.5 6.5 12 13 4.5",
  pen: "M3 13l.6-2.8L10.8 3l2.2 2.2-7.2 7.2L3 13z",
  eye: "M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8zM8 6.2a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6z",
  warning: "M8 2.2 14.2 13H1.8zM8 6.5v3M8 11.4h.01",
  stop: "M4.5 4.5h7v7h-7zM7 7h2v2H7z",
  play: "M5 3.5v9l7-4.5z",
  trash: "M3 4.5h10M6.5 4.5V3h3v1.5M4.5 4.5 5 13h6l.5-8.5",
  more: "M3.5 8h.01M8 8h.01M12.5 8h.01",
  out: "M6.5 3H3v10h3.5M10 5l3 3-3 3M13 8H6.5",
  search: "M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9zM10.4 10.4l3.1 3.1",
  up: "M4 10l4-4 4 4",
  again: "M13 8a5 5 0 1 1-1.5-3.6M13 2.5v2.7h-2.7",
  end: "M4.5 3.5 8 7l3.5-3.5M4.5 7.5 8 11l3.5-3.5M4 13.5h8",
  save: "M8 2.5v7M5 6.8l3 3 3-3M3 13h10",
  skip: "M5 8h6",
  lock: "M4 7.5h8V13H4zM5.5 7.5V5a2.5 2.5 0 0 1 5 0v2.5",
} as const;
export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

export function Mark() {
  return (
    <svg viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="8" fill="#4f6df5" />
      <path d="M8 22V11.5l8 7 8-7V22" fill="none" stroke="#fff" strokeWidth="3" strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  );
}
