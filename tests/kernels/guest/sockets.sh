# Sockets of containers: the program that looks them up, with the capabilities that docs/tcp.md names.

echo "sflow { collector { ip = 127.0.0.1 } sampling = 1 polling = 0
    pcap { dev = veth } tcp { } }" >/etc/flowmote.conf
with_net_admin() { with_capabilities +net_raw,+bpf,+net_admin "$@"; }
with_perfmon() { with_capabilities +net_raw,+bpf,+net_admin,+perfmon "$@"; }
sockets() { # WAY PATTERN: what the agent logs when started in this way
    start "$1"
    line=$(grep 'tcp: sockets of containers' /tmp/agent.log)
    check "sockets.$1" "${line#* }" [ -n "$(echo "$line" | grep "$2")" ]
    stop
}
sockets as_root 'are looked up$'
sockets with_perfmon 'are looked up$'
sockets with_net_admin 'are looked up, without rttvar, .*CAP_PERFMON is missing$'
sockets as_unit 'are not looked up: .*CAP_NET_ADMIN is missing$'
