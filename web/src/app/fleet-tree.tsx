/** The tree at the left: groups, hosts, agents, sessions. A tree of links and buttons, so that every key works as expected. */
import { useState } from "react";
import { stripUnsafe } from "@maestro/shared/sanitize";
import { fleetTree, type TreeNode } from "../fleet/tree.ts";
import { RemoteTag } from "../remote/badges.tsx";
import { hostWord } from "../remote/words.ts";
import { Icon } from "../ui/icons.tsx";
import { Dot } from "../ui/parts.tsx";
import { useFleet } from "./fleet-context.tsx";
import { Link } from "./link.tsx";
import { sessionPath } from "./router.ts";

const STORE = "maestro.tree.closed";

export function FleetTree({ current, onFollow }: { current: string | undefined; onFollow: () => void }) {
  const fleet = useFleet();
  const [closed, setClosed] = useState<ReadonlySet<string>>(() => new Set((localStorage.getItem(STORE) ?? "").split(" ")));
  const toggle = (key: string): void => {
    const next = new Set(closed);
    if (!next.delete(key)) next.add(key);
    setClosed(next);
    localStorage.setItem(STORE, [...next].join(" "));
  };
  if (fleet.load.type === "loading")
    return (
      <div className="tree">
        <div className="skeleton" style={{ margin: "10px" }} />
        <div className="skeleton" style={{ margin: "10px", width: "60%" }} />
      </div>
    );
  // Ended sessions would bury the living; they are on the overview.
  const nodes = fleetTree({ ...fleet, sessions: fleet.sessions.filter((session) => session.status !== "ended" || session.id === current) });
  return (
    <nav className="tree" aria-label="Fleet">
      {nodes.length === 0 ? (
        <p className="muted small" style={{ padding: "4px 10px" }}>
          {fleet.load.type === "failed" ? "It could not be read." : "No machine yet."}
        </p>
      ) : (
        <Nodes nodes={nodes} closed={closed} toggle={toggle} current={current} onFollow={onFollow} />
      )}
    </nav>
  );
}

interface NodesProps {
  nodes: readonly TreeNode[];
  closed: ReadonlySet<string>;
  toggle: (key: string) => void;
  current: string | undefined;
  onFollow: () => void;
}

function Nodes(props: NodesProps) {
  return (
    <ul>
      {props.nodes.map((node) => {
        const open = !props.closed.has(node.key);
        // An agent with its one session is one line: it leads to the session.
        const [only] = node.kind === "agent" && node.children.length === 1 ? node.children : [];
        const current = node.key === props.current || (only !== undefined && only.key === props.current);
        const folds = node.children.length > 0 && only === undefined;
        return (
          <li key={node.key}>
            <div className={`node ${node.kind}`} data-current={current ? "" : undefined}>
              {folds ? (
                <button
                  type="button"
                  className="twist"
                  aria-expanded={open}
                  aria-label={`${open ? "Close" : "Open"} ${node.label}`}
                  onClick={() => props.toggle(node.key)}
                >
                  <Icon name="chevron" />
                </button>
              ) : (
                <span className="twist-space" />
              )}
              <Label node={node} current={props.current} onFollow={props.onFollow} toggle={props.toggle} />
            </div>
            {open && folds && <Nodes {...props} nodes={node.children} />}
          </li>
        );
      })}
    </ul>
  );
}

function Label({
  node,
  current,
  onFollow,
  toggle,
}: {
  node: TreeNode;
  current: string | undefined;
  onFollow: () => void;
  toggle: (key: string) => void;
}) {
  switch (node.kind) {
    case "group":
      return (
        <button type="button" className="label" tabIndex={-1} onClick={() => toggle(node.key)}>
          <span className={`group-mark c${node.colour}`} aria-hidden="true" />
          <span className="name cut">{node.label}</span>
          {(node.tone === "failed" || node.tone === "away") && <Dot tone={node.tone} label="needs attention" />}
        </button>
      );
    case "host":
      return (
        <Link to="/hosts" onFollow={onFollow} title={`${node.host.name}, ${hostWord(node.host) ?? "online"}`}>
          <Dot tone={node.tone} label={`Host, ${hostWord(node.host) ?? "online"}`} />
          <span className="name cut">{node.label}</span>
          <RemoteTag host={node.host} />
          {hostWord(node.host) !== undefined && <span className="aside cut">{hostWord(node.host)}</span>}
        </Link>
      );
    case "agent": {
      const [session] = node.children;
      return (
        <Link
          to={session === undefined ? "/agents" : sessionPath(session.key)}
          current={session !== undefined && session.key === current}
          onFollow={onFollow}
          title={node.agent.name}
        >
          <Icon name="agents" />
          <span className="name cut">{node.label}</span>
          <Dot tone={node.tone} label={node.agent.status} />
        </Link>
      );
    }
    case "session": {
      const title = stripUnsafe(node.session.title) || stripUnsafe(node.session.command);
      return (
        <Link to={sessionPath(node.key)} current={node.key === current} onFollow={onFollow} title={title}>
          <Dot tone={node.tone} label={node.session.status} />
          <span className="name cut">{stripUnsafe(node.label)}</span>
        </Link>
      );
    }
  }
}
