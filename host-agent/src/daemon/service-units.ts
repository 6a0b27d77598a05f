/** The text of the service definitions. Pure: what is installed is what tests and `systemd-analyze verify` see. */

export interface ServiceSpec {
  /** The whole argv: program, entry and `host run …`. */
  argv: readonly string[];
  env: Readonly<Record<string, string>>;
  /** System services only: whose agents run. */
  user: string | undefined;
  scope: "user" | "system";
  logFile: string;
}

export const SYSTEMD_NAME = "maestro-host.service";
export const LAUNCHD_LABEL = "dev.maestro.host";

/**
 * `KillMode=process`: stopping or restarting the host-agent leaves the holder and its terminals alone. That is not
 * enough by itself: an OOM kill of one program would stop the whole unit (hence `OOMPolicy=continue`), and
 * limits on the unit would count the agents in; the holder therefore moves to a scope of its own where it can.
 */
export function systemdUnit({ argv, env, user, scope }: ServiceSpec): string {
  const environment = Object.entries(env)
    .map(([name, value]) => `Environment=${systemdQuote(`${name}=${value}`)}\n`)
    .join("");
  return `[Unit]
Description=Maestro host-agent
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=${argv.map(systemdQuote).join(" ")}
ExecReload=/bin/kill -HUP $MAINPID
${environment}${user === undefined || scope === "user" ? "" : `User=${user}\n`}Restart=always
RestartSec=2
KillMode=process
OOMPolicy=continue
TimeoutStopSec=15
UMask=0077
LimitNOFILE=65536
${scope === "system" ? "StateDirectory=maestro\nStateDirectoryMode=0700\nConfigurationDirectory=maestro\n" : ""}
[Install]
WantedBy=${scope === "system" ? "multi-user.target" : "default.target"}
`;
}

/** `AbandonProcessGroup` is launchd's KillMode=process. */
export function launchdPlist({ argv, env, user, scope, logFile }: ServiceSpec): string {
  const strings = (values: readonly string[]) => values.map((value) => `    <string>${xml(value)}</string>\n`).join("");
  const pairs = Object.entries(env)
    .map(([name, value]) => `    <key>${xml(name)}</key>\n    <string>${xml(value)}</string>\n`)
    .join("");
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>${LAUNCHD_LABEL}</string>
  <key>ProgramArguments</key>
  <array>
${strings(argv)}  </array>
  <key>EnvironmentVariables</key>
  <dict>
${pairs}  </dict>
${user === undefined || scope === "user" ? "" : `  <key>UserName</key>\n  <string>${xml(user)}</string>\n`}  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <true/>
  <key>AbandonProcessGroup</key>
  <true/>
  <key>StandardErrorPath</key>
  <string>${xml(logFile)}</string>
</dict>
</plist>
`;
}

/** One word of a unit file: `%` starts a specifier, `$` a variable. */
function systemdQuote(word: string): string {
  const escaped = word
    .replaceAll("\\", "\\\\")
    .replaceAll('"', '\\"')
    .replaceAll("%", "%%")
    .replaceAll("$", "$$$$")
    .replaceAll("\n", "\\n");
  return /^[\w./:=@+,-]+$/.test(word) ? word : `"${escaped}"`;
}

const xml = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
