/** Looks at the files of a host: one directory at a time, and what a file holds. */
import { useEffect, useState } from "react";
import type { FileEntry, HostFiles as Files } from "@maestro/shared/contract/host-files";
import type { Host } from "@maestro/shared/contract/resources";
import { ROUTES } from "@maestro/shared/contract/routes";
import { escapeUnsafe } from "@maestro/shared/sanitize";
import { call, type ApiError } from "../api/client.ts";
import { bytesText, isDirectory, joined, parentOf, shownText } from "../fleet/host-files.ts";
import { CodeInput } from "../ui/code-input.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Empty, Loading, Problem } from "../ui/parts.tsx";

interface Asked {
  op: "list" | "read";
  path: string;
}
type Seen = { type: "loading" } | { type: "seen"; files: Files } | { type: "refused"; error: ApiError };

export function HostFiles({ host, onClose }: { host: Host; onClose: () => void }) {
  const [asked, setAsked] = useState<Asked>({ op: "list", path: "~" });
  const [typed, setTyped] = useState("~");
  const [seen, setSeen] = useState<Seen>({ type: "loading" });
  useEffect(() => {
    const leaving = new AbortController();
    setSeen({ type: "loading" });
    void call(ROUTES.hostFiles, { id: host.id, query: { ...asked }, signal: leaving.signal }).then((result) => {
      if (leaving.signal.aborted) return;
      // What was typed may be a file.
      if (!result.ok && asked.op === "list" && result.error.code === "not_a_directory") return setAsked({ op: "read", path: asked.path });
      setSeen(result.ok ? { type: "seen", files: result.value } : { type: "refused", error: result.error });
      if (result.ok) setTyped(result.value.path);
    }); // every refusal is a value
    return () => leaving.abort();
  }, [host.id, asked]);
  const list = (path: string): void => setAsked({ op: "list", path });
  const up = parentOf(typed);
  return (
    <Dialog title={`Files of ${host.name}`} onClose={onClose}>
      <div className="stack">
        <form
          className="row"
          onSubmit={(event) => {
            event.preventDefault();
            list(typed);
          }}
        >
          <button type="button" className="button" disabled={up === undefined} onClick={() => up !== undefined && list(up)}>
            Up
          </button>
          <CodeInput wide aria-label="Directory or file" value={typed} onChange={setTyped} />
          <button type="submit" className="button">
            Go
          </button>
        </form>
        {seen.type === "loading" && <Loading rows={5} />}
        {seen.type === "refused" && <Problem error={seen.error} onRetry={() => setAsked({ ...asked })} />}
        {seen.type === "seen" && seen.files.op === "list" && (
          <Entries files={seen.files} open={(entry, path) => (isDirectory(entry) ? list(path) : setAsked({ op: "read", path }))} />
        )}
        {seen.type === "seen" && seen.files.op === "read" && <Content file={seen.files} />}
      </div>
    </Dialog>
  );
}

interface EntriesProps {
  files: Extract<Files, { op: "list" }>;
  open: (entry: FileEntry, path: string) => void;
}

function Entries({ files: { path, entries, truncated }, open }: EntriesProps) {
  if (entries.length === 0) return <Empty title="Nothing is in it">This directory is empty.</Empty>;
  return (
    <>
      <ul className="rows files card" aria-label={`Entries of ${path}`}>
        {entries.map((entry, at) => (
          // Names that are no UTF-8 may look alike.
          <li key={`${at} ${entry.name}`}>
            <button
              type="button"
              className="button quiet cut"
              disabled={!canOpen(entry)}
              onClick={() => open(entry, joined(path, entry.name))}
            >
              <span className="mono cut">
                {escapeUnsafe(entry.name)}
                {isDirectory(entry) ? "/" : ""}
              </span>
              {entry.target !== undefined && <span className="muted small cut"> → {escapeUnsafe(entry.target)}</span>}
            </button>
            <span className="muted small mono">{isDirectory(entry) ? entry.mode : bytesText(entry.size)}</span>
          </li>
        ))}
      </ul>
      {truncated && <p className="muted">It holds more than these {entries.length}. Type a path to see another.</p>}
    </>
  );
}

const canOpen = ({ kind, leads }: FileEntry): boolean =>
  kind === "file" || kind === "directory" || (kind === "link" && (leads === "file" || leads === "directory"));

function Content({ file }: { file: Extract<Files, { op: "read" }> }) {
  if (file.size === 0) return <Empty title="It is empty">The file has no bytes.</Empty>;
  return (
    <>
      <p className="muted">
        {bytesText(file.size)}
        {file.encoding === "base64" && ", no text"}
        {file.truncated && `; the first ${bytesText(file.bytes)} are shown`}
      </p>
      {file.encoding === "utf8" && (
        <pre className="result card" tabIndex={0} aria-label={`Content of ${file.path}`}>
          {shownText(file.content)}
        </pre>
      )}
    </>
  );
}
