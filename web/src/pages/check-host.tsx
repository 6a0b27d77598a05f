/** Tests a remote host that is saved, as soon as it is opened. */
import { useEffect, useRef } from "react";
import type { Host } from "@maestro/shared/contract/resources";
import { ROUTES } from "@maestro/shared/contract/routes";
import { call } from "../api/client.ts";
import { useFleet, useFleetStore } from "../app/fleet-context.tsx";
import { may } from "../app/may.ts";
import { useCheck } from "../remote/use-check.ts";
import { placeWords } from "../remote/words.ts";
import { Dialog } from "../ui/dialog.tsx";
import { CheckResult } from "./check-result.tsx";

/** @param props.isNew it was just added. */
export function CheckHost({ host, isNew = false, onClose }: { host: Host; isNew?: boolean; onClose: () => void }) {
  const fleet = useFleet();
  const store = useFleetStore();
  const checking = useCheck();
  const check = (acceptHostKey?: string): void =>
    checking.run(
      (signal) => call(ROUTES.hostCheck, { id: host.id, body: acceptHostKey === undefined ? {} : { acceptHostKey }, signal }),
      host.id,
      () => store.refetch(["hosts"]),
    );
  const asked = useRef(false);
  useEffect(() => {
    if (asked.current) return;
    asked.current = true;
    check();
  });
  // Taken away, it has stopped what it asked.
  useEffect(
    () => () => {
      asked.current = false;
    },
    [],
  );
  return (
    <Dialog title={isNew ? `${host.name} was added` : `Test ${host.name}`} onClose={onClose}>
      <p className="muted">
        <span className="mono">{placeWords(host)}</span> {isNew && "It is tested now; whatever comes out, its record stays."}
      </p>
      <CheckResult checking={checking} from={host.via?.name ?? "its host"} onTrust={may(fleet.me, "owner") ? check : undefined} />
      <div className="buttons">
        <button type="button" className="button" disabled={checking.state.type === "running"} onClick={() => check()}>
          Test again
        </button>
        <button type="button" className="button primary" onClick={onClose}>
          {isNew ? "Done" : "Close"}
        </button>
      </div>
    </Dialog>
  );
}
