/** Where the console starts. */
import "./zod-without-eval.ts";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import "@xterm/xterm/css/xterm.css";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/buttons.css";
import "./styles/status.css";
import "./styles/boxes.css";
import "./styles/forms.css";
import "./styles/dialog.css";
import "./styles/notices.css";
import "./styles/menu.css";
import "./styles/shell.css";
import "./styles/tree.css";
import "./styles/pill.css";
import "./styles/page.css";
import "./styles/start.css";
import "./styles/rows.css";
import "./styles/files.css";
import "./styles/hosts.css";
import "./styles/remote.css";
import "./styles/tasks.css";
import "./styles/task-page.css";
import "./styles/timeline.css";
import "./styles/log.css";
import "./styles/queue.css";
import "./styles/gate.css";
import "./styles/terminal.css";
import "./styles/keys.css";
import "./styles/stale.css";
import { takeFragment } from "./api/login.ts";
import { App } from "./app/app.tsx";

// Before anything renders or is fetched: the secret must not stay in the address.
const secret = takeFragment();

const root = document.getElementById("root");
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <App secret={secret} />
    </StrictMode>,
  );
}
