/** Some actions want a sign-in of the last ten minutes. This asks for one and then repeats the action. */
import { useId, useState, type FormEvent } from "react";
import type { ApiError } from "../api/client.ts";
import { signIn } from "../api/login.ts";
import { Dialog } from "../ui/dialog.tsx";
import { CopyLine, Problem } from "../ui/parts.tsx";

export function StepUp({ onDone, onClose }: { onDone: () => void; onClose: () => void }) {
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError>();
  const field = useId();
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    setBusy(true);
    void signIn(text).then((result) => {
      setBusy(false);
      if (result.ok) onDone();
      else setError(result.error);
    }); // signIn turns every failure into a value
  };
  return (
    <Dialog title="Confirm that it is you" onClose={onClose}>
      <p>This needs a sign-in of the last ten minutes. Run this on the machine Maestro runs on:</p>
      <CopyLine text="maestro open --print" label="Command that makes a login link" />
      <form className="stack" onSubmit={submit}>
        <label className="field" htmlFor={field}>
          <span>Paste the link it prints</span>
          <input
            id={field}
            className="input mono"
            value={text}
            onChange={(event) => setText(event.target.value)}
            autoComplete="off"
            spellCheck={false}
            data-focus
          />
          <small>Opening it in another tab of this browser works too: then just go on.</small>
        </label>
        {error !== undefined && <Problem error={error} />}
        <div className="buttons">
          <button type="button" className="button" onClick={onDone}>
            I opened it
          </button>
          <button type="submit" className="button primary" disabled={busy || text.trim() === ""}>
            Confirm
          </button>
        </div>
      </form>
    </Dialog>
  );
}
