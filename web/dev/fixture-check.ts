/** A check of a remote host as a control plane would answer it: its address says how it goes. */
import type { IncomingMessage } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import { CHECKS, type CheckStep, type HostCheck } from "@maestro/shared/contract/remote-hosts";

const DETAILS: Record<CheckStep["name"], [detail: string, ms: number]> = {
  name: ["10.0.0.5", 3],
  tcp: ["dev@10.0.0.5:2222", 34],
  "host-key": ["ssh-ed25519 SHA256:8kPq1mZxT0b3uVYwD4h2nLrJc7sE5oXfA9gKtQi6BvM", 41],
  authentication: ["dev by the key ~/.ssh/gpu", 120],
  shell: ["dev on gpu-server (Linux x86_64)", 212],
  path: ["9 directories to find programs in", 8],
  tmux: ["tmux 3.4", 12],
  git: ["git version 2.47.1", 9],
  container: ["docker 27.3.1, dev-box is running", 96],
  agents: ["claude, codex", 1_420],
  "agent-forwarding": ["Not asked for.", 0],
  disk: ["212.4 GiB free", 4],
  clock: ["In step with the linked host.", 2],
};

export async function checkAfter(request: IncomingMessage): Promise<HostCheck> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  const { address = "", acceptHostKey } = JSON.parse(text === "" ? "{}" : text);
  await wait(Number(process.env["CHECK_MS"] ?? 1_500));
  if (address.startsWith("new") && acceptHostKey === undefined)
    return cut("host-key", {
      detail: "The host key of new.example.com:22 is not known: ssh-ed25519 SHA256:8kPq1mZxT0b3uVYwD4h2nLrJc7sE5oXfA9gKtQi6BvM.",
      code: "host_key_unknown",
      hint: "Compare it.",
    });
  if (address.startsWith("closed"))
    return cut("authentication", {
      detail: "dev@closed.example.com refused every key that was offered: ~/.ssh/id_ed25519, ~/.ssh/id_rsa.",
      code: "ssh_auth_failed",
      hint: "Is the right key in authorized_keys there? Name it as the key file, or load it into the ssh-agent of the linked host.",
    });
  const steps = CHECKS.map((name): CheckStep => {
    const [detail, ms] = DETAILS[name];
    if (name === "git")
      return { name, state: "warning", detail: "No git: agents there work without worktrees.", hint: "Install git there.", ms };
    return { name, state: "ok", detail, ms };
  });
  return { ok: true, steps, hostname: "gpu-server", agents: [{ adapter: "claude", binary: "/usr/bin/claude" }], hostKey: key("known") };
}

const key = (state: "known" | "unknown"): HostCheck["hostKey"] => ({
  type: "ssh-ed25519",
  sha256: "SHA256:8kPq1mZxT0b3uVYwD4h2nLrJc7sE5oXfA9gKtQi6BvM",
  state,
});

function cut(at: CheckStep["name"], failure: Pick<CheckStep, "detail" | "code" | "hint">): HostCheck {
  const from = CHECKS.indexOf(at);
  const steps = CHECKS.map((name, i): CheckStep => {
    const [detail, ms] = DETAILS[name];
    if (i < from) return { name, state: "ok", detail, ms };
    if (i === from) return { name, state: "failed", ms: 58, ...failure };
    return { name, state: "skipped", detail: "What it needs failed before.", ms: 0 };
  });
  return { ok: false, steps, agents: [], hostKey: key(at === "host-key" ? "unknown" : "known") };
}
