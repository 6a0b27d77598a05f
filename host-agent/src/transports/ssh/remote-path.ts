/**
 * [SSH20] Where agent CLIs are installed although no login shell says so: the same directories in the same order as
 * `bootstrapPath` has for this machine, found there by POSIX sh. It sets and exports PATH, and leaves nothing else behind.
 */
export const REMOTE_PATH = `
m_path=
m_add() {
  [ -d "$1" ] || return 0
  case "$m_path:" in *":$1:"*) ;; *) m_path="$m_path:$1" ;; esac
}
m_newest() { ls -1 "$1" 2>/dev/null | { sort -rV 2>/dev/null || sort -r; }; }
for m_dir in .local/bin .opencode/bin .claude/local bin; do m_add "$HOME/$m_dir"; done
m_add /usr/local/bin
m_add /opt/homebrew/bin
for m_dir in .cargo/bin go/bin .bun/bin .deno/bin .nix-profile/bin; do m_add "$HOME/$m_dir"; done
m_add /snap/bin
m_add "$HOME/.nvm/current/bin"
for m_dir in $(m_newest "$HOME/.nvm/versions/node"); do m_add "$HOME/.nvm/versions/node/$m_dir/bin"; done
for m_root in "$HOME/.local/share/fnm" "$HOME/.fnm" "$HOME/Library/Application Support/fnm"; do
  m_add "$m_root/aliases/default/bin"
  m_add "$m_root/current/bin"
  for m_dir in $(m_newest "$m_root/node-versions"); do m_add "$m_root/node-versions/$m_dir/installation/bin"; done
done
for m_dir in .volta/bin .local/share/mise/shims .asdf/shims n/bin; do m_add "$HOME/$m_dir"; done
m_rest=\${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}:
while [ -n "$m_rest" ]; do
  m_dir=\${m_rest%%:*}
  m_rest=\${m_rest#*:}
  case "$m_dir" in /*) case "$m_path:" in *":$m_dir:"*) ;; *) m_path="$m_path:$m_dir" ;; esac ;; esac
done
PATH=\${m_path#:}
export PATH
unset m_path m_dir m_root m_rest
unset -f m_add m_newest
`.trim();
