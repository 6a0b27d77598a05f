/** Writes a remote host, new or saved: tested as it stands here, then saved. */
import { useEffect, useRef, useState, type FormEvent } from "react";
import type { Host } from "@maestro/shared/contract/resources";
import { ROUTES } from "@maestro/shared/contract/routes";
import type { MaestroError } from "@maestro/shared/errors";
import { call } from "../api/client.ts";
import { useFleet, useFleetStore } from "../app/fleet-context.tsx";
import { may } from "../app/may.ts";
import { useAction } from "../app/use-action.ts";
import { asSaved, pick, standingEntry, unpick, type PickedEntry } from "../remote/config-entry.ts";
import { emptyRemote, patchOf, reachedBy, remoteBodyOf, remoteDraftOf, type RemoteDraft } from "../remote/draft.ts";
import { isWrong, noProblems, refusalAt, remoteProblems } from "../remote/draft-problems.ts";
import { useCheck } from "../remote/use-check.ts";
import { Problem } from "../ui/parts.tsx";
import { CheckResult } from "./check-result.tsx";
import { RemoteFields } from "./remote-fields.tsx";

interface RemoteFormProps {
  /** Absent: a new one. */
  host?: Host;
  hidden?: boolean;
  /** @param untested nobody has seen yet that it is reached as it is saved. */
  onSaved: (host: Host, untested: boolean) => void;
  onClose: () => void;
}

export function RemoteForm({ host, hidden = false, onSaved, onClose }: RemoteFormProps) {
  const fleet = useFleet();
  const store = useFleetStore();
  const action = useAction();
  const checking = useCheck();
  const form = useRef<HTMLFormElement>(null);
  // The same request sent again, after an answer that never came, must not be done twice.
  const sent = useRef({ text: "", key: "" });
  const [draft, setDraft] = useState<RemoteDraft>(() =>
    host === undefined ? emptyRemote(fleet.hosts.filter(({ transport }) => transport === "link")) : remoteDraftOf(host),
  );
  const [picked, setPicked] = useState<PickedEntry>();
  const standing = standingEntry(draft, picked);
  const wanted = asSaved(draft, standing);
  const [own, setOwn] = useState(noProblems);
  const refusal: MaestroError | undefined = checking.state.type === "refused" ? checking.state.error : action.error;
  const refused = refusal === undefined ? undefined : refusalAt(wanted, refusal);
  const problems = isWrong(own) ? own : (refused ?? noProblems);
  const change = (part: Partial<RemoteDraft>): void => {
    setDraft({ ...draft, ...part });
    if (isWrong(own)) setOwn(noProblems);
    if (action.error !== undefined) action.clear();
  };

  useEffect(() => {
    if (refusal !== undefined) toFirst(form.current);
  }, [refusal]);

  const isReady = (purpose: "save" | "test"): boolean => {
    const found = remoteProblems(wanted, purpose);
    setOwn(found);
    action.clear();
    if (isWrong(found)) toFirst(form.current);
    return !isWrong(found);
  };
  const test = (acceptHostKey?: string): void => {
    if (!isReady("test")) return;
    const body = { ...remoteBodyOf(wanted), via: draft.via, ...(acceptHostKey === undefined ? {} : { acceptHostKey }) };
    checking.run((signal) => call(ROUTES.hostCheckUnsaved, { body, signal }), reachedBy(wanted));
  };
  const isTested = checking.state.type === "told" && checking.state.check.ok && checking.state.of === reachedBy(wanted);
  const save = (event: FormEvent): void => {
    event.preventDefault();
    if (!isReady("save")) return;
    checking.stop();
    const saved = (value: Host): void => {
      store.refetch(["hosts"]);
      const isSame = host !== undefined && reachedBy(remoteDraftOf(host)) === reachedBy(wanted);
      onSaved(value, draft.enabled && !isTested && !isSame);
    };
    if (host !== undefined) return action.run(() => call(ROUTES.hostUpdate, { id: host.id, body: patchOf(host, wanted) }), saved);
    const body = { ...remoteBodyOf(wanted), name: draft.name, via: draft.via, ...(draft.enabled ? {} : { enabled: false }) };
    const text = JSON.stringify(body);
    if (sent.current.text !== text) sent.current = { text, key: crypto.randomUUID() };
    action.run(() => call(ROUTES.hostAdd, { body, idempotencyKey: sent.current.key }), saved);
  };

  const via = fleet.hosts.find(({ id }) => id === draft.via)?.name ?? "the linked host";
  return (
    <form className="stack" onSubmit={save} ref={form} noValidate hidden={hidden} aria-label="Remote host">
      <RemoteFields
        draft={draft}
        problems={problems}
        onChange={change}
        isNew={host === undefined}
        standing={standing}
        onPick={(entry) => {
          const filled = pick(draft, entry, standing);
          setPicked(filled.picked);
          change(filled.draft);
        }}
        onClear={() => {
          if (standing !== undefined) change(unpick(draft, standing));
          setPicked(undefined);
        }}
      />
      {refused === undefined || checking.state.type !== "refused" ? (
        <CheckResult
          checking={checking}
          from={via}
          outdated={checking.state.type === "told" && checking.state.of !== reachedBy(wanted)}
          onTrust={may(fleet.me, "owner") ? test : undefined}
        />
      ) : null}
      {action.error !== undefined && refused === undefined && <Problem error={action.error} />}
      <div className="buttons">
        <button type="button" className="button" onClick={onClose}>
          Cancel
        </button>
        <button type="button" className="button" disabled={checking.state.type === "running"} onClick={() => test()}>
          {checking.state.type === "told" ? "Test again" : "Test"}
        </button>
        <button type="submit" className="button primary" disabled={action.busy}>
          {action.busy && <span className="spinner" />}
          Save
        </button>
      </div>
    </form>
  );
}

/** Where the first thing is wrong; what is folded away is opened by then. */
function toFirst(form: HTMLFormElement | null): void {
  requestAnimationFrame(() => form?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
}
