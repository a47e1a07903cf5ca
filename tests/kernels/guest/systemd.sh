# The unit under a real systemd: that each setting holds, and that the agent works under it.

property() { systemctl show flowmote -p "$1" --value; }
said() { journalctl -u flowmote -o cat --no-pager "$@"; }
# For the end of a failed check's line, and for `method` and `counted`.
log_of_unit() { said >/tmp/agent.log; }
logged() { log_of_unit; grep -q "$1" /tmp/agent.log; }
started() {
    systemctl start flowmote
    status=$?
    log_of_unit
    [ $status = 0 ]
}
of_process() { awk -v name="$1:" '$1 == name {print $2}' "/proc/$(property MainPID)/status"; }
limit() { awk -v name="$1" 'index($0, name) {print $5}' "/proc/$(property MainPID)/limits"; }
# disk NAME: that field of the last record host_disk_io.
disk() { records host_disk_io | tail -1 | grep -o "\"$1\":[0-9]*" | cut -d: -f2; }

# A separate /home, which the unit must not hide from the sum of the disks.
modprobe virtio_blk
modprobe ext4
until_true 5 [ -e /dev/vda ]
mkdir -p /home
mount /dev/vda /home
total=$(df -B1 /home | awk '$1 == "/dev/vda" {print $2}')

collect json
configure 2 1 veth
check systemd.start "systemctl start failed" started
check systemd.filter "sampled by: $(method veth)" [ "$(method veth)" = eBPF ]
check systemd.user "runs as uid $(of_process Uid)" [ "$(of_process Uid)" = "$(id -u flowmote)" ]
# CAP_NET_RAW is bit 13, CAP_BPF bit 39.
check systemd.capabilities "effective capabilities $(of_process CapEff)" \
    [ "$(of_process CapEff)" = 0000008000002000 ]
check systemd.seccomp "Seccomp $(of_process Seccomp), NoNewPrivs $(of_process NoNewPrivs)" \
    [ "$(of_process Seccomp)$(of_process NoNewPrivs)" = 21 ]
check systemd.locked-memory "$(limit 'Max locked memory')" [ "$(limit 'Max locked memory')" = unlimited ]
# The process may raise its soft limit up to that of the unit.
check systemd.open-files "$(limit 'Max open files')" \
    [ "$(limit 'Max open files')" = "$(property LimitNOFILE)" ]
ping -c 40 -i 0.02 -q 10.0.4.2 >/dev/null
# Through a network card, since only those count as adapters of the host.
ping -c 10 -i 0.02 -q 10.0.1.2 >/dev/null
eventually systemd.samples "no sample at the collector" grep -q '"sampling_rate":2,' /tmp/samples
eventually systemd.host-counters "no time of the processor at the collector" \
    eval 'records host_cpu | grep -q "\"cpu_user\":[1-9]"'
eventually systemd.host-net "no bytes of the adapters at the collector" \
    eval 'records host_net_io | grep -q "\"bytes_in\":[1-9]"'
eventually systemd.disks "/home has $total bytes, the record $(disk disk_total)" \
    eval '[ "$(disk disk_total)" = '"$total"' ] && [ "$(disk bytes_read)" -gt 0 ]'
eventually systemd.settings "no settings in /run/flowmote, which systemd makes for the agent" \
    grep -qs '^rev_end=' /run/flowmote/hsflowd.auto
systemctl kill -s USR1 flowmote
eventually systemd.report "no statistics in the journal" logged '  agent: '
check systemd.readable "$(grep 'failed reads' /tmp/agent.log)" eval '! grep -q "failed reads" /tmp/agent.log'

ip link add later type veth peer name later-peer
configure 30 1 veth later
ip link set later up
check systemd.reload "systemctl reload failed" systemctl reload flowmote
until_true 20 logged "later: sampling 1 in 30"
check systemd.later "sampled by: $(method later)" [ "$(method later)" = eBPF ]
check systemd.reload-rate "no new rate in the journal" logged 'veth: sampling 1 in 30'
main=$(property MainPID)
echo 'sflow { smapling = 1 }' >/etc/flowmote.conf
check systemd.reload-bad-file "systemctl reload succeeded" eval '! systemctl reload flowmote 2>/dev/null'
check systemd.reload-error "the journal does not name the error" logged smapling
# Without the check before it: the agent reports the error itself.
systemctl kill -s HUP flowmote
eventually systemd.bad-file-stays "the agent with its previous configuration is gone" \
    eval 'logged "not reloaded" && [ "$(property ActiveState)$(property MainPID)" = active'"$main"' ]'
# Priorities of the journal: 3 is an error, 6 is information.
check systemd.priority-error "no error names the token" eval 'said -p err | grep -q smapling'
check systemd.priority-info "information has the priority of errors, or errors have that of information" \
    eval '! said -p warning | grep -q "sampling 1 in" && said -p info | grep -q "sampling 1 in"'
check systemd.stop "systemctl stop failed" systemctl stop flowmote
check systemd.settings-removed "$(ls /run/flowmote)" [ ! -e /run/flowmote/hsflowd.auto ]
check systemd.result "Result=$(property Result)" [ "$(property Result)" = success ]
systemctl start flowmote 2>/dev/null
until_true 20 eval '[ "$(property ActiveState)" = failed ]'
log_of_unit
check systemd.bad-file "status $(property ExecMainStatus), restarts $(property NRestarts)" \
    [ "$(property ExecMainStatus) $(property NRestarts)" = "2 0" ]

configure_nflog
nflog_rule
mkdir -p /etc/systemd/system/flowmote.service.d
cp /checks/nflog.conf /etc/systemd/system/flowmote.service.d
systemctl daemon-reload
check systemd.nflog "systemctl start failed" started
ping -c 20 -i 0.02 -q 10.0.4.2 >/dev/null
eventually systemd.nflog-samples "not all of 10 packets are samples" eval \
    'systemctl kill -s USR1 flowmote; logged "nflog group 5 (1 in 2): 10 samples, 0 drops"'
systemctl stop flowmote
rm -r /etc/systemd/system/flowmote.service.d
systemctl daemon-reload
collected

exposure=$(systemd-analyze security flowmote --no-pager 2>/dev/null |
    sed -n 's/.*Overall exposure level for flowmote.service: \([0-9.]*\).*/\1/p')
echo "@@ systemd $(systemctl --version | head -n 1), exposure level $exposure"
check systemd.exposure "exposure level ${exposure:-unknown}" \
    eval '[ -n "$exposure" ] && [ "$(echo "$exposure" | tr -d .)" -le 18 ]'
systemd-analyze security flowmote --no-pager 2>/dev/null | grep '[1-9]$' | sed 's/^/|  /'
systemd-analyze verify /usr/lib/systemd/system/flowmote.service >/tmp/verify.log 2>&1
status=$?
check systemd.verify "$(grep flowmote /tmp/verify.log | tail -n 2 | tr '\n' ' ')" [ $status = 0 ]
