/** Several lines are shown before they are pasted: a shell would run them. */
import { escapeUnsafe } from "@maestro/shared/sanitize";
import { Dialog } from "../ui/dialog.tsx";
import type { Paste } from "./paste-rule.ts";

const SHOWN_CHARS = 4_000;

export function PasteDialog({ paste, onPaste, onClose }: { paste: Paste; onPaste: () => void; onClose: () => void }) {
  const shown = paste.text
    .slice(0, SHOWN_CHARS)
    .split(/\r\n?|\n/)
    .map(escapeUnsafe)
    .join("\n");
  return (
    <Dialog title={`Paste ${paste.lines} lines?`} onClose={onClose}>
      <pre className="copy" style={{ padding: "10px 12px", maxHeight: 280, overflow: "auto" }}>
        {shown}
        {paste.text.length > SHOWN_CHARS && "\n…"}
      </pre>
      {paste.removed > 0 && (
        <p className="muted small">
          {paste.removed === 1 ? "One control character was" : `${paste.removed} control characters were`} taken out.
        </p>
      )}
      <div className="buttons">
        <button type="button" className="button" onClick={onClose}>
          Cancel
        </button>
        <button type="button" className="button primary" onClick={onPaste} data-focus>
          Paste
        </button>
      </div>
    </Dialog>
  );
}
