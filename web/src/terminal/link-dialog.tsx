/** Where a link in the output leads, whole, before anything opens. */
import { Dialog } from "../ui/dialog.tsx";
import { linkPolicy } from "./link-policy.ts";

export function LinkDialog({ uri, onClose }: { uri: string; onClose: () => void }) {
  const decision = linkPolicy(uri);
  return (
    <Dialog title={decision.type === "ask" ? `Open ${decision.host}?` : "This link does not open"} onClose={onClose}>
      <p>{decision.type === "ask" ? "A program in this terminal made this link. It leads to:" : decision.why}</p>
      <pre className="copy" style={{ padding: "10px 12px", maxHeight: 220, overflow: "auto" }}>
        {decision.shown}
      </pre>
      <div className="buttons">
        <button type="button" className="button" onClick={onClose} data-focus>
          {decision.type === "ask" ? "Cancel" : "Close"}
        </button>
        {decision.type === "ask" && (
          <a className="button primary" href={decision.href} target="_blank" rel="noopener noreferrer" onClick={onClose}>
            Open in a new tab
          </a>
        )}
      </div>
    </Dialog>
  );
}
