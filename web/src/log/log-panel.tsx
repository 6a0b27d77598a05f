/** The log of an attempt: live, searchable, as much of it as is wanted. */
import { useEffect, useMemo, useRef, useState, type KeyboardEvent } from "react";
import { byteCount } from "../tasks/figures.ts";
import { Icon } from "../ui/icons.tsx";
import { Problem } from "../ui/parts.tsx";
import { DownloadLog } from "./download-log.tsx";
import { lineOf, LogBox, type Spot } from "./log-box.tsx";
import { LogSearch } from "./log-search.ts";
import { logStateText } from "./log-state-text.ts";
import { TalkLines } from "./talk-lines.ts";
import { useLog, type UsedLog } from "./use-log.ts";

export function LogPanel({ attempt, label, lives }: { attempt: string; label: string; lives: boolean }) {
  const log = useLog(attempt, lives);
  const [text, setText] = useState("");
  const [spot, setSpot] = useState<Spot>();
  const [pinned, setPinned] = useState(true);
  const input = useRef<HTMLInputElement>(null);
  const search = useMemo(() => new LogSearch(text), [text]);
  const [raw, setRaw] = useState(false);
  const talk = useMemo(() => new TalkLines(), []);
  const told = useMemo(() => talk.of(log.lines), [talk, log.lines]);
  const lines = raw ? log.lines : told;
  const count = useMemo(() => search.count(lines), [search, lines]);
  const { tone, text: words } = logStateText(log.state, log.end, lives);

  const turn = (next: LogSearch, from: Spot | undefined, direction: 1 | -1): void => {
    const found = next.step(lines, from === undefined ? undefined : { line: lineOf(lines, from.offset), at: from.at }, direction);
    const line = found === undefined ? undefined : lines[found.line];
    setSpot(found === undefined || line === undefined ? undefined : { offset: line.offset, at: found.at });
    if (found !== undefined) setPinned(false);
  };
  const onKey = (event: KeyboardEvent): void => {
    if (event.key === "Enter") turn(search, spot, event.shiftKey ? 1 : -1);
    else if (event.key === "Escape") look("");
    else return;
    event.preventDefault();
  };
  const look = (wanted: string): void => {
    setText(wanted);
    turn(new LogSearch(wanted), undefined, -1);
  };
  const isUnplaced = text !== "" && spot === undefined && count > 0;
  // Asked for before its lines were there.
  useEffect(() => {
    if (isUnplaced) turn(search, undefined, -1);
  });
  const place = spot === undefined ? 0 : search.ordinal(lines, { line: lineOf(lines, spot.offset), at: spot.at });

  return (
    <div className="log card" data-state={log.state.type}>
      <div className="log-bar">
        <span className={`log-state ${tone}`} role="status" data-testid="log-state">
          <span className="mark-dot" aria-hidden="true" />
          {words}
        </span>
        <div className="searchbox">
          <Icon name="search" />
          <input
            ref={input}
            className="input"
            type="search"
            aria-label="Search the log"
            placeholder="Search"
            value={text}
            onChange={(event) => look(event.target.value)}
            onKeyDown={onKey}
            spellCheck={false}
          />
          {text !== "" && (
            <span className="hits" role="status" data-testid="log-hits">
              {count === 0 ? "none" : `${place} of ${count}`}
            </span>
          )}
        </div>
        <button
          type="button"
          className="button quiet icon small"
          aria-label="Earlier match"
          disabled={count === 0}
          onClick={() => turn(search, spot, -1)}
        >
          <Icon name="up" />
        </button>
        <button
          type="button"
          className="button quiet icon small"
          aria-label="Later match"
          disabled={count === 0}
          onClick={() => turn(search, spot, 1)}
        >
          <Icon name="down" />
        </button>
        {talk.found && (
          <button
            type="button"
            className="button small"
            aria-pressed={raw}
            title="What the agent's CLI wrote, event by event"
            onClick={() => setRaw(!raw)}
          >
            Raw
          </button>
        )}
        <button type="button" className="button small to-end" aria-pressed={pinned} onClick={() => setPinned(!pinned)}>
          <Icon name="end" /> {log.state.type === "complete" ? "End" : "Follow"}
        </button>
        <DownloadLog attempt={attempt} disabled={log.end === 0} />
      </div>
      <Earlier log={log} />
      {log.state.type === "failed" && (
        <div className="log-problem">
          <Problem error={log.state.error} title="The log could not be read" onRetry={log.retry} />
        </div>
      )}
      {log.lines.length === 0 && log.state.type !== "failed" ? (
        <p className="log-empty muted">{emptyText(log, lives)}</p>
      ) : (
        <LogBox
          lines={lines}
          label={label}
          search={search}
          spot={spot}
          pinned={pinned}
          onPinned={setPinned}
          onSlash={() => input.current?.focus()}
        />
      )}
    </div>
  );
}

function Earlier({ log }: { log: UsedLog }) {
  const { start, end, earlier } = log;
  if (start === undefined || start === 0) return null;
  return (
    <div className="log-earlier">
      <span className="muted small grow">
        {earlier.type === "failed" ? earlier.error.detail : `The last ${byteCount(end - start)}; ${byteCount(start)} before it`}
      </span>
      {log.canGrow ? (
        <button type="button" className="button small" disabled={earlier.type === "loading"} onClick={log.loadEarlier}>
          {earlier.type === "loading" ? <span className="spinner" /> : <Icon name="up" />} Load earlier
        </button>
      ) : (
        <span className="muted small">Download it to see all of it.</span>
      )}
    </div>
  );
}

function emptyText({ state }: UsedLog, lives: boolean): string {
  if (state.type === "opening") return "Reading the log…";
  return lives ? "Nothing was written yet. It appears here as it comes." : "It wrote nothing.";
}
