/**
 * Makes the tmux server look for ended children. While libutempter notes a closed terminal, a SIGCHLD is
 * lost (tmux 3.3a, about one in ten programs that end at once), and the session would never end.
 */
const LOOK_EVERY_MS = 2_000;

export class TmuxReaper {
  /** Server pid → sessions of it. */
  readonly #servers = new Map<number, number>();
  #timer: NodeJS.Timeout | undefined;

  watch(server: number): void {
    this.#servers.set(server, (this.#servers.get(server) ?? 0) + 1);
    this.#timer ??= setInterval(() => this.#look(), LOOK_EVERY_MS);
  }

  unwatch(server: number): void {
    const rest = (this.#servers.get(server) ?? 1) - 1;
    if (rest > 0) this.#servers.set(server, rest);
    else this.#servers.delete(server);
    if (this.#servers.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    for (const server of this.#servers.keys()) {
      try {
        // What it has anyway whenever a child ends: it waits for all of them.
        process.kill(server, "SIGCHLD");
      } catch {
        this.#servers.delete(server);
      }
    }
  }
}
