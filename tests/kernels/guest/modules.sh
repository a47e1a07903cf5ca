# Packets that a firewall rule samples.

configure_nflog
start as_root
check modules.nflog "the rule is refused" nflog_rule
ping -c 20 -i 0.01 -q 10.0.4.2 >/dev/null
eventually modules.nflog-samples "not all of 10 packets are samples" \
    eval 'report; grep -q "nflog group 5 (1 in 2): 10 samples, 0 drops" /tmp/agent.log'
stop
nft delete table inet sampling
