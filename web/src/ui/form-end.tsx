/** How a form in a dialog ends: what went wrong when it was sent, the way back, and the way on. */
import type { Action } from "../app/use-action.ts";
import { Problem } from "./parts.tsx";

interface FormEndProps {
  action: Action;
  submit: string;
  /** It cannot be sent as it is. */
  incomplete: boolean;
  onCancel: () => void;
}

export function FormEnd({ action, submit, incomplete, onCancel }: FormEndProps) {
  return (
    <>
      {action.error !== undefined && <Problem error={action.error} />}
      <div className="buttons">
        <button type="button" className="button" onClick={onCancel}>
          Cancel
        </button>
        <button type="submit" className="button primary" disabled={action.busy || incomplete}>
          {submit}
        </button>
      </div>
    </>
  );
}
