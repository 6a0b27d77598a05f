/**
 * What the server's log is told of an error. The database's own errors name every value that was bound to the statement:
 * names, hashes, whatever somebody sent. The statement says enough.
 */

/** Values may have line ends, so nothing after it is kept. */
const VALUES = /\s*\nparams: [\s\S]*$/;
/** Causes of causes. */
const MAX_CAUSES = 4;

export function errorText(error: unknown, causes = MAX_CAUSES): string {
  const text = String(error).replace(VALUES, "");
  const cause = error instanceof Error && causes > 0 ? error.cause : undefined;
  return cause === undefined ? text : `${text}: ${errorText(cause, causes - 1)}`;
}

/** The same, and where it was. */
export function stackText(error: Error): string {
  const { stack = "", message } = error;
  const said = stack.indexOf(message);
  const rest = said === -1 ? "" : stack.slice(said + message.length);
  const frames = rest.indexOf("\n");
  return frames === -1 ? errorText(error) : errorText(error) + rest.slice(frames);
}
