# The unit of the analyzer under a real systemd: samples of the agent, settings that survive, limits.

property() { systemctl show flowmote-analyzer -p "$1" --value; }
# For the end of a failed check's line.
log_of_unit() { journalctl -u flowmote-analyzer -o cat --no-pager >/tmp/agent.log; }
logged() { log_of_unit; grep -q "$1" /tmp/agent.log; }
of_process() { awk -v name="$1:" '$1 == name {print $2}' "/proc/$(property MainPID)/status"; }
limit() { awk -v name="$1" 'index($0, name) {print $5}' "/proc/$(property MainPID)/limits"; }
get() { wget -q -O - "http://127.0.0.1:8008$1"; }
# post PATH BODY
post() { wget -q -O /dev/null --post-data "$2" "http://127.0.0.1:8008$1"; }
# has PATH TEXT: the reply contains the text.
has() { get "$1" | grep -q "$2"; }

check analyzer.start "systemctl start failed" systemctl start flowmote-analyzer
eventually analyzer.serves "no reply to /version" get /version
check analyzer.user "runs as uid $(of_process Uid)" [ "$(of_process Uid)" -gt 60000 ]
check analyzer.capabilities "effective capabilities $(of_process CapEff), bounding $(of_process CapBnd)" \
    [ "$(of_process CapEff)$(of_process CapBnd)" = 00000000000000000000000000000000 ]
check analyzer.seccomp "Seccomp $(of_process Seccomp), NoNewPrivs $(of_process NoNewPrivs)" \
    [ "$(of_process Seccomp)$(of_process NoNewPrivs)" = 21 ]
check analyzer.open-files "$(limit 'Max open files')" [ "$(limit 'Max open files')" = "$(property LimitNOFILE)" ]

configure 1 1 veth
systemctl start flowmote
check analyzer.define "the definition is refused" post /flow/icmp/json '{keys:"ipdestination,ipprotocol",value:"frames"}'
peer_address=10.0.4.2
ping -c 40 -i 0.05 -q $peer_address >/dev/null
eventually analyzer.flows "$(get /activeflows/ALL/icmp/json)" has /activeflows/ALL/icmp/json "\"key\":\"$peer_address,1\""
eventually analyzer.counters "no metric of the processor" has /metric/ALL/cpu_num/json '"metricValue":2'
# It needs /proc/net/udp, which ProcSubset= would hide.
check analyzer.socket-drops "$(get /api/v1/ledger | cut -c1-200)" has /api/v1/ledger '"dropped":0'

main=$(property MainPID)
check analyzer.reload "systemctl reload failed" systemctl reload flowmote-analyzer
check analyzer.same-process "main process $(property MainPID)" [ "$(property MainPID)" = "$main" ]
systemctl kill -s KILL flowmote-analyzer
eventually analyzer.restarts "$(property ActiveState)" \
    eval '[ "$(property MainPID)" != '"$main"' ] && get /version >/dev/null'
check analyzer.settings-stay "$(get /flow/json)" has /flow/json '"icmp"'
check analyzer.stop "systemctl stop failed" systemctl stop flowmote-analyzer
check analyzer.result "Result=$(property Result)" [ "$(property Result)" = success ]

echo 'memroy = 1G' >/etc/flowmote-analyzer.conf
systemctl start flowmote-analyzer 2>/dev/null
until_true 20 eval '[ "$(property ActiveState)" = failed ]'
log_of_unit
check analyzer.bad-file "status $(property ExecMainStatus), restarts $(property NRestarts)" \
    [ "$(property ExecMainStatus) $(property NRestarts)" = "2 0" ]
check analyzer.bad-file-error "the journal does not name the error" logged memroy
systemctl stop flowmote

exposure=$(systemd-analyze security flowmote-analyzer --no-pager 2>/dev/null |
    sed -n 's/.*Overall exposure level for flowmote-analyzer.service: \([0-9.]*\).*/\1/p')
check analyzer.exposure "exposure level ${exposure:-unknown}" \
    eval '[ -n "$exposure" ] && [ "$(echo "$exposure" | tr -d .)" -le 18 ]'
systemd-analyze verify /usr/lib/systemd/system/flowmote-analyzer.service >/tmp/verify.log 2>&1
status=$?
check analyzer.verify "$(grep flowmote /tmp/verify.log | tail -n 2 | tr '\n' ' ')" [ $status = 0 ]
