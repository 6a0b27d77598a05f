/** Small things every page shows: dots, refusals, empty places, copyable lines, times. */
import { useEffect, useState, type ReactNode } from "react";
import type { ApiError } from "../api/client.ts";
import type { Tone } from "../fleet/tree.ts";
import { Icon, type IconName } from "./icons.tsx";
import { relativeTime } from "./relative-time.ts";

export function Dot({ tone, label }: { tone: Tone; label: string }) {
  return <span className={`dot ${tone}`} role="img" aria-label={label} title={label} />;
}

/** What was refused, why, what to do, and the id that finds it in the log. */
export function Problem({ error, title, onRetry }: { error: ApiError; title?: string; onRetry?: () => void }) {
  return (
    <div className="banner danger" role="alert">
      <Icon name="warning" />
      <div className="grow">
        {title !== undefined && <h3>{title}</h3>}
        <p>{error.detail}</p>
        {error.hint !== undefined && <p>{error.hint}</p>}
        <p className="small muted mono">
          {error.code}
          {error.requestId !== undefined && ` · ${error.requestId}`}
        </p>
      </div>
      {onRetry !== undefined && (
        <button type="button" className="button small" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}

export function Empty({ title, children, actions }: { title: string; children: ReactNode; actions?: ReactNode }) {
  return (
    <div className="empty">
      <h2>{title}</h2>
      <p>{children}</p>
      {actions !== undefined && <div className="actions">{actions}</div>}
    </div>
  );
}

/** A line to paste elsewhere. */
export function CopyLine({ text, label }: { text: string; label: string }) {
  return (
    <div className="copy">
      <pre tabIndex={0} aria-label={label}>
        {text}
      </pre>
      <CopyButton text={text} />
    </div>
  );
}

export function CopyButton({ text }: { text: string }) {
  const [state, setState] = useState<"ready" | "copied" | "failed">("ready");
  const copy = (): void => {
    const done = navigator.clipboard?.writeText(text).then(
      () => setState("copied"),
      () => setState("failed"),
    );
    if (done === undefined) setState("failed");
  };
  return (
    <button type="button" className="button small" onClick={copy}>
      <Icon name={state === "copied" ? "check" : "copy"} />
      <span aria-live="polite">{state === "copied" ? "Copied" : state === "failed" ? "Select it" : "Copy"}</span>
    </button>
  );
}

export function Ago({ at }: { at: string }) {
  const now = useNow(15_000);
  return (
    <time dateTime={at} title={new Date(at).toLocaleString()}>
      {relativeTime(Date.parse(at), now)}
    </time>
  );
}

/** A moment with its age: `21:32:42 (14s ago)`. */
export function At({ ms }: { ms: number }) {
  const now = useNow(1_000);
  return (
    <time dateTime={new Date(ms).toISOString()} className="at">
      {new Date(ms).toLocaleTimeString()} ({relativeTime(ms, now)})
    </time>
  );
}

/** Renders again every `everyMs`; the value is Unix milliseconds. */
export function useNow(everyMs: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

/** The same on the clock that connections use, ms. */
export function useClock(everyMs: number): number {
  const [now, setNow] = useState(() => performance.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(performance.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

export function Loading({ rows = 3 }: { rows?: number }) {
  return (
    <div className="card stack" aria-busy="true" aria-label="Loading" role="status" style={{ padding: 20 }}>
      {Array.from({ length: rows }, (_, i) => (
        <div key={i} className="skeleton" style={{ width: `${88 - i * 17}%` }} />
      ))}
    </div>
  );
}

export function Note({
  tone,
  icon,
  children,
  onDismiss,
}: {
  tone?: "warn" | "danger";
  icon?: IconName;
  children: ReactNode;
  onDismiss?: () => void;
}) {
  return (
    <div className={`term-note ${tone ?? ""}`} role="status">
      {icon !== undefined && <Icon name={icon} />}
      <div className="grow">{children}</div>
      {onDismiss !== undefined && (
        <button type="button" className="button quiet icon small" aria-label="Dismiss" onClick={onDismiss}>
          <Icon name="close" />
        </button>
      )}
    </div>
  );
}
