/** Before the first screen: on the way, waiting for the server, or refused and why. */
import { Link } from "../app/link.tsx";
import type { ConnectionState } from "../net/connection.ts";
import { Empty } from "../ui/parts.tsx";

export function Attaching({ connection, onRetry }: { connection: ConnectionState; onRetry: () => void }) {
  switch (connection.type) {
    case "open":
    case "connecting":
      return (
        <div className="term-wait">
          <span className="row" role="status">
            <span className="spinner" /> Attaching…
          </span>
        </div>
      );
    case "waiting":
      return (
        <div className="term-wait">
          <Empty
            title="Not attached yet"
            actions={
              <button type="button" className="button" onClick={onRetry}>
                Try now
              </button>
            }
          >
            {connection.why === "" ? "The server did not take the connection." : connection.why} It is tried again by itself.
          </Empty>
        </div>
      );
    case "stopped":
      return (
        <div className="term-wait">
          <Empty
            title={connection.why.code === "session_not_found" ? "No such session" : "Not attached"}
            actions={
              <>
                <Link to="/" className="button primary">
                  Overview
                </Link>
                <button type="button" className="button" onClick={onRetry}>
                  Try again
                </button>
              </>
            }
          >
            {connection.why.detail} {connection.why.hint}
          </Empty>
        </div>
      );
  }
}
