/** What people do about a remote host that does not do as it should. */
import type { ErrorCode } from "@maestro/shared/errors";

export const HINTS = {
  ssh_auth_failed:
    "Is the key the right one, and does it stand in authorized_keys there? Nobody can type a password or passphrase here: load the key with ssh-add. If plain ssh works, let the host use your ssh_config (--ssh-config).",
  ssh_unreachable: "Check address and port, that sshd runs there, and whether a firewall or a route is in the way.",
  ssh_timeout: "Check address, network and firewall; a slow network may need a longer ConnectTimeout.",
  ssh_lost:
    "What was started there may still run. Check the network; ServerAliveInterval and ServerAliveCountMax set how soon a silent connection is given up.",
  name_unresolved: "Check its spelling, and that the linked host can resolve it: it may need a search domain or a VPN.",
  host_key_changed:
    "Somebody may be in between. If the host was made anew, verify its key there and take the old one out of known_hosts: ssh-keygen -R.",
  host_key_unknown: "Compare its fingerprint with `ssh-keygen -lf` there, then accept it: maestro host check … --accept-host-key SHA256:…",
  key_passphrase_needed: "Load the key into the ssh-agent of the linked host: ssh-add <key file>",
  key_file_missing: "It is a file of the linked host that reaches this one, not of the machine you type on.",
  ssh_protocol: "Bring sshd there up to date: SHA-1 and other outdated algorithms are not spoken.",
  agent_cli_missing:
    "Install the agent's CLI there, or say where it is: agent set --bin <full path>, or --bin-name where it has another name. PATH of non-interactive shells counts.",
  spawn_failed:
    "It is there and cannot be started. May it be executed (ls -l), and is the program of its first line, such as node, where shells look that nobody logs in to (PATH)?",
  remote_shell_broken:
    "See what the login shell prints by itself: ssh <host> true. A start-up file (.bashrc, .zshrc, .profile) may be at fault.",
  remote_directory_missing: "Give a directory that exists there and may be entered, absolute or from the home (~/…): --cwd.",
  ssh_failed: "Try it by hand from the linked host: ssh -v <host>",
} as const satisfies Partial<Record<ErrorCode, string>>;

export type HintedCode = keyof typeof HINTS;
