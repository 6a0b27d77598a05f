#!/bin/sh
# A stand-in for the tailscale program: its status is a file, and its ssh is the real one, to a server of the test.
dir=$(dirname "$0")
case $1 in
status)
  [ "$#" = 2 ] && [ "$2" = --json ] || exit 64
  [ -e "$dir/status.json" ] || { echo "failed to connect to local tailscaled; it doesn't appear to be running" >&2; exit 1; }
  cat "$dir/status.json"
  ;;
ssh)
  # As the real one: a user and a host, then what is for the other side; no options.
  case $2 in -* | *@-*) exit 64 ;; *@*) ;; *) exit 64 ;; esac
  echo "$$" >>"$dir/clients"
  echo "$2" >>"$dir/destinations"
  shift 2
  [ ! -e "$dir/words" ] || { cat "$dir/words" >&2; exit 255; }
  exec ssh -F "$dir/ssh_config" server "$@"
  ;;
*) exit 64 ;;
esac
