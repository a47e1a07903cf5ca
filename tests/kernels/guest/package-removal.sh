# Removal and purge of the Debian packages, the last part: the agent runs until then.

property() { systemctl show flowmote -p "$1" --value; }
left() { find /etc /usr /lib /var/lib -path /var/lib/dpkg -prune -o -name '*flowmote*' -print; }

configure 2 1 veth
systemctl start flowmote
main=$(property MainPID)
check removal.running "$(property ActiveState)" [ "$(property ActiveState)" = active ]
dpkg -r flowmote flowmote-analyzer >/tmp/dpkg.log 2>&1
status=$?
check removal.remove "$(tail -n 1 /tmp/dpkg.log)" [ $status = 0 ]
check removal.stopped "process $main runs" [ ! -d "/proc/$main" ]
check removal.configuration-stays "no /etc/flowmote.conf" [ -e /etc/flowmote.conf ]
dpkg -P flowmote flowmote-analyzer >/tmp/dpkg.log 2>&1
status=$?
check removal.purge "$(tail -n 1 /tmp/dpkg.log)" [ $status = 0 ]
check removal.nothing-left "$(left | tr '\n' ' ')" [ -z "$(left)" ]
check removal.user "the user is there" eval '! getent passwd flowmote'
