/** What floats over the terminal without hiding it: connection, gaps, offers, short words. */
import { useEffect, useSyncExternalStore } from "react";
import { Icon } from "../ui/icons.tsx";
import { At, Note, useClock } from "../ui/parts.tsx";
import { Attaching } from "./attaching.tsx";
import { useFleet } from "../app/fleet-context.tsx";
import { AwayReason } from "../remote/away.tsx";
import type { AttachmentView } from "./attachment-view.ts";
import type { Attachment } from "./attachment.ts";
import { takenWords } from "./pen-words.ts";
import { LinkDialog } from "./link-dialog.tsx";

const NOTICE_MS = 6_000;

export function TerminalNotes({ attachment }: { attachment: Attachment }) {
  const view = useSyncExternalStore(attachment.subscribe, attachment.view);
  const { notice, takenBy, gap, clipboard, link, face } = view;
  const fleet = useFleet();
  const host = fleet.hosts.find(({ id }) => id === face.host?.id);
  const seenAt = host?.lastSeenAt;

  useEffect(() => {
    if (notice === undefined) return;
    const timer = setTimeout(() => attachment.dismiss("notice"), NOTICE_MS);
    return () => clearTimeout(timer);
  }, [notice, attachment]);

  return (
    <>
      <div className="term-over top">
        {face.session !== undefined && <ConnectionNote view={view} onRetry={() => attachment.retry()} />}
        {face.host?.connected === false && view.connection.type === "open" && face.session?.end === undefined && (
          <Note tone="warn" icon="warning">
            <strong>{face.host.name} is away.</strong>
            <AwayReason host={host} /> What you see is its last screen
            {seenAt !== undefined && (
              <>
                , from <At ms={Date.parse(seenAt)} />
              </>
            )}
            ; input is refused until it is back.
          </Note>
        )}
        {gap !== undefined && (
          <Note tone="warn" icon="warning" onDismiss={() => attachment.dismiss("gap")}>
            {gap.bytes.toLocaleString()} bytes of output came too fast to be shown. This is the present screen.
          </Note>
        )}
        {view.scrollback.state === "loading" && (
          <Note>
            <span className="row">
              <span className="spinner" /> Earlier output…
            </span>
          </Note>
        )}
      </div>
      {face.session === undefined && <Attaching connection={view.connection} onRetry={() => attachment.retry()} />}
      <div className="term-over bottom" aria-live="polite">
        {clipboard !== undefined && (
          <Note icon="copy" onDismiss={() => attachment.dismiss("clipboard")}>
            <div className="row wrap">
              <span>
                The program wants to copy {clipboard.text.length.toLocaleString()} characters: <code>{clipboard.preview}</code>
              </span>
              <button type="button" className="button small" onClick={() => void copy(attachment, clipboard.text)}>
                Copy it
              </button>
            </div>
          </Note>
        )}
        {takenBy !== undefined && face.session?.end === undefined && (
          <Note tone="warn" icon="eye" onDismiss={() => attachment.dismiss("takenBy")}>
            <div className="row wrap">
              <span>
                <strong>{takenWords(takenBy, fleet.me)}</strong> You watch now; what you type is not sent.
              </span>
              {face.canWrite && view.connection.type === "open" && (
                <button type="button" className="button small" onClick={() => attachment.take()}>
                  Take it back
                </button>
              )}
            </div>
          </Note>
        )}
        {notice !== undefined && (
          <Note key={notice.serial} onDismiss={() => attachment.dismiss("notice")}>
            {notice.text}
          </Note>
        )}
      </div>
      {link !== undefined && <LinkDialog uri={link} onClose={() => attachment.dismiss("link")} />}
    </>
  );
}

/** The screen stays as it was; this says that it is not live, why, and what happens next. */
function ConnectionNote({ view, onRetry }: { view: AttachmentView; onRetry: () => void }) {
  const { connection, face } = view;
  const now = useClock(500);
  switch (connection.type) {
    case "open":
      return null;
    case "connecting":
      return (
        <Note tone="warn">
          <span className="row" data-testid="reconnecting">
            <span className="spinner" />
            <span>
              Reconnecting… <ScreenAsOf view={view} />
            </span>
          </span>
        </Note>
      );
    case "waiting": {
      const seconds = Math.max(0, Math.ceil((connection.untilMs - now) / 1000));
      return (
        <Note tone="warn">
          <div className="row wrap" data-testid="reconnecting">
            <span>
              {navigator.onLine
                ? `Connection lost. ${seconds <= 1 ? "Trying again…" : `Trying again in ${seconds} s.`}`
                : "This device is offline."}{" "}
              <ScreenAsOf view={view} />
            </span>
            <button type="button" className="button small" onClick={onRetry}>
              Try now
            </button>
          </div>
        </Note>
      );
    }
    case "stopped":
      if (face.session?.end !== undefined) return null;
      return (
        <Note tone="danger" icon="warning">
          <div className="row wrap">
            <span>
              {connection.why.detail} {connection.why.hint}
            </span>
            <button type="button" className="button small" onClick={onRetry}>
              <Icon name="play" /> Try again
            </button>
          </div>
        </Note>
      );
  }
}

function ScreenAsOf({ view: { liveness, face } }: { view: AttachmentView }) {
  if (liveness.lastByteAtMs === undefined || face.session?.end !== undefined) return null;
  return (
    <span className="muted">
      Screen as of <At ms={liveness.lastByteAtMs} />.
    </span>
  );
}

async function copy(attachment: Attachment, text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    attachment.dismiss("clipboard");
  } catch {
    attachment.notify("This browser did not allow the copy. The console must be opened over https or on localhost.");
  }
}
