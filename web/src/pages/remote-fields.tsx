/** The fields of a remote host: where it is and who reaches it, and folded away what has a default. */
import type { ReactNode } from "react";
import { useFleet } from "../app/fleet-context.tsx";
import { transportOf, type RemoteDraft } from "../remote/draft.ts";
import { transportName } from "../remote/words.ts";
import type { SshConfigEntry } from "@maestro/shared/contract/ssh-config";
import type { PickedEntry } from "../remote/config-entry.ts";
import { Field } from "../ui/field.tsx";
import { PickConfig } from "./pick-config.tsx";
import { RemoteOptions } from "./remote-options.tsx";
import { RemoteText, type RemoteFieldsProps } from "./remote-text.tsx";

interface WholeFieldsProps extends RemoteFieldsProps {
  /** The name comes first then; else it is known. */
  isNew: boolean;
  /** What of ssh_config it is filled from. */
  standing: PickedEntry | undefined;
  onPick: (entry: SshConfigEntry) => void;
  onClear: () => void;
}

export function RemoteFields({ draft, problems, onChange, isNew, standing, onPick, onClear }: WholeFieldsProps) {
  const { fields } = problems;
  const form = { draft, problems, onChange };
  const fleet = useFleet();
  const linked = fleet.hosts.filter(({ transport }) => transport === "link").toSorted((a, b) => a.name.localeCompare(b.name));
  const carrier = linked.find(({ id }) => id === draft.via);
  const via = carrier?.name ?? "the linked host";
  return (
    <>
      <div className="options">
        <RemoteText {...form} field="name" label="Name" placeholder="gpu-server" focus={isNew} />
        <Field label="Reached from" error={fields.via} hint={linked.length === 1 ? "The only host that has joined." : undefined}>
          {(input) => (
            <select {...input} className="input" value={draft.via} onChange={(event) => onChange({ via: event.target.value })}>
              {(draft.via === "" || linked.every(({ id }) => id !== draft.via)) && <option value={draft.via}>Choose…</option>}
              {linked.map((host) => (
                <option key={host.id} value={host.id}>
                  {host.name}
                  {host.status === "online" ? "" : ` — ${host.status}`}
                </option>
              ))}
            </select>
          )}
        </Field>
        <PickConfig key={draft.via} via={carrier} standing={standing} onPick={onPick} onClear={onClear} />
        <div className="whole">
          <RemoteText
            {...form}
            field="address"
            label="Address"
            placeholder={draft.sshConfig ? "a Host of its ssh_config, or a name" : "gpu.example.com, dev@10.0.0.5, ssh://dev@host:2222"}
            hint={addressHint(draft, via)}
          />
        </div>
        <RemoteText {...form} field="user" label="User" placeholder={draft.sshConfig ? "what ssh_config says" : `as on ${via}`} />
        <RemoteText {...form} field="port" label="Port" placeholder={draft.sshConfig ? "what ssh_config says" : "22"} numeric />
        <div className="whole">
          <RemoteText
            {...form}
            field="identity"
            label="Key file"
            placeholder="~/.ssh/id_ed25519"
            hint={`On ${via}. Without one, its usual keys and ssh-agent are tried.`}
          />
        </div>
        <label className="choice whole">
          <input type="checkbox" checked={draft.sshConfig} onChange={(event) => onChange({ sshConfig: event.target.checked })} />
          <span>
            Use the ssh_config of {via}
            <small className="muted small block">The address may be a Host in it; what is given here goes before what it says.</small>
          </span>
        </label>
      </div>
      <RemoteOptions draft={draft} problems={problems} onChange={onChange} />
    </>
  );
}

function addressHint({ address, sshConfig, transport }: RemoteDraft, via: string): ReactNode {
  const goes = transport === "auto" ? transportOf(address) : transport;
  if (goes === "tailscale") return `Over ${transportName(goes)}: ${via} has to be in the same tailnet.`;
  return sshConfig ? `As you would write it behind ssh on ${via}.` : `As ${via} sees it.`;
}
