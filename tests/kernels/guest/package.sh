# The Debian packages under a real systemd: installed, started in the three steps of the README, and
# upgraded while the agent runs.

property() { systemctl show flowmote -p "$1" --value; }
log_of_unit() { journalctl -u flowmote -o cat --no-pager >/tmp/agent.log; }
installed() {
    dpkg --force-depends --force-confold -i "$@" >/tmp/dpkg.log 2>&1 || { cat /tmp/dpkg.log; return 1; }
}

mkdir -p /var/lib/dpkg/info /var/lib/dpkg/updates /var/log
: >>/var/lib/dpkg/status
: >>/var/lib/dpkg/available
rm -f /etc/flowmote.conf
check package.install "$(tail -n 1 /tmp/dpkg.log 2>/dev/null)" installed /packages/*-1_*.deb
check package.not-started "$(property ActiveState)" [ "$(property ActiveState)" = inactive ]
check package.enabled "$(systemctl is-enabled flowmote flowmote-analyzer | tr '\n' ' ')" \
    [ "$(systemctl is-enabled flowmote flowmote-analyzer | tr '\n' ' ')" = "enabled disabled " ]
check package.user "no user flowmote" getent passwd flowmote

configure 2 1 veth
check package.start "service flowmote start failed" service flowmote start
log_of_unit
check package.active "$(property ActiveState)" [ "$(property ActiveState)" = active ]
check package.reload "service flowmote reload failed" service flowmote reload
main=$(property MainPID)
echo '# mine' >>/etc/flowmote.conf
check package.upgrade "$(tail -n 1 /tmp/dpkg.log)" installed /packages/*-2_*.deb
eventually package.restarted "main process $(property MainPID), before $main" \
    eval '[ "$(property ActiveState)" = active ] && [ "$(property MainPID)" != '"$main"' ]'
check package.configuration-stays "$(tail -n 1 /etc/flowmote.conf)" grep -q '# mine' /etc/flowmote.conf
check package.stays-stopped "$(systemctl is-active flowmote-analyzer)" \
    [ "$(systemctl is-active flowmote-analyzer)" = inactive ]
check package.stop "service flowmote stop failed" service flowmote stop
