/** How many may run at a time, and how many do: a box for each slot, or a bar when there are too many to be counted. */

const MOST_BOXES = 16;

interface SlotsProps {
  name: string;
  running: number;
  limit: number;
  /** Why none of them will be taken. */
  note: string | undefined;
}

export function Slots({ name, running, limit, note }: SlotsProps) {
  // More may run than there are slots, after the limit was lowered.
  const boxes = Math.max(limit, running);
  return (
    <li className={note === undefined ? "slots" : "slots closed"} data-slots={name}>
      <span className="cut name">{name}</span>
      <span className="boxes" role="img" aria-label={`${running} of ${limit} slots in use`}>
        {boxes <= MOST_BOXES ? (
          Array.from({ length: boxes }, (_, i) => (
            <span key={i} className={`slot${i < running ? " used" : ""}${i >= limit ? " over" : ""}`} />
          ))
        ) : (
          <progress max={boxes} value={running} aria-hidden="true" />
        )}
      </span>
      <span className="muted small figures-text">
        {running}/{limit}
      </span>
      <span className="note">{note !== undefined && <span className="tag warn">{note}</span>}</span>
    </li>
  );
}
