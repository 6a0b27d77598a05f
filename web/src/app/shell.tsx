/** The frame around every page: navigation and tree at the left (a drawer on the phone), the connection, who is signed in. */
import { useEffect, useState, type ReactNode } from "react";
import { Icon, Mark } from "../ui/icons.tsx";
import { Menu, MenuItem } from "../ui/menu.tsx";
import { NoticeList } from "../ui/notice-list.tsx";
import { AsOfShort, Dimmed } from "./as-of.tsx";
import { ConnectionPill } from "./connection-pill.tsx";
import { DrawerContext } from "./drawer.ts";
import { useFleet, useFleetStore } from "./fleet-context.tsx";
import { FleetTree } from "./fleet-tree.tsx";
import { Link } from "./link.tsx";
import { NewSession } from "./new-session.tsx";
import type { Place } from "./router.ts";

export function Shell({ place, onSignOut, children }: { place: Place; onSignOut: () => void; children: ReactNode }) {
  const fleet = useFleet();
  const store = useFleetStore();
  // Open only where it was opened: whoever comes to another place, by whatever way, wants to see that.
  const [openedAt, setOpenedAt] = useState<Place>();
  const drawer = openedAt === place;
  const open = (): void => setOpenedAt(place);
  const close = (): void => setOpenedAt(undefined);
  useEffect(() => {
    if (!drawer) return;
    const onKey = (event: KeyboardEvent): void => void (event.key === "Escape" && setOpenedAt(undefined));
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [drawer]);
  const pill = <ConnectionPill connection={fleet.connection} liveness={fleet.liveness} onRetry={() => store.retry()} />;
  const links = [
    {
      page: "overview",
      to: "/",
      icon: "overview",
      label: "Overview",
      count: fleet.sessions.filter((session) => session.status !== "ended").length,
    },
    { page: "hosts", to: "/hosts", icon: "hosts", label: "Hosts", count: fleet.hosts.length },
    { page: "agents", to: "/agents", icon: "agents", label: "Agents", count: fleet.agents.length },
    { page: "tasks", to: "/tasks", icon: "tasks", label: "Tasks", count: 0 },
    { page: "queue", to: "/queue", icon: "queue", label: "Queue", count: 0 },
  ] as const;

  return (
    <div className={place.page === "terminal" ? "shell with-terminal" : "shell"}>
      <a className="skip" href="#main">
        Skip to content
      </a>
      {drawer && <button type="button" className="scrim" aria-label="Close the menu" onClick={close} />}
      <aside className="side" data-open={drawer} id="side">
        <Link to="/" className="brand" onFollow={close}>
          <Mark />
          <span>Maestro</span>
        </Link>
        <nav className="nav" aria-label="Pages">
          {links.map(({ page, to, icon, label, count }) => (
            <Link key={page} to={to} current={place.page === page || (page === "tasks" && place.page === "task")} onFollow={close}>
              <Icon name={icon} />
              {label}
              {count > 0 && <span className="count">{count}</span>}
            </Link>
          ))}
        </nav>
        <div className="caption">
          <span>Fleet</span>
          <AsOfShort />
          <NewSession compact />
        </div>
        <Dimmed className="tree-box">
          <FleetTree current={place.page === "terminal" ? place.session : undefined} onFollow={close} />
        </Dimmed>
        <div className="foot">
          <div className="grow row">{pill}</div>
          <Menu
            className="button quiet small"
            ariaLabel="Account"
            label={
              <>
                <span className="cut" style={{ maxWidth: 90 }}>
                  {fleet.me?.principal.name ?? "Account"}
                </span>
                <Icon name="down" />
              </>
            }
          >
            {(closeMenu) => (
              <>
                <div className="heading">
                  {fleet.me?.principal.role ?? ""} · {fleet.me?.fleet.name ?? ""}
                </div>
                <div className="heading">Server {fleet.me?.server.version ?? "unknown"}</div>
                <hr />
                <MenuItem
                  onSelect={() => {
                    closeMenu();
                    onSignOut();
                  }}
                >
                  <Icon name="out" /> Sign out
                </MenuItem>
              </>
            )}
          </Menu>
        </div>
      </aside>
      <main className="main" id="main" tabIndex={-1}>
        <DrawerContext.Provider value={open}>
          <header className="topbar">
            <button
              type="button"
              className="button quiet icon"
              aria-label="Open the menu"
              aria-expanded={drawer}
              aria-controls="side"
              onClick={open}
            >
              <Icon name="menu" />
            </button>
            <Link to="/" className="brand">
              <Mark />
              <span>Maestro</span>
            </Link>
            {pill}
          </header>
          {children}
        </DrawerContext.Provider>
      </main>
      <NoticeList />
    </div>
  );
}
