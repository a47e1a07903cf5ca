#!/bin/sh
# Installs Flowmote below /usr/local, or removes it:
#
#   sudo ./install.sh                 keeps configuration files that are there
#   sudo ./install.sh --uninstall     stops and disables the services; keeps the configuration
#
# DESTDIR=/some/root installs there and touches no service.
set -eu
cd "$(dirname "$0")/files"
running() { [ -z "${DESTDIR:-}" ] && [ -d /run/systemd/system ]; }
link=/etc/hsflowd.auto
target=/run/flowmote/hsflowd.auto

case ${1:-} in
'')
    find . -type f | cut -c2- | while read -r file; do
        to=${DESTDIR:-}$file
        case $file in
        /etc/*) [ ! -e "$to" ] || { echo "kept $to"; continue; } ;;
        esac
        mkdir -p "$(dirname "$to")"
        # A program that runs cannot be written to, but replaced.
        cp ".$file" "$to.new"
        mv "$to.new" "$to"
    done
    # Where other programs look for the settings that the agent publishes. A file of hsflowd stays.
    [ -e "${DESTDIR:-}$link" ] || [ -L "${DESTDIR:-}$link" ] || ln -s "$target" "${DESTDIR:-}$link"
    auto=${DESTDIR:-}/etc/hsflowd.auto
    [ -e "$auto" ] || [ -L "$auto" ] || ln -s /run/flowmote/hsflowd.auto "$auto"
    ! running || { systemd-sysusers flowmote.conf && systemctl daemon-reload; }
    echo "edit /etc/flowmote.conf, run 'flowmote check', then 'systemctl enable --now flowmote'"
    ;;
--uninstall)
    ! running || systemctl disable --now flowmote flowmote-analyzer || true
    find . -type f ! -path './etc/*' | cut -c2- | while read -r file; do
        rm -f "${DESTDIR:-}$file"
    done
    [ "$(readlink "${DESTDIR:-}$link")" != "$target" ] || rm -f "${DESTDIR:-}$link"
    auto=${DESTDIR:-}/etc/hsflowd.auto
    [ "$(readlink "$auto")" != /run/flowmote/hsflowd.auto ] || rm -f "$auto"
    rmdir "${DESTDIR:-}/usr/local/share/doc/flowmote" "${DESTDIR:-}/usr/local/share/doc/flowmote-analyzer" 2>/dev/null || true
    ! running || systemctl daemon-reload
    ;;
*)
    sed -n '2,/^set/s/^# \{0,1\}//p' ../install.sh >&2
    exit 2
    ;;
esac
