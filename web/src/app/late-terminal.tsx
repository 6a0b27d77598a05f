/** xterm.js is half of the console: it comes when the first terminal is opened, and is fetched ahead when there is time. */
import { useEffect, useState, type ComponentType } from "react";
import { Empty } from "../ui/parts.tsx";

type Late = { type: "loading" } | { type: "ready"; Page: ComponentType<{ session: string }> } | { type: "failed" };

/** Never rejects: with the server away there is nothing to fetch it from, and that must not take the page down. */
export const loadTerminal = (): Promise<Late> =>
  import("../pages/terminal.tsx").then(
    ({ TerminalPage }) => ({ type: "ready", Page: TerminalPage }),
    () => ({ type: "failed" }),
  );

export function LateTerminal({ session }: { session: string }) {
  const [late, setLate] = useState<Late>({ type: "loading" });
  const loading = late.type === "loading";
  useEffect(() => {
    if (!loading) return;
    let here = true;
    void loadTerminal().then((loaded) => here && setLate(loaded)); // never rejects
    return () => {
      here = false;
    };
  }, [loading]);

  switch (late.type) {
    case "ready":
      return <late.Page key={session} session={session} />;
    case "loading":
      return (
        <div className="term-page" aria-busy="true">
          <div className="term-bar" />
        </div>
      );
    case "failed":
      return (
        <div className="page">
          <div className="inner">
            <Empty
              title="The terminal could not be loaded"
              actions={
                <>
                  <button type="button" className="button primary" onClick={() => setLate({ type: "loading" })}>
                    Try again
                  </button>
                  <button type="button" className="button" onClick={() => location.reload()}>
                    Reload the page
                  </button>
                </>
              }
            >
              The server did not send it. The session itself goes on.
            </Empty>
          </div>
        </div>
      );
  }
}
