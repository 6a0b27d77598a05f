/** Entry of the worker thread: one parser for all sessions, off the path of input and output. */
import { parentPort } from "node:worker_threads";
import { ScreenTerminal } from "./screen-terminal.ts";
import { yieldToOtherThreads } from "./thread-priority.ts";
import type { FromScreen, ToScreen } from "./screen-protocol.ts";

const port = parentPort;
if (port === null) throw new Error("screen-worker runs as a worker thread only");

// Parsing takes whatever is left: input, output and tmux itself come first.
yieldToOtherThreads();

const screens = new Map<number, ScreenTerminal>();
const post = (message: FromScreen): void => port.postMessage(message);

port.on("message", (message: ToScreen) => {
  switch (message.t) {
    case "open": {
      const { screen, cols, rows, offset } = message;
      screens.get(screen)?.dispose();
      screens.set(
        screen,
        new ScreenTerminal(
          cols,
          rows,
          offset,
          (title) => post({ t: "title", screen, title }),
          (text) => post({ t: "reply", screen, text }),
        ),
      );
      return;
    }
    case "write": {
      const screen = screens.get(message.screen);
      if (screen === undefined) return;
      screen.write(message.bytes);
      return post({ t: "parsed", screen: message.screen, offset: screen.offset });
    }
    case "resize":
      return screens.get(message.screen)?.resize(message.cols, message.rows);
    case "snapshot":
      return post({ t: "state", id: message.id, state: screens.get(message.screen)?.snapshot(message.lines) });
    case "text":
      return post({ t: "state", id: message.id, state: screens.get(message.screen)?.text() });
    case "close":
      screens.get(message.screen)?.dispose();
      screens.delete(message.screen);
      return;
  }
});
