/** Chooses a Host of the carrier's own ssh_config for the form, and says that the form is filled from one. */
import { useEffect, useRef, useState } from "react";
import { ROUTES } from "@maestro/shared/contract/routes";
import type { HostSshConfig, SshConfigEntry } from "@maestro/shared/contract/ssh-config";
import { escapeUnsafe } from "@maestro/shared/sanitize";
import { call, type ApiError } from "../api/client.ts";
import type { PickedEntry } from "../remote/config-entry.ts";
import { Icon } from "../ui/icons.tsx";
import { ConfigEntries } from "./config-entries.tsx";
import { Loading, Problem } from "../ui/parts.tsx";

interface PickConfigProps {
  /** The carrier; undefined while none is chosen. */
  via: { id: string; name: string } | undefined;
  /** From which the form is filled now. */
  standing: PickedEntry | undefined;
  onPick: (entry: SshConfigEntry) => void;
  onClear: () => void;
}

export function PickConfig({ via, standing, onPick, onClear }: PickConfigProps) {
  const [open, setOpen] = useState(false);
  const [tries, setTries] = useState(0);
  const chooser = useRef<HTMLButtonElement>(null);
  const close = (): void => {
    setOpen(false);
    chooser.current?.focus();
  };
  return (
    <div
      className="whole config-pick"
      onKeyDown={(event) => {
        if (event.key !== "Escape" || !open) return;
        // The form around it stays.
        event.preventDefault();
        event.stopPropagation();
        close();
      }}
    >
      <div className="row">
        <div className="row grow config-mark" role="status">
          {standing !== undefined && (
            <>
              <span className="tag accent">
                <Icon name="check" />
                from ssh_config
                <button
                  type="button"
                  aria-label="Clear"
                  title="Back to what was typed before"
                  onClick={() => {
                    onClear();
                    close();
                  }}
                >
                  <Icon name="close" />
                </button>
              </span>
              {standing.entry.proxyJump !== undefined && (
                <span className="muted small cut">over {escapeUnsafe(standing.entry.proxyJump)}</span>
              )}
            </>
          )}
        </div>
        <button
          type="button"
          className="button small"
          ref={chooser}
          disabled={via === undefined}
          aria-expanded={open}
          onClick={() => setOpen(!open)}
        >
          <span className="cut">
            {standing === undefined ? `Take it from the ssh_config of ${via?.name ?? "the linked host"}` : "Change"}
          </span>
          <Icon name={open ? "up" : "down"} />
        </button>
      </div>
      {open && via !== undefined && (
        <Chooser
          key={tries}
          via={via}
          onRetry={() => setTries(tries + 1)}
          onPick={(entry) => {
            onPick(entry);
            close();
          }}
        />
      )}
    </div>
  );
}

type Seen = { type: "loading" } | { type: "told"; config: HostSshConfig } | { type: "refused"; error: ApiError };

interface ChooserProps {
  via: { id: string; name: string };
  onPick: (entry: SshConfigEntry) => void;
  onRetry: () => void;
}

/** Asked anew each time that it is opened: the file is another's, and may have changed. */
function Chooser({ via, onPick, onRetry }: ChooserProps) {
  const [seen, setSeen] = useState<Seen>({ type: "loading" });
  useEffect(() => {
    const leaving = new AbortController();
    void call(ROUTES.hostSshConfig, { id: via.id, signal: leaving.signal }).then((result) => {
      if (leaving.signal.aborted) return;
      setSeen(result.ok ? { type: "told", config: result.value } : { type: "refused", error: result.error });
    }); // every refusal is a value
    return () => leaving.abort();
  }, [via.id]);
  return (
    <div className="config-chooser">
      {seen.type === "loading" && <Loading />}
      {seen.type === "refused" && <Problem error={seen.error} onRetry={onRetry} />}
      {seen.type === "told" && <ConfigEntries config={seen.config} on={via.name} onPick={onPick} />}
    </div>
  );
}
