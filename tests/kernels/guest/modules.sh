# What other modules of the agent are going to use, on this kernel.

nflog() {
    modprobe nfnetlink_log && modprobe nft_log && modprobe nft_numgen || return
    nft -f - <<'RULES' || return
table inet sampling {
    chain input {
        type filter hook input priority 0
        numgen random mod 2 == 0 log group 5 prefix "2" snaplen 128
    }
}
RULES
    nft delete table inet sampling
    grep -q 'nfnetlink_log' /proc/net/netfilter/nf_log
}
check modules.nflog "the rule or its logger is missing" nflog
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
