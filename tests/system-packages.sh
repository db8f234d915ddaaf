#!/bin/sh
# The programs that the tests use as independent witnesses, from the distribution.
# Installs them on a Debian-like machine where that is permitted; otherwise names the command and fails.
set -eu

missing=""
has() { command -v "$1" >/dev/null 2>&1; }
has ffmpeg || missing="$missing ffmpeg"
has chromium || has chromium-browser || has google-chrome || missing="$missing chromium"
has node || missing="$missing nodejs"
has npm || missing="$missing npm"
has turnserver || missing="$missing coturn"
has systemd-analyze || missing="$missing systemd"
[ -n "$missing" ] || exit 0

install="apt-get install --yes --no-install-recommends$missing"
if command -v apt-get >/dev/null 2>&1; then
    if [ "$(id -u)" = 0 ]; then as=""; elif sudo -n true 2>/dev/null; then as="sudo -n"; else as="none"; fi
    if [ "$as" != none ]; then
        echo "Installing for the tests:$missing"
        $as apt-get update --quiet=2
        DEBIAN_FRONTEND=noninteractive $as $install >/dev/null
        exit 0
    fi
    echo "The tests need$missing, and this user may not install packages. Run: sudo $install" >&2
else
    echo "The tests need these programs on the PATH:$missing. On Debian: $install" >&2
fi
exit 3
