/** The whole log as a file. */
import { useAction } from "../app/use-action.ts";
import { Dialog } from "../ui/dialog.tsx";
import { Icon } from "../ui/icons.tsx";
import { Problem } from "../ui/parts.tsx";
import { wholeLog } from "./log-source.ts";

/** The browser has taken it over by then. */
const RELEASE_MS = 60_000;
const REFUSED = "The log could not be downloaded";

export function DownloadLog({ attempt, disabled }: { attempt: string; disabled: boolean }) {
  const action = useAction(REFUSED);
  const save = (blob: Blob): void => {
    const url = URL.createObjectURL(new Blob([blob], { type: "application/octet-stream" }));
    const link = document.createElement("a");
    link.href = url;
    link.download = `${attempt}.log`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), RELEASE_MS);
  };
  return (
    <>
      <button
        type="button"
        className="button quiet icon small save"
        aria-label="Download the log"
        title="Download the log"
        disabled={disabled || action.busy}
        onClick={() => action.run(() => wholeLog(attempt, new AbortController().signal), save)}
      >
        {action.busy ? <span className="spinner" /> : <Icon name="save" />}
      </button>
      {action.error !== undefined && (
        <Dialog title={REFUSED} onClose={action.clear}>
          <Problem error={action.error} />
        </Dialog>
      )}
    </>
  );
}
