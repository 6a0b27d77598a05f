/** Refusals that came late, beside whatever is done by then. */
import { useSyncExternalStore } from "react";
import { Icon } from "./icons.tsx";
import { useNotices } from "./notices.ts";
import { Problem } from "./parts.tsx";

export function NoticeList() {
  const notices = useNotices();
  const all = useSyncExternalStore(notices.subscribe, notices.all);
  if (all.length === 0) return null;
  return (
    <div className="notices">
      {all.map(({ serial, title, error }) => (
        <div key={serial} className="notice">
          <Problem error={error} title={title} />
          <button type="button" className="button quiet icon small" aria-label="Dismiss" onClick={() => notices.dismiss(serial)}>
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}
