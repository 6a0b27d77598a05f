/** Signed out: the gate. Signed in: the shell around the page the address names. */
import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { needsSignIn, signOut } from "../api/login.ts";
import { forgetSessionKey, onSessionKeyChange, readSessionKey } from "../api/session-key.ts";
import { FleetStore } from "../fleet/store.ts";
import { AgentsPage } from "../pages/agents.tsx";
import { HostsPage } from "../pages/hosts.tsx";
import { LoginPage } from "../pages/login.tsx";
import { OverviewPage } from "../pages/overview.tsx";
import { QueuePage } from "../pages/queue.tsx";
import { TaskPage } from "../pages/task.tsx";
import { TasksPage } from "../pages/tasks.tsx";
import { Notices, NoticesContext } from "../ui/notices.ts";
import { Empty } from "../ui/parts.tsx";
import { FleetProvider } from "./fleet-context.tsx";
import { LateTerminal, loadTerminal } from "./late-terminal.tsx";
import { Link } from "./link.tsx";
import { navigate, usePlace, type Place } from "./router.ts";
import { Shell } from "./shell.tsx";

type Gate = { type: "in" } | { type: "out"; secret: string | undefined; reason: string | undefined };

export function App({ secret }: { secret: string | undefined }) {
  const place = usePlace();
  const [gate, setGate] = useState<Gate>(() =>
    secret === undefined && readSessionKey() !== undefined ? { type: "in" } : { type: "out", secret, reason: undefined },
  );

  useEffect(() => {
    const abort = new AbortController();
    onSessionKeyChange(
      () =>
        setGate((now) =>
          readSessionKey() === undefined
            ? { type: "out", secret: undefined, reason: "You signed out in another tab." }
            : now.type === "out"
              ? { type: "in" }
              : now,
        ),
      abort.signal,
    );
    return () => abort.abort();
  }, []);

  if (gate.type === "out") {
    return (
      <LoginPage
        secret={gate.secret}
        reason={gate.reason}
        onSignedIn={() => {
          if (place.page === "login") navigate(place.next, { replace: true });
          setGate({ type: "in" });
        }}
      />
    );
  }
  return <SignedIn place={place} onSignedOut={(reason) => setGate({ type: "out", secret: undefined, reason })} />;
}

function SignedIn({ place, onSignedOut }: { place: Place; onSignedOut: (reason: string | undefined) => void }) {
  const [store, setStore] = useState<FleetStore>();
  useEffect(() => {
    const created = new FleetStore();
    setStore(created);
    return () => created.dispose();
  }, []);
  return store === undefined ? null : <Console place={place} store={store} onSignedOut={onSignedOut} />;
}

function Console({ place, store, onSignedOut }: { place: Place; store: FleetStore; onSignedOut: (reason: string | undefined) => void }) {
  const view = useSyncExternalStore(store.subscribe, store.view);
  const refused = useMemo(() => {
    if ((view.load.type === "failed" || view.load.type === "stale") && needsSignIn(view.load.error)) return view.load.error;
    return view.connection.type === "stopped" && needsSignIn(view.connection.why) ? view.connection.why : undefined;
  }, [view.load, view.connection]);
  const told = useRef(false);
  const [notices] = useState(() => new Notices());

  useEffect(() => {
    if (refused === undefined || told.current) return;
    told.current = true;
    forgetSessionKey();
    onSignedOut(refused.code === "auth_required" || refused.code === "session_key_missing" ? undefined : refused.detail);
  }, [refused, onSignedOut]);

  return (
    <FleetProvider value={store}>
      <NoticesContext.Provider value={notices}>
        <Shell place={place} onSignOut={() => void signOut().then(() => onSignedOut(undefined))}>
          <Page place={place} />
        </Shell>
      </NoticesContext.Provider>
    </FleetProvider>
  );
}

function Page({ place }: { place: Place }) {
  useEffect(() => {
    const ahead = setTimeout(() => void loadTerminal(), 400); // a failure is a value, and shows when the page is opened
    return () => clearTimeout(ahead);
  }, []);
  useEffect(() => {
    const titles: Partial<Record<Place["page"], string>> = {
      overview: "Overview",
      hosts: "Hosts",
      agents: "Agents",
      tasks: "Tasks",
      queue: "Queue",
    };
    const title = titles[place.page];
    if (title !== undefined) document.title = `${title} · Maestro`;
    if (place.page === "login") navigate(place.next, { replace: true });
  }, [place]);
  switch (place.page) {
    case "overview":
    case "login":
      return <OverviewPage />;
    case "hosts":
      return <HostsPage />;
    case "agents":
      return <AgentsPage />;
    case "terminal":
      return <LateTerminal session={place.session} />;
    case "tasks":
      return <TasksPage search={place.search} />;
    case "task":
      return <TaskPage key={place.task} id={place.task} attempt={place.attempt} />;
    case "queue":
      return <QueuePage search={place.search} />;
    case "unknown":
      return (
        <div className="page">
          <div className="inner">
            <Empty
              title="Nothing here"
              actions={
                <Link to="/" className="button primary">
                  Overview
                </Link>
              }
            >
              There is no page at {place.path}.
            </Empty>
          </div>
        </div>
      );
  }
}
