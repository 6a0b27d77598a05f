/** The task over time: a lane for each target, a bar for each attempt. */
import { isFinal, type TaskDetail } from "@maestro/shared/contract/tasks";
import { duration, roundDuration } from "../tasks/figures.ts";
import { timelineOf, type Bar, type Lane } from "../tasks/timeline.ts";
import { reasonWord, stateWord } from "../tasks/words.ts";
import { useNow } from "../ui/parts.tsx";
import { StateMark } from "../ui/state-mark.tsx";

interface TaskTimelineProps {
  task: TaskDetail;
  /** The attempt whose log is shown. */
  shown: string | undefined;
  onAttempt: (id: string) => void;
}

export function TaskTimeline({ task, shown, onAttempt }: TaskTimelineProps) {
  const now = useNow(isFinal(task.status) ? 60_000 : 500);
  const { lanes, ticks, fromMs, toMs } = timelineOf(task, now);
  return (
    <section className="section" aria-label="Timeline">
      <div className="head">
        <h2>Timeline</h2>
        <span className="muted">
          {duration(toMs - fromMs)} from {new Date(fromMs).toLocaleTimeString()}
        </span>
      </div>
      <div className="timeline card">
        <div className="axis" aria-hidden="true">
          {ticks.map((tick) => (
            <span key={tick.ms} className={`tick${tickEdge(tick.at)}`} style={{ left: percent(tick.at) }}>
              {tick.ms === 0 ? "0" : roundDuration(tick.ms)}
            </span>
          ))}
        </div>
        {lanes.map((lane) => (
          <LaneRow key={lane.key} lane={lane} ticks={ticks.map((tick) => tick.at)} shown={shown} onAttempt={onAttempt} />
        ))}
        <ul className="legend" aria-hidden="true">
          <li className="waiting">waiting</li>
          <li className="starting">starting</li>
          <li className="work">running</li>
        </ul>
      </div>
    </section>
  );
}

function LaneRow({
  lane,
  ticks,
  shown,
  onAttempt,
}: Pick<TaskTimelineProps, "shown" | "onAttempt"> & { lane: Lane; ticks: readonly number[] }) {
  return (
    <div className="lane">
      <div className="who">
        <StateMark state={lane.state} />
        <span className="two">
          <span className="cut">{lane.label}</span>
          {lane.place !== "" && <span className="muted small cut">{lane.place}</span>}
        </span>
      </div>
      <div className="track">
        {ticks.map((at) => (
          <span key={at} className="grid-line" style={{ left: percent(at) }} />
        ))}
        {lane.bars.map((bar) => (
          <TimeBar key={bar.key} bar={bar} shown={shown} onAttempt={onAttempt} />
        ))}
      </div>
    </div>
  );
}

function TimeBar({ bar, shown, onAttempt }: Pick<TaskTimelineProps, "shown" | "onAttempt"> & { bar: Bar }) {
  const { attempt } = bar;
  const place = { left: percent(bar.from), width: percent(bar.to - bar.from) };
  const shade = bar.kind === "work" ? stateWord(bar.state).shade : "";
  const className = `bar ${bar.kind} ${shade}${bar.open ? " open" : ""}`;
  const label = barLabel(bar);
  if (attempt === undefined || bar.kind !== "work") return <span className={className} style={place} title={label} />;
  return (
    <button
      type="button"
      className={className}
      style={place}
      title={label}
      aria-label={label}
      aria-pressed={attempt.id === shown}
      onClick={() => onAttempt(attempt.id)}
    >
      <span className="cut">
        {attempt.n > 1 && `#${attempt.n} `}
        {duration(bar.ms)}
      </span>
    </button>
  );
}

function barLabel({ kind, state, ms, attempt }: Bar): string {
  if (attempt === undefined) return `waiting, ${duration(ms)}`;
  const name = `Attempt ${attempt.n} on ${attempt.host.name}`;
  if (kind === "starting") return `${name}: starting, ${duration(ms)}`;
  const why = attempt.reason === undefined ? "" : ` (${reasonWord(attempt.reason.code)})`;
  return `${name}: ${stateWord(state).label}${why}, ${duration(ms)}`;
}

/** Labels stay within the axis. */
const tickEdge = (at: number): string => (at === 0 ? " first" : at > 0.95 ? " last" : "");

const percent = (x: number): string => `${(x * 100).toFixed(3)}%`;
