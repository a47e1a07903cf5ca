# Packets that a firewall rule samples, and what modules of the agent to come are going to use.

configure_nflog
start as_root
check modules.nflog "the rule is refused" nflog_rule
ping -c 20 -i 0.01 -q 10.0.4.2 >/dev/null
eventually modules.nflog-samples "not all of 10 packets are samples" \
    eval 'report; grep -q "nflog group 5 (1 in 2): 10 samples, 0 drops" /tmp/agent.log'
stop
nft delete table inet sampling
psample() {
    modprobe psample && modprobe act_sample && modprobe cls_matchall && modprobe sch_ingress || return
    tc qdisc add dev veth clsact &&
        tc filter add dev veth ingress matchall action sample rate 2 group 5 trunc 64 || return
    ping -c 20 -i 0.01 -q 10.0.4.2 >/dev/null
    tc -s filter show dev veth ingress | grep -q 'Sent [1-9]'
    result=$?
    tc qdisc del dev veth clsact
    return $result
}
check modules.psample "tc's action sample is missing or saw no packet" psample
check modules.drop-monitor "no module" modprobe drop_monitor
