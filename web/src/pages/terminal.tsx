/** One session, live: the terminal, who writes, and everything that has to be said about the connection. */
import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import { ROUTES } from "@maestro/shared/contract/routes";
import { stripUnsafe } from "@maestro/shared/sanitize";
import { command } from "../api/client.ts";
import { ConnectionPill } from "../app/connection-pill.tsx";
import { useOpenDrawer } from "../app/drawer.ts";
import { useFleet, useFleetStore } from "../app/fleet-context.tsx";
import { Link } from "../app/link.tsx";
import { may } from "../app/may.ts";
import { navigate } from "../app/router.ts";
import { useAction } from "../app/use-action.ts";
import { AccessoryRow } from "../terminal/accessory-row.tsx";
import { Attachment, type AttachmentView } from "../terminal/attachment.ts";
import { endText } from "../terminal/end-text.ts";
import { pasteRule, type Paste } from "../terminal/paste-rule.ts";
import { PasteDialog } from "../terminal/paste-dialog.tsx";
import { TerminalNotes } from "../terminal/terminal-notes.tsx";
import { Confirm } from "../ui/dialog.tsx";
import { Icon } from "../ui/icons.tsx";
import { Problem } from "../ui/parts.tsx";

const FONT_PX = 13;
const FONT_PHONE_PX = 12;

export function TerminalPage({ session }: { session: string }) {
  const screen = useRef<HTMLDivElement>(null);
  const [attachment, setAttachment] = useState<Attachment>();
  const [paste, setPaste] = useState<Paste>();

  useEffect(() => {
    const host = screen.current;
    if (host === null) return;
    const created = new Attachment(session, host, innerWidth <= 820 ? FONT_PHONE_PX : FONT_PX);
    const watch = new ResizeObserver(() => created.layout());
    watch.observe(host);
    // Before xterm sees it: a paste has a rule of its own.
    const onPaste = (event: ClipboardEvent): void => {
      event.preventDefault();
      event.stopPropagation();
      const rule = pasteRule(event.clipboardData?.getData("text/plain") ?? "");
      if ("tooLong" in rule) created.notify(`That is ${rule.tooLong.toLocaleString()} characters; at most 262,144 can be pasted at once.`);
      else if (rule.confirm) setPaste(rule);
      else if (rule.text !== "") created.emulator.terminal.paste(rule.text);
    };
    host.addEventListener("paste", onPaste, { capture: true });
    setAttachment(created);
    return () => {
      host.removeEventListener("paste", onPaste, { capture: true });
      watch.disconnect();
      created.dispose();
    };
  }, [session]);

  return (
    <section className="term-page" aria-label="Terminal">
      {attachment === undefined ? <div className="term-bar" /> : <TerminalBar session={session} attachment={attachment} />}
      <div className="term-stage">
        <div className="term-screen" ref={screen} data-testid="terminal" data-session={session} />
        {attachment !== undefined && <TerminalNotes attachment={attachment} />}
      </div>
      {attachment !== undefined && <TerminalFoot session={session} attachment={attachment} />}
      {attachment !== undefined && paste !== undefined && (
        <PasteDialog
          paste={paste}
          onClose={() => setPaste(undefined)}
          onPaste={() => {
            setPaste(undefined);
            attachment.emulator.terminal.paste(paste.text);
            attachment.emulator.focus();
          }}
        />
      )}
    </section>
  );
}

function useView(attachment: Attachment): AttachmentView {
  return useSyncExternalStore(attachment.subscribe, attachment.view);
}

function TerminalBar({ session, attachment }: { session: string; attachment: Attachment }) {
  const view = useView(attachment);
  const fleet = useFleet();
  const store = useFleetStore();
  const action = useAction();
  const openDrawer = useOpenDrawer();
  const [ending, setEnding] = useState(false);
  const known = fleet.sessions.find((candidate) => candidate.id === session);
  const info = view.face.session;
  const name = stripUnsafe(info?.name ?? known?.name ?? "Session");
  const title = stripUnsafe(info?.title ?? known?.title ?? "");
  const host = view.face.host?.name ?? known?.host.name;
  const ended = info?.end !== undefined;

  useEffect(() => {
    document.title = `${title === "" ? name : title} · Maestro`;
  }, [title, name]);

  return (
    <header className="term-bar">
      <button type="button" className="button quiet icon small drawer-button" aria-label="Open the menu" onClick={openDrawer}>
        <Icon name="menu" />
      </button>
      <div className="what">
        <h1 className="cut" title={title}>
          {title === "" ? name : title}
        </h1>
        <div className="where">
          {host !== undefined && (
            <Link to="/hosts" className="cut">
              {host}
            </Link>
          )}
          {known?.agent !== undefined && (
            <>
              <span aria-hidden="true">·</span>
              <Link to="/agents" className="cut">
                {known.agent.name}
              </Link>
            </>
          )}
          <span className="wide-only row cut">
            <span aria-hidden="true">·</span>
            <span className="cut mono">{info?.cwd ?? known?.cwd ?? ""}</span>
          </span>
        </div>
      </div>
      {!ended && <PenState view={view} onTake={() => attachment.take()} />}
      <span className="wide-only row">
        <ConnectionPill connection={view.connection} liveness={view.liveness} onRetry={() => attachment.retry()} />
      </span>
      {may(fleet.me, "operator") && !ended && (
        <button
          type="button"
          className="button quiet icon small"
          aria-label="End this session"
          title="End this session"
          onClick={() => setEnding(true)}
        >
          <Icon name="stop" />
        </button>
      )}
      {ending && (
        <Confirm
          title="End this session?"
          action="End session"
          busy={action.busy}
          onClose={() => setEnding(false)}
          onConfirm={() =>
            action.run(
              () => command(ROUTES.sessionKill, { id: session }),
              () => {
                setEnding(false);
                store.refetch(["sessions", "agents"]);
              },
            )
          }
        >
          <p>
            The program in <strong>{name}</strong> is ended on the host. What it has not saved is lost. Just closing this page leaves it
            running.
          </p>
          {action.error !== undefined && <Problem error={action.error} />}
        </Confirm>
      )}
    </header>
  );
}

function PenState({ view, onTake }: { view: AttachmentView; onTake: () => void }) {
  const { pen, canWrite, session } = view.face;
  if (session === undefined || view.connection.type !== "open") return null;
  const others = pen.viewers > 1 ? ` · ${pen.viewers} here` : "";
  if (pen.you) {
    return (
      <span className="tag accent" data-testid="pen" title={`You write${others}`}>
        <Icon name="pen" /> Writing
        {pen.viewers > 1 && <span className="wide-only">{others}</span>}
      </span>
    );
  }
  return (
    <span className="row" data-testid="pen">
      <span className="tag wide-only" title={pen.writer === undefined ? "Nobody writes" : `${pen.writer} writes`}>
        <Icon name="eye" /> <span className="cut">{pen.writer === undefined ? "Watching" : `${stripUnsafe(pen.writer, 24)} writes`}</span>
      </span>
      {canWrite && (
        <button type="button" className="button small primary" onClick={onTake}>
          <Icon name="pen" /> Take the pen
        </button>
      )}
    </span>
  );
}

function TerminalFoot({ session, attachment }: { session: string; attachment: Attachment }) {
  const view = useView(attachment);
  const store = useFleetStore();
  const fleet = useFleet();
  const action = useAction();
  const known = fleet.sessions.find((candidate) => candidate.id === session);
  const end = view.face.session?.end ?? known?.end;
  if (end === undefined) return <AccessoryRow attachment={attachment} disabled={!view.face.pen.you} />;
  return (
    <footer className="term-end" role="status">
      <span className={`dot ${end.reason === "exited" && (end.code ?? 0) === 0 ? "off" : "failed"}`} aria-hidden="true" />
      <div className="grow">
        <strong>{endText(end)}.</strong> <span className="muted">{new Date(end.atMs).toLocaleString()}</span>
        {action.error !== undefined && <Problem error={action.error} />}
      </div>
      {may(fleet.me, "operator") && (
        <button
          type="button"
          className="button small"
          disabled={action.busy}
          onClick={() =>
            action.run(
              () => command(ROUTES.sessionKill, { id: session }),
              () => {
                store.refetch(["sessions", "agents"]);
                navigate("/");
              },
            )
          }
        >
          <Icon name="trash" /> Forget it
        </button>
      )}
      <Link to="/" className="button small">
        Overview
      </Link>
    </footer>
  );
}
