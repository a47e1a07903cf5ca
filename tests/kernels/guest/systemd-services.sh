# Services and containers under a real systemd: the unit as it is finds them without root and D-Bus.

sent() { samples_of "$1" | grep -q "$2"; }
said() { journalctl -u flowmote -o cat --no-pager; }
logged() { said >/tmp/agent.log; grep -q "$1" /tmp/agent.log; }

id=00f1c4e60c7c0b1b6d2a77d0a4a21b0e8b0b84a3b9d3a6dfe7a1d1b0c9e8f7a6
collect json
cat >/etc/flowmote.conf <<'CONF'
sflow {
  collector { ip = 127.0.0.1 }
  polling = 2
  systemd { }
  docker { }
}
CONF
systemd-run -q --unit=burn --slice=app-web.slice sh -c 'while :; do :; done'
# As runc has systemd make a container: a scope, with a network of its own.
systemd-run -q --scope --unit="docker-$id" ip netns exec peer sleep 1000 &
check services.start "systemctl start failed" systemctl start flowmote
eventually services.journald "no journald among the samples" \
    sent systemd-journald.service '"cpuTime":[1-9]'
eventually services.cpu "$(samples_of burn.service | tail -n 1)" sent burn.service '"cpuTime":[0-9][0-9]'
eventually services.memory "$(samples_of burn.service | tail -n 1)" \
    sent burn.service '"virt_memory".*"memory":[1-9][0-9]*,"maxMemory":[1-9]'
eventually services.container "no sample of the container" sent 00f1c4e60c7c '"virt_cpu"'
# The unit sees no process of others, so these are from the ends of its veth pairs in the host.
eventually services.ports "$(samples_of 00f1c4e60c7c | tail -n 1)" \
    sent 00f1c4e60c7c '"host_adapters".*"ifIndex":'"$(cat /sys/class/net/veth/ifindex)"',.*"virt_net_io"'
check services.node "$(records virt_node | tail -n 1)" \
    eval 'records virt_node | grep -q "\"cpus\":2.*\"num_domains\":[1-9]"'
systemd-run -q --unit=later sleep 1000
eventually services.later "a service that starts later is not seen" sent later.service '"virt_cpu"'
systemctl stop later
gone() {
    systemctl kill -s USR1 flowmote
    said | grep 'services and containers:' | tail -n 1 | grep -q "$1"
}
eventually services.gone "one container is not there" gone ' 1 containers'
index() { grep -o '"source_id":{"class":3,"index":[0-9]*},"num_records":[0-9]*,"records":\[{"record":"host_descr","data_format":"0:2000","hostname":"burn.service"' /tmp/samples | tail -n 1; }
index=$(index)

# The addition of docs/services.md, without a group of Docker, which this machine does not have.
mkdir -p /etc/systemd/system/flowmote.service.d
printf '[Service]\nProtectProc=default\n' >/etc/systemd/system/flowmote.service.d/services.conf
systemctl daemon-reload
check services.restart "systemctl restart failed" systemctl restart flowmote
ping -c 5 -i 0.02 -q 10.0.4.2 >/dev/null
eventually services.network "$(samples_of 00f1c4e60c7c | tail -n 1)" sent 00f1c4e60c7c '"virt_net_io".*"rx_bytes":[1-9]'
check services.index "$index, then $(index)" [ "$index" = "$(index)" ]
systemctl stop flowmote burn "docker-$id.scope"
rm -r /etc/systemd/system/flowmote.service.d
systemctl daemon-reload
collected
