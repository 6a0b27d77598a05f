/** Sign-in: a one-time link does it by itself; otherwise a link or token is pasted. */
import { useEffect, useId, useRef, useState, type FormEvent } from "react";
import type { ApiError } from "../api/client.ts";
import { signIn } from "../api/login.ts";
import { Mark } from "../ui/icons.tsx";
import { CopyLine, Problem } from "../ui/parts.tsx";

export function LoginPage({
  secret,
  reason,
  onSignedIn,
}: {
  secret: string | undefined;
  reason: string | undefined;
  onSignedIn: () => void;
}) {
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(secret !== undefined);
  const [error, setError] = useState<ApiError>();
  const field = useId();
  const tried = useRef(false);

  const enter = (pasted: string): void => {
    setBusy(true);
    setError(undefined);
    void signIn(pasted).then((result) => {
      setBusy(false);
      if (result.ok) onSignedIn();
      else setError(result.error);
    }); // signIn turns every failure into a value
  };

  useEffect(() => {
    // Once: the secret works a single time.
    if (secret === undefined || tried.current) return;
    tried.current = true;
    enter(secret);
  });

  const submit = (event: FormEvent): void => {
    event.preventDefault();
    enter(text);
  };

  return (
    <main className="gate">
      <div className="card">
        <div className="brand">
          <Mark />
          Maestro
        </div>
        {busy && secret !== undefined && error === undefined ? (
          <p className="row" role="status">
            <span className="spinner" /> Signing in…
          </p>
        ) : (
          <>
            <div>
              <h1>Sign in</h1>
              <p className="muted">{reason ?? "On the machine Maestro runs on, run this and open the link it prints:"}</p>
            </div>
            {reason !== undefined && <p>To sign in again, run this where Maestro runs and open the link it prints:</p>}
            <CopyLine text="maestro open" label="Command that makes a login link" />
            <form className="stack" onSubmit={submit}>
              <label className="field" htmlFor={field}>
                <span>Or paste a login link or an API token</span>
                <input
                  id={field}
                  className="input mono"
                  value={text}
                  onChange={(event) => setText(event.target.value)}
                  placeholder="mst_login_… or mst_pat_…"
                  autoComplete="off"
                  spellCheck={false}
                  autoCapitalize="off"
                  aria-invalid={error !== undefined}
                />
              </label>
              {error !== undefined && <Problem error={error} />}
              <button type="submit" className="button primary" disabled={busy}>
                {busy ? "Signing in…" : "Sign in"}
              </button>
            </form>
          </>
        )}
      </div>
    </main>
  );
}
