# Which filter samples, by way of starting. FILTER lines make the table of `run`.

way() { # NAME EXPECTED METHOD
    echo "FILTER $1 $3"
    check "filter.$1" "expected the $2 filter, sampled by: $3" [ "$3" = "$2" ]
}
# both NAME EXPECTED WAY: an interface that is there at the start, and one that comes later.
both() {
    configure 10 0 veth later
    start "$3"
    way "$1" "$2" "$(method veth)"
    ip link add later type veth peer name later-peer
    ip link set later up
    until_true 10 grep -q 'later: sampling' /tmp/agent.log
    way "$1-later" "$2" "$(method later)"
    stop
    ip link del later
}
both root eBPF as_root
both unit eBPF as_unit
# As `check` sees it from the place of the service.
configure 10 0 veth
start as_unit
running=$(method veth)
stop
(as_unit flowmote check) >/tmp/check.log 2>&1
checked=classic
grep -q 'by the eBPF' /tmp/check.log && checked=eBPF
check filter.check-agrees "check finds $checked, run used $running" [ "$checked" = "$running" ]

both no-bpf classic without_bpf
check filter.no-bpf-reason "the warning does not name CAP_BPF" grep -q 'eBPF.*CAP_BPF' /tmp/agent.log
