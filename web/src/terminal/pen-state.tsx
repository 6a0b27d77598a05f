/** [VW2] Who writes: in the bar where there is room, and instead of the keys where there is none. */
import { useFleet } from "../app/fleet-context.tsx";
import { Icon } from "../ui/icons.tsx";
import type { AttachmentView } from "./attachment-view.ts";
import { penWords } from "./pen-words.ts";

interface Props {
  view: AttachmentView;
  onTake: () => void;
}

export function PenState({ view, onTake }: Props) {
  const { me } = useFleet();
  if (view.face.session === undefined || view.connection.type !== "open") return null;
  const words = penWords(view.face, me);
  switch (words.type) {
    case "writing":
      return (
        <span className="tag accent" data-testid="pen" title={`You write. ${words.who}`}>
          <Icon name="pen" /> Writing
          {words.who !== "" && <span className="wide-only">· {words.who}</span>}
        </span>
      );
    case "watching":
      return (
        <span className="pen" data-testid="pen">
          <Watching who={words.who} title={words.consequence} />
          <span className="muted small cut room-only" id="pen-consequence">
            {words.consequence}
          </span>
          <span className="bar-only">
            <TakeButton onTake={onTake} />
          </span>
        </span>
      );
    case "read-only":
      return (
        <span className="pen" data-testid="pen">
          <Watching who={words.who} title={words.why} />
          <span className="muted small cut room-only">{words.why}</span>
        </span>
      );
  }
}

/** Phones: a watcher has no use for the keys, so their place says what can be done. */
export function WatchFoot({ view, onTake }: Props) {
  const { me } = useFleet();
  if (view.face.session === undefined) return null;
  const words = penWords(view.face, me);
  if (words.type === "writing") return null;
  // Who wrote last is not who writes now; the row stays, so that the screen keeps its size.
  if (view.connection.type !== "open") return <footer className="watch-foot muted small">Not connected.</footer>;
  return (
    <footer className="watch-foot">
      <p className="grow small">
        <strong>{words.who}.</strong> <span className="muted">{words.type === "watching" ? words.consequence : words.why}</span>
      </p>
      {words.type === "watching" && <TakeButton onTake={onTake} />}
    </footer>
  );
}

function Watching({ who, title }: { who: string; title: string }) {
  return (
    <span className="tag" title={title}>
      <Icon name="eye" /> <span className="cut wide-only">{who}</span>
      <span className="narrow-only">Watching</span>
    </span>
  );
}

function TakeButton({ onTake }: { onTake: () => void }) {
  return (
    <button type="button" className="button small primary" aria-describedby="pen-consequence" onClick={onTake}>
      <Icon name="pen" /> Take the pen
    </button>
  );
}
