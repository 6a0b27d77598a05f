/** Says what is so: how long an answer takes and how old the last byte is, not merely that a socket is open. */
import type { ConnectionState } from "../net/connection.ts";
import type { Liveness } from "../net/liveness.ts";
import { useClock } from "../ui/parts.tsx";
import { pillText } from "./pill-text.ts";

export function ConnectionPill({
  connection,
  liveness,
  onRetry,
}: {
  connection: ConnectionState;
  liveness: Readonly<Liveness>;
  onRetry: () => void;
}) {
  const now = useClock(1_000);
  const { tone, text, title } = pillText(connection, liveness, now, navigator.onLine);
  const dot = tone === "" ? "working" : tone === "bad" ? "away" : "failed";
  const label = (
    <>
      <span className={`dot ${dot}`} aria-hidden="true" />
      <span className="cut">{text}</span>
    </>
  );
  if (connection.type === "open") {
    return (
      <span className={`pill ${tone}`} title={title} data-connection={connection.type}>
        {label}
      </span>
    );
  }
  return (
    <button
      type="button"
      className={`pill ${tone}`}
      title={`${title} Click to try now.`}
      data-connection={connection.type}
      onClick={onRetry}
    >
      {label}
    </button>
  );
}
