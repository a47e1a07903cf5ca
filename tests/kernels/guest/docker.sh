# Containers of a real Docker and a real containerd, found by the unit of the agent.

property() { systemctl show flowmote -p "$1" --value; }
said() { journalctl -u flowmote -o cat --no-pager; }
# number FIELD: all values of that field in the records of standard input, one a line.
number() { grep -o "\"$1\":[0-9]*" | cut -d: -f2; }
sent() { samples_of "$1" | grep -q "$2"; }
last() { samples_of "$1" | tail -n 1 | number "$2" | tail -n 1; }
# moves NAME FIELD: the counter of the container is larger in its last sample than in an earlier one.
moves() {
    samples_of "$1" | number "$2" >/tmp/values
    [ "$(sort -n /tmp/values | tail -n 1)" -gt "$(sort -n /tmp/values | head -n 1)" ] 2>/dev/null
}
index() { samples_of "$1" | grep -o '"source_id":{"class":3,"index":[0-9]*' | tail -n 1 | grep -o '[0-9]*$'; }
pid() { docker inspect -f '{{.State.Pid}}' "$1"; }
# inside NAME COMMAND...: as a process of the container, without a new one of Docker.
inside() {
    of=$(pid "$1")
    shift
    nsenter -t "$of" -n "$@"
}
# The interface of the host at the other end of the container's eth0.
veth() {
    peer=$(inside "$1" ip -o link show eth0 | grep -o 'eth0@if[0-9]*' | tr -dc '0-9\n' | sed 's/^0//')
    grep -lx "$peer" /sys/class/net/veth*/ifindex 2>/dev/null | cut -d/ -f5
}
mac() { inside "$1" ip -br link show eth0 | grep -o '..:..:..:..:..:..'; }
there() { # NUMBER: of containers in the statistics of the agent
    systemctl kill -s USR1 flowmote
    said | grep 'services and containers:' | tail -n 1 | grep -q " $1 containers"
}
configure_docker() {
    cat >/etc/flowmote.conf <<'CONF'
sflow {
  collector { ip = 127.0.0.1 }
  polling = 2
  sampling = 2
  docker { markTraffic = on }
  containerd { }
  tcp { }
  pcap { dev = docker0 }
  pcap { dev = veth-web }
}
CONF
}

for module in overlay br_netfilter nft_compat nft_chain_nat nf_nat xt_MASQUERADE xt_conntrack xt_addrtype virtio_blk ext4; do
    modprobe $module
done
# Packages are unpacked only: what their scripts would have made.
for tool in iptables ip6tables; do ln -s xtables-nft-multi /usr/sbin/$tool; done
groupadd -r docker
mkdir -p /var/lib/dpkg/info /var/lib/dpkg/updates /var/log /var/lib/docker /var/lib/containerd
: >>/var/lib/dpkg/status
: >>/var/lib/dpkg/available
check docker.package "the packages of the agent cannot be installed" \
    eval 'dpkg --force-depends -i /packages/*-1_*.deb >/tmp/dpkg.log 2>&1'
# The root is in memory, which no I/O is counted for.
until_true 5 [ -e /dev/vda ]
mkdir -p /disk
mount /dev/vda /disk
configure_docker
if ! systemctl start containerd docker; then
    journalctl -u docker -u containerd -o cat --no-pager | tail -n 20 | sed 's/^/|  /'
    fail docker.daemon "Docker does not start"
    exit
fi
echo "@@ $(docker --version), containerd $(containerd --version | cut -d' ' -f3), at $(now) s"
mkdir -p /tmp/root/bin /tmp/root/data
cp /bin/busybox /tmp/root/bin/sh
for tool in sleep dd ping cat sync; do ln -s sh /tmp/root/bin/$tool; done
check docker.image "no image" eval 'tar -C /tmp/root -c . | docker import - busy:1 >/dev/null'
# Works, rests and writes, as services do.
docker run -d --name web --memory 64m -v /disk:/data busy:1 sh -c \
    'while :; do dd if=/dev/zero of=/data/file bs=4k count=20 conv=fsync 2>/dev/null; ping -c 2 172.17.0.1 >/dev/null; done' \
    >/dev/null || fail docker.run "no container"
interface=$(veth web) address=$(mac web)
# A name that the configuration can have.
ip link property add dev "$interface" altname veth-web || fail docker.veth "no interface of the host: $interface"
ifindex=$(cat "/sys/class/net/$interface/ifindex")

# The unit as it is, but for the group that may read names from Docker.
mkdir -p /etc/systemd/system/flowmote.service.d
printf '[Service]\nSupplementaryGroups=docker\n' >/etc/systemd/system/flowmote.service.d/docker.conf
systemctl daemon-reload
collect json
check docker.start "$(flowmote check 2>&1 | tail -n 2 | tr '\n' ' ')" systemctl start flowmote
eventually docker.name "$(samples_of "" | grep -o '"hostname":"[^"]*' | sort -u | tr '\n' ' ')" sent web '"virt_cpu"'
first=$(index web)
eventually docker.cpu "$(samples_of web | tail -n 1)" moves web cpuTime
eventually docker.memory "$(samples_of web | tail -n 1)" \
    sent web '"virt_memory".*"memory":[1-9][0-9]*,"maxMemory":67108864'
eventually docker.writes "$(samples_of web | tail -n 1)" moves web wr_bytes
eventually docker.net "$(samples_of web | tail -n 1)" moves web tx_bytes
eventually docker.adapter "no $ifindex with $address: $(samples_of web | tail -n 1)" \
    sent web '"host_adapters".*"ifIndex":'"$ifindex"',"mac_address":\["'"$address"'"\]'
eventually docker.node "$(records virt_node | tail -n 1)" \
    eval 'records virt_node | grep -q "\"num_domains\":1}*$"'
eventually docker.bridge "no sample of docker0" \
    grep -q '"sample":"flow_sample".*"source_id":{"class":0,"index":'"$(cat /sys/class/net/docker0/ifindex)}" /tmp/samples
eventually docker.port "no sample of $interface" \
    grep -q '"sample":"flow_sample".*"source_id":{"class":0,"index":'"$ifindex}" /tmp/samples
docker pause web >/dev/null
# Nothing moves while the container stands still.
same() {
    samples_of web | tail -n 1 | grep -q '"state":3' && [ "$(last web rx_bytes)" = "$(received)" ]
}
received() { inside web ip -s -j link show eth0 | grep -o '"rx":{"bytes":[0-9]*' | grep -o '[0-9]*$'; }
eventually docker.exact "$(last web rx_bytes) sent, $(received) counted" same
docker unpause web >/dev/null

docker rename web shop
# At the next regular search.
until_true 30 sent shop '"virt_cpu"'
check docker.rename "$(said | tail -n 1)" sent shop '"virt_cpu"'
check docker.rename-index "$first, then $(index shop)" [ "$(index shop)" = "$first" ]

# Containers that come and go, two at a time.
burst() {
    for number in 1 2 3 4 5 6 7 8 9 10; do
        docker run --rm --name "$1$number" busy:1 sleep 1
    done
}
burst left &
left=$!
burst right
wait $left
eventually docker.burst "$(said | grep 'services and containers:' | tail -n 1)" there 1
check docker.warnings "$(journalctl -u flowmote -p warning -o cat --no-pager | tail -n 2 | tr '\n' ' ')" \
    eval '! journalctl -u flowmote -p warning -o cat --no-pager | grep -q .'

# With the addition of docs/services.md for networks and addresses, after a restart.
printf '[Service]\nProtectProc=default\n' >/etc/systemd/system/flowmote.service.d/services.conf
systemctl daemon-reload
collected
collect json
check docker.restart "systemctl restart failed" systemctl restart flowmote
eventually docker.again "no sample after the restart" sent shop '"virt_net_io"'
check docker.index "$first, then $(index shop)" [ "$(index shop)" = "$first" ]
eventually docker.entities "no packet of the container" \
    grep -q '"extended_entities"[^}]*_ds_index":'"$first" /tmp/samples
docker pause shop >/dev/null
same_now() { [ "$(last shop rx_bytes)" = "$(inside shop ip -s -j link show eth0 | grep -o '"rx":{"bytes":[0-9]*' | grep -o '[0-9]*$')" ]; }
eventually docker.exact-inside "$(last shop rx_bytes)" same_now
docker unpause shop >/dev/null
docker rm -f shop >/dev/null
eventually docker.gone "$(said | grep 'services and containers:' | tail -n 1)" there 0

# containerd without Docker: a container with the cgroup that its CRI plugin would give it.
id=00f1c4e60c7c0b1b6d2a77d0a4a21b0e8b0b84a3b9d3a6dfe7a1d1b0c9e8f7a6
systemctl stop docker docker.socket
mkdir -p /var/log/containers
: >"/var/log/containers/web-1_prod_nginx-$id.log"
tar -C /tmp/root -c . >/tmp/root.tar
mkdir -p /tmp/bundle
check containerd.run "no container of containerd" ctr --namespace demo run -d --runc-systemd-cgroup \
    --cgroup "system.slice:cri-containerd:$id" --rootfs /tmp/root $id /bin/sleep 1000
eventually containerd.name "$(journalctl -u containerd -o cat --no-pager | tail -n 3)" \
    sent nginx.web-1.prod '"virt_cpu"'
ctr --namespace demo task kill -s KILL $id
ctr --namespace demo container rm $id
eventually containerd.gone "$(said | grep 'services and containers:' | tail -n 1)" there 0
systemctl stop flowmote containerd
collected
