#!/bin/sh
# Installs what packaging/system-packages.txt names where it may, and prints the command where it may not.
set -eu
list=$(sed -e 's/#.*//' -e '/^ *$/d' "$(dirname "$0")/system-packages.txt" | tr '\n' ' ')
missing=""
for package in $list; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q "ok installed" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null 2>&1; then
    echo "This is no Debian-like system. Arny Studio needs the equivalents of:$missing" >&2
    exit 0
fi
if [ "$(id -u)" = 0 ]; then
    apt-get update -qq
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
else
    echo "Some system packages are missing. Please run:" >&2
    echo "  sudo apt-get install --no-install-recommends$missing" >&2
fi
