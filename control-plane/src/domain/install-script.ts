/**
 * `/install.sh`: POSIX sh in functions, of which the last line calls one, so that a script cut off on its way does
 * nothing. Everything is made in a temporary directory first and becomes real by a rename.
 */

/** In single quotes, whatever it holds. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

export function installScript(origin: string, version: string, pin: string | undefined): string {
  return SCRIPT.replaceAll("@{", () => "${")
    .replaceAll("@ORIGIN@", () => quoted(origin))
    .replaceAll("@VERSION@", () => quoted(version))
    .replaceAll("@PIN@", () => quoted(pin ?? ""));
}

// `@{` stands for the shell's `${`, which a template would take for its own.
const SCRIPT = String.raw`#!/bin/sh
# Installs Maestro's host-agent and CLI under MAESTRO_HOME (default: ~/.maestro), joins this machine to its
# control plane and starts the host-agent. Nothing is written elsewhere.
#
#   MAESTRO_JOIN     the join token; asked for when it is not set
#   MAESTRO_NAME     this machine's name in the fleet (default: its host name)
#   MAESTRO_HOME     where everything is kept
#   MAESTRO_PIN      sha256//… of the key of a self-signed server certificate
#   MAESTRO_ALLOW_HTTP  the network in which plain http is allowed (cidr), for a server without TLS
#   --service        install a service instead of starting a background process
set -eu
umask 077

say() { printf '%s\n' "maestro: $*"; }
die() { printf '%s\n' "maestro: $*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
shell_quote() { printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"; }

node_ok() {
  [ -x "$1" ] && "$1" -e '
    const [major, minor] = process.versions.node.split(".").map(Number);
    process.exit(major > 22 || (major === 22 && minor >= 12) ? 0 : 1);
  ' >/dev/null 2>&1 </dev/null
}

# Sets NODE to a Node.js that is new enough; fetches one with npm where there is none.
find_node() {
  system_node=$(command -v node 2>/dev/null || true)
  own_node="$HOME_DIR/node/node_modules/node/bin/node"
  for NODE in "$system_node" "$own_node"; do
    if [ -n "$NODE" ] && node_ok "$NODE"; then return 0; fi
  done
  found=none
  if [ -n "$system_node" ]; then found=$("$system_node" --version 2>/dev/null </dev/null || echo none); fi
  by_hand="Install Node.js >= 22.12 (https://nodejs.org/en/download), then run this again."
  have npm || die "Node.js >= 22.12 is needed; found: $found. $by_hand"
  say "Node.js >= 22.12 is needed; found: $found. Installing Node.js 24 under $HOME_DIR/node"
  npm install --no-audit --no-fund --loglevel=error --prefix "$HOME_DIR/node" node@24 >&2 </dev/null || die "npm could not install Node.js 24. $by_hand"
  NODE=$own_node
  node_ok "$NODE" || die "npm installed a Node.js that does not run here. $by_hand"
}

# fetch <url> <file>; a pin is honoured by curl and by Node.js, which are tried in this order.
fetch() {
  if have curl; then
    if [ -n "$MAESTRO_PIN" ]; then
      curl -fsS --insecure --pinnedpubkey "$MAESTRO_PIN" -o "$2" "$1"
    else
      curl -fsSL -o "$2" "$1"
    fi
  elif [ -z "$MAESTRO_PIN" ] && have wget; then
    wget -q -O "$2" "$1"
  else
    fetch_with_node "$1" "$2"
  fi
}

fetch_with_node() {
  "$NODE" -e '
    const [url, file] = process.argv.slice(1);
    const pin = process.env.MAESTRO_PIN;
    const { createWriteStream } = require("node:fs");
    const { createHash, X509Certificate } = require("node:crypto");
    const fail = (text) => { console.error("maestro: " + url + ": " + text); process.exit(1); };
    const request = require(url.startsWith("https:") ? "node:https" : "node:http").request(url, { agent: false, rejectUnauthorized: !pin });
    request.on("error", (error) => fail(error.message));
    request.on("response", (answer) => {
      if (answer.statusCode !== 200) fail("the answer was " + answer.statusCode);
      answer.pipe(createWriteStream(file)).on("finish", () => process.exit(0)).on("error", (error) => fail(error.message));
    });
    if (!pin) return void request.end();
    // Nothing is sent before the key was seen to be the right one.
    request.on("socket", (socket) => socket.on("secureConnect", () => {
      const key = new X509Certificate(socket.getPeerCertificate().raw).publicKey.export({ type: "spki", format: "der" });
      if ("sha256//" + createHash("sha256").update(key).digest("base64") !== pin) fail("the certificate does not match the pin");
      request.end();
    }));
  ' "$1" "$2" </dev/null
}

# Renames over a link that points to a directory, which mv would move into.
rename_over() {
  "$NODE" -e 'require("node:fs").renameSync(process.argv[1], process.argv[2])' "$1" "$2" </dev/null
}

install_program() {
  target="$HOME_DIR/versions/$VERSION"
  fetch "$ORIGIN/maestro.tgz" "$WORK/maestro.tgz" || die "Could not download $ORIGIN/maestro.tgz."
  gzip -t "$WORK/maestro.tgz" 2>/dev/null || die "$ORIGIN/maestro.tgz is no program archive. Is something between this machine and the server?"
  mkdir "$WORK/unpacked"
  tar -xzf "$WORK/maestro.tgz" -C "$WORK/unpacked" || die "The downloaded archive is damaged. Run this again."
  [ -f "$WORK/unpacked/package/dist/bin.js" ] || die "The downloaded archive holds no program (package/dist/bin.js)."
  "$NODE" "$WORK/unpacked/package/dist/bin.js" --version >/dev/null </dev/null || die "The downloaded program does not run with $NODE."

  mkdir -p "$HOME_DIR/versions" "$HOME_DIR/bin"
  if [ -e "$target" ]; then mv "$target" "$WORK/replaced"; fi
  if ! mv "$WORK/unpacked/package" "$target"; then
    if [ -e "$WORK/replaced" ]; then mv "$WORK/replaced" "$target"; fi
    die "Could not write $target."
  fi
  ln -s "versions/$VERSION" "$WORK/current"
  rename_over "$WORK/current" "$HOME_DIR/current"

  {
    printf '%s\n' '#!/bin/sh'
    printf '[ -n "@{MAESTRO_HOME:-}" ] || MAESTRO_HOME=%s\n' "$(shell_quote "$HOME_DIR")"
    printf '%s\n' 'export MAESTRO_HOME'
    printf 'exec %s %s "$@"\n' "$(shell_quote "$NODE")" "$(shell_quote "$HOME_DIR/current/dist/bin.js")"
  } >"$WORK/maestro"
  chmod 700 "$WORK/maestro"
  mv -f "$WORK/maestro" "$HOME_DIR/bin/maestro"
  MAESTRO="$HOME_DIR/bin/maestro"
}

# Never in argv: from the environment, else typed without an echo.
read_token() {
  TOKEN=@{MAESTRO_JOIN:-}
  unset MAESTRO_JOIN
  if [ -n "$TOKEN" ]; then return 0; fi
  ( : </dev/tty ) 2>/dev/null || die "No join token: set MAESTRO_JOIN to the token that the console shows."
  printf 'Join token: ' >/dev/tty
  stty -echo </dev/tty
  read -r TOKEN </dev/tty || true
  stty echo </dev/tty
  printf '\n' >/dev/tty
  [ -n "$TOKEN" ] || die "No join token was given."
}

join() {
  set -- host join "$ORIGIN" --token-file -
  if [ -n "@{MAESTRO_NAME:-}" ]; then set -- "$@" --name "$MAESTRO_NAME"; fi
  if [ "$SERVICE" = 1 ]; then set -- "$@" --service; fi
  printf '%s\n' "$TOKEN" | "$MAESTRO" "$@" || die "This machine did not join, for the reason above. The program is installed."
  TOKEN=
}

# In a session of its own, so that closing this terminal does not end it.
start_daemon() {
  mkdir -p "$HOME_DIR/logs"
  log="$HOME_DIR/logs/host-agent.log"
  detach=nohup
  if have setsid; then detach="setsid nohup"; fi
  $detach "$MAESTRO" host run >>"$log" 2>&1 </dev/null &
  pid=$!
  sleep 1
  if kill -0 "$pid" 2>/dev/null; then
    say "The host-agent runs in the background (pid $pid, log $log)."
  else
    tail -n 5 "$log" >&2 || true
    die "The host-agent did not stay up; its log is $log. Start it by hand: $MAESTRO host run"
  fi
}

main() {
  SERVICE=0
  for argument in "$@"; do
    case $argument in
      --service) SERVICE=1 ;;
      *) die "Unknown argument '$argument'. The only one is --service." ;;
    esac
  done
  ORIGIN=@ORIGIN@
  VERSION=@VERSION@
  MAESTRO_PIN=@{MAESTRO_PIN:-@PIN@}
  HOME_DIR=@{MAESTRO_HOME:-"$HOME/.maestro"}
  export MAESTRO_PIN MAESTRO_HOME="$HOME_DIR"
  have tar && have gzip || die "tar and gzip are needed. Install them, then run this again."

  mkdir -p "$HOME_DIR"
  WORK=$(mktemp -d "$HOME_DIR/.install.XXXXXX")
  trap 'rm -rf "$WORK"' EXIT
  trap 'exit 130' INT TERM
  find_node
  read_token
  install_program
  say "Installed Maestro $VERSION in $HOME_DIR"
  join
  if [ "$SERVICE" = 0 ]; then start_daemon; fi
  case ":$PATH:" in
    *":$HOME_DIR/bin:"*) ;;
    *) say "To use the command line here: export PATH=\"$HOME_DIR/bin:\$PATH\"" ;;
  esac
}

main "$@"
`;
