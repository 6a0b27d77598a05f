/** One session, live: the terminal and everything around it. */
import { useEffect, useRef, useState } from "react";
import { Attachment } from "../terminal/attachment.ts";
import { focusWhenOurs } from "../terminal/first-focus.ts";
import { pasteRule, type Paste } from "../terminal/paste-rule.ts";
import { PasteDialog } from "../terminal/paste-dialog.tsx";
import { TerminalBar } from "../terminal/terminal-bar.tsx";
import { TerminalFoot } from "../terminal/terminal-foot.tsx";
import { TerminalNotes } from "../terminal/terminal-notes.tsx";

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
    const stopWaiting = focusWhenOurs(created);
    setAttachment(created);
    return () => {
      host.removeEventListener("paste", onPaste, { capture: true });
      watch.disconnect();
      stopWaiting();
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
