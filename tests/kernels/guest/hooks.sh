# Packets at tc hooks: by tcx where the kernel has it, else by filters of clsact.

# CAP_NET_RAW and CAP_BPF, and CAP_NET_ADMIN where filters have to be removed at the end.
case $(uname -r) in
5.* | 6.[0-5][-.]*) by=clsact kept=0000008000003000 ;;
*) by=tcx kept=0000008000002000 ;;
esac
filters() { tc filter show dev veth ingress; tc filter show dev veth egress; }
at_hooks() { grep -q 'veth: sampling 1 in 1 .*eBPF at tc hooks' /tmp/agent.log; }
with_net_admin() { with_capabilities +net_raw,+bpf,+net_admin "$@"; }

echo "sflow { collector { ip = 127.0.0.1 } sampling = 1 polling = 0
    pcap { dev = veth capture = tc } }" >/etc/flowmote.conf
for way in as_root with_net_admin; do
    start $way
    eventually "hooks.$way" "by $by" at_hooks
    check "hooks.$way-capabilities" "$(grep CapPrm /proc/$agent/status)" \
        grep -q "CapPrm:.$kept" /proc/$agent/status
    [ $by = tcx ] || check "hooks.$way-filters" "none" [ "$(filters | grep -c flowmote)" = 2 ]
    ping -c 100 -i 0.002 -q 10.0.4.2 >/tmp/ping 2>&1
    settled veth
    seen=$(counted veth "packets seen") samples=$(counted veth samples)
    check "hooks.$way-samples" "$samples samples of $seen packets" \
        [ "$samples" = "$seen" -a "$seen" -ge 200 ]
    stop
    check "hooks.$way-end" "$(filters)" [ -z "$(filters)" ]
done
# The unit as it is.
start as_unit
check hooks.unit "no warning" grep -q 'tc hooks: .*CAP_NET_ADMIN is missing' /tmp/agent.log
check hooks.unit-instead "by $(method veth)" [ "$(method veth)" = eBPF ]
stop
