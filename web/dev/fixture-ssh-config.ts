/** The ssh_config of a linked host as a control plane would tell it: the laptop's is long, others have none. */
import type { HostSshConfig, SshConfigEntry } from "@maestro/shared/contract/ssh-config";

const FEW: SshConfigEntry[] = [
  { host: "gpu", hostName: "gpu-01.lab.example.com", user: "dev", port: 2222, identityFile: "/home/ada/.ssh/gpu", proxyJump: "bastion" },
  { host: "bastion", hostName: "bastion.example.com", user: "ada" },
  { host: "nas" },
  { host: "dev@box", problem: "Its name would be read as an address with a user or a port." },
  {
    host: "old-cluster-login-node.eu-west-1.internal.example.com",
    hostName: "10.20.30.40",
    user: "a-rather-long-user-name",
    identityFile: "/home/ada/.ssh/keys/cluster_ed25519",
    proxyJump: "bastion,inner-bastion.example.com",
  },
  {
    host: "revoking",
    problem: "/home/ada/.ssh/config:41: RevokedHostKeys is not read here; put @revoked lines into a known_hosts file instead.",
  },
];

export function sshConfigOf(host: string): HostSshConfig {
  const path = "/home/ada/.ssh/config";
  if (host !== "hst_laptop") return { path, exists: false, entries: [], truncated: false };
  const many = Array.from({ length: 14 }, (_, i): SshConfigEntry => ({
    host: `web-${i + 1}`,
    hostName: `10.0.1.${i + 1}`,
    user: "deploy",
  }));
  return { path, exists: true, entries: [...FEW, ...many], truncated: process.env["CONFIG"] === "cut" };
}
