# The unit under a real systemd.

property() { systemctl show flowmote -p "$1" --value; }
said() { journalctl -u flowmote -o cat --no-pager; }
# For the end of a failed check's line.
log_of_unit() { said >/tmp/agent.log; }
started() {
    systemctl start flowmote
    status=$?
    log_of_unit
    [ $status = 0 ]
}

configure 10 1 veth
check systemd.start "systemctl start failed" started
check systemd.filter "sampled by: $(method veth)" [ "$(method veth)" = eBPF ]
main=$(property MainPID)
of_process() { awk -v name="$1:" '$1 == name {print $2}' "/proc/$main/status"; }
check systemd.user "runs as uid $(of_process Uid)" [ "$(of_process Uid)" -gt 60000 ]
# CAP_NET_RAW is bit 13, CAP_BPF bit 39.
check systemd.capabilities "effective capabilities $(of_process CapEff)" \
    [ "$(of_process CapEff)" = 0000008000002000 ]
check systemd.seccomp "Seccomp $(of_process Seccomp), NoNewPrivs $(of_process NoNewPrivs)" \
    [ "$(of_process Seccomp)$(of_process NoNewPrivs)" = 21 ]
ip link add later type veth peer name later-peer
configure 30 1 veth later
ip link set later up
check systemd.reload "systemctl reload failed" systemctl reload flowmote
until_true 20 eval 'said | grep -q "later: sampling 1 in 30"'
log_of_unit
check systemd.later "sampled by: $(method later)" [ "$(method later)" = eBPF ]
check systemd.reload-rate "no new rate in the journal" grep -q 'veth: sampling 1 in 30' /tmp/agent.log
check systemd.stop "systemctl stop failed" systemctl stop flowmote
check systemd.result "Result=$(property Result)" [ "$(property Result)" = success ]
echo 'sflow { smapling = 1 }' >/etc/flowmote.conf
systemctl start flowmote 2>/dev/null
sleep 1
log_of_unit
check systemd.bad-file "status $(property ExecMainStatus), restarts $(property NRestarts)" \
    [ "$(property ExecMainStatus) $(property NRestarts)" = "2 0" ]
exposure=$(systemd-analyze security flowmote --no-pager 2>/dev/null |
    sed -n 's/.*Overall exposure level for flowmote.service: \([0-9.]*\).*/\1/p')
echo "@@ systemd $(systemctl --version | head -n 1), exposure level $exposure"
check systemd.exposure "exposure level ${exposure:-unknown}" \
    eval '[ -n "$exposure" ] && [ "$(echo "$exposure" | tr -d .)" -le 21 ]'
systemd-analyze verify /lib/systemd/system/flowmote.service >/tmp/verify.log 2>&1
status=$?
check systemd.verify "$(grep flowmote /tmp/verify.log | tail -n 2 | tr '\n' ' ')" [ $status = 0 ]
