//! Every word of the grammar, in one table.
//!
//! The parser, "did you mean" and the tables of `docs/configuration.md` all come from here.

use super::tokens::{
    Block, CollectorKey, Key, Kind, TapKey, Token, deprecated, not_yet, supported, unneeded,
};

const DEVICE: Kind = Kind::Word("a device");
const PATTERN: Kind = Kind::Word("a pattern");
const PATH: Kind = Kind::Word("a path");
const RATE: Kind = Kind::Number(0..=10_000_000);
const FORGET: Kind = Kind::Number(60..=4_294_967_295);
const REFRESH: Kind = Kind::Number(60..=3600);
const PROBABILITY: Kind = Kind::Word("a fraction 0..=1");
const PORT: Kind = Kind::Number(0..=65535);

/// The one block of a file.
pub(super) static SFLOW: Block = Block {
    name: "sflow",
    tokens: &[
        supported(Key::Collector, "collector", Kind::Block(&COLLECTOR))
            .about("one receiver of datagrams; repeatable"),
        supported(Key::Sampling, "sampling", RATE)
            .alias("packetSamplingRate")
            .default("from the speed")
            .about("sample 1 in N packets on every interface; 0 is off"),
        supported(Key::SamplingSpeed, "sampling.<speed>", RATE)
            .about("the same for links of one speed: `sampling.10G`, `sampling.2.5G`"),
        supported(Key::BpsRatio, "sampling.bps_ratio", Kind::Number(0..=4_294_967_295))
            .default("1000000")
            .about("without `sampling`, N is the speed in bit/s divided by this; 0: N is 400"),
        not_yet("sampling.http", RATE).about("rate of a web server's sFlow module"),
        not_yet("sampling.app.<application>", RATE).about("rate of an application"),
        not_yet("sampling.<application>", RATE).about("rate of another sFlow module"),
        supported(Key::Polling, "polling", Kind::Number(0..=300))
            .alias("counterPollingInterval")
            .default("30")
            .about("seconds between counter samples; 0 is off"),
        not_yet("polling.<application>", Kind::Number(0..=300))
            .about("the same for an application"),
        supported(Key::HeaderBytes, "headerBytes", Kind::Number(14..=256))
            .default("128")
            .about("bytes of a sampled packet that are sent"),
        supported(Key::DatagramBytes, "datagramBytes", Kind::Number(200..=8192))
            .default("1400")
            .about("largest UDP payload; below 1024 a host counter sample may not fit"),
        supported(Key::AgentDevice, "agent", DEVICE)
            .about("take the agent address from this device (name or alias)"),
        supported(Key::AgentIp, "agentIP", Kind::Word("an address"))
            .about("the agent address, whether or not this host has it"),
        supported(Key::AgentCidr, "agent.cidr", Kind::Word("[!]address/bits"))
            .about("prefer these addresses, or with `!` never take them; repeatable"),
        supported(Key::SubAgentId, "subAgentId", Kind::Number(0..=199_999))
            .default("100000")
            .about("tells agents behind one address apart"),
        supported(Key::Uuid, "uuid", Kind::Word("a UUID"))
            .default("from the host")
            .about("UUID of the host in its counter samples"),
        supported(Key::Tap, "pcap", Kind::Block(&PCAP))
            .about("interfaces to take packet samples on; empty: all of them; repeatable"),
        supported(Key::Tap, "epcap", Kind::Block(&EPCAP)).about("the same as `pcap`; repeatable"),
        not_yet("dns-sd", Kind::Block(&DNS_SD)).about("collectors and settings from the DNS"),
        not_yet("json", Kind::Block(&JSON)).about("samples from applications"),
        not_yet("tcp", Kind::Block(&TCP))
            .about("round-trip time and losses of sampled connections"),
        not_yet("nflog", Kind::Block(&NFLOG)).about("packets sampled by the firewall"),
        not_yet("ulog", Kind::Block(&ULOG)).about("the same on old kernels"),
        not_yet("psample", Kind::Block(&PSAMPLE)).about("packets sampled by tc or a switch chip"),
        not_yet("dropmon", Kind::Block(&DROPMON)).about("packets that the kernel dropped, and why"),
        not_yet("systemd", Kind::Block(&SYSTEMD)).about("counters of services"),
        not_yet("docker", Kind::Block(&DOCKER)).about("counters of containers"),
        not_yet("containerd", Kind::Block(&CONTAINERD)).about("counters of containers"),
        not_yet("k8s", Kind::Block(&K8S)).about("counters of pods"),
        not_yet("kvm", Kind::Block(&KVM)).about("counters of virtual machines"),
        not_yet("nvml", Kind::Block(&NVML)).about("counters of GPUs"),
        not_yet("dbus", Kind::Block(&DBUS)).about("the agent's own counters on D-Bus"),
        not_yet("ovs", Kind::Block(&OVS)).about("set up sFlow in Open vSwitch"),
        not_yet("eapi", Kind::Block(&EAPI)).about("settings from Arista EOS"),
        not_yet("nlroute", Kind::Block(&NLROUTE)).about("link and address events"),
        not_yet("xen", Kind::Block(&XEN)).about("counters of Xen domains"),
        not_yet("vpp", Kind::Block(&VPP)).about("interfaces of VPP"),
        not_yet("cumulus", Kind::Block(&CUMULUS)).about("switch ports of Cumulus Linux"),
        not_yet("dent", Kind::Block(&DENT)).about("switch ports of DENT"),
        not_yet("opx", Kind::Block(&OPX)).about("switch ports of OPX"),
        not_yet("os10", Kind::Block(&OS10)).about("switch ports of OS10"),
        not_yet("sonic", Kind::Block(&SONIC)).about("switch ports of SONiC"),
        not_yet("refreshVMs", REFRESH).default("60").about("seconds between looks for VMs"),
        not_yet("forgetVMs", FORGET).default("180").about("seconds until a VM's index is free"),
        unneeded("modules", PATH, "Flowmote has no modules to load"),
        unneeded("refreshAdaptors", REFRESH, "the kernel announces changes of interfaces"),
        unneeded(
            "checkAdaptors",
            Kind::Number(1..=3600),
            "the kernel announces changes of interfaces",
        ),
        deprecated("loopback", Kind::Switch, "it has no effect in hsflowd either"),
        deprecated("DNSSD", Kind::Switch, "it is written dns-sd { } now"),
        deprecated(
            "DNSSD_domain",
            Kind::Word("a domain"),
            "it is written dns-sd { domain = ... } now",
        ),
        deprecated(
            "samplingDirection",
            Kind::Word("in, out or both"),
            "it has no effect in hsflowd either",
        ),
        deprecated("ulogGroup", Kind::Number(1..=32), "it is written ulog { group = ... } now"),
        deprecated("ulogProbability", PROBABILITY, "it is written ulog { probability = ... } now"),
        deprecated("nflogGroup", Kind::Number(1..=32), "it is written nflog { group = ... } now"),
        deprecated(
            "nflogProbability",
            PROBABILITY,
            "it is written nflog { probability = ... } now",
        ),
        deprecated("jsonPort", PORT, "it is written json { udpport = ... } now"),
        deprecated("jsonFIFO", PATH, "it is written json { fifo = ... } now"),
        deprecated(
            "xen.update.dominfo",
            Kind::Switch,
            "it is written xen { update.dominfo = ... } now",
        ),
        deprecated("xen.dsk", Kind::Switch, "it is written xen { dsk = ... } now"),
    ],
};

static COLLECTOR: Block = Block {
    name: "collector",
    tokens: &[
        supported(Key::InCollector(CollectorKey::Ip), "ip", Kind::Word("an address or host name"))
            .about("where to send; required. A name is resolved again and again"),
        supported(Key::InCollector(CollectorKey::Port), "udpport", Kind::Number(1..=65535))
            .default("6343")
            .about("UDP port"),
        supported(Key::InCollector(CollectorKey::Device), "dev", DEVICE)
            .about("the device that datagrams leave by"),
        not_yet("namespace", Kind::Word("a network namespace"))
            .about("send from this network namespace"),
    ],
};

static PCAP: Block = Block { name: "pcap", tokens: TAP };
static EPCAP: Block = Block { name: "epcap", tokens: TAP };

const TAP: &[Token] = &[
    supported(Key::InTap(TapKey::Device), "dev", DEVICE).about("one device, by name or alias"),
    supported(Key::InTap(TapKey::Pattern), "dev.pattern", PATTERN)
        .about("all devices whose name matches"),
    supported(Key::InTap(TapKey::Speed), "speed", Kind::Word("a speed, MIN-MAX or MIN-"))
        .about("all devices of these speeds, in bit/s with K, M, G, T, P"),
    supported(Key::InTap(TapKey::Sampling), "sampling", RATE)
        .default("that of the sflow block")
        .about("sample 1 in N packets on these interfaces; 0 is off"),
    supported(Key::InTap(TapKey::Promiscuous), "promisc", Kind::Switch)
        .default("off")
        .about("switch these interfaces to promiscuous mode"),
    not_yet("vport", Kind::Switch).about("the device is a virtual port of a bridge"),
    not_yet("dynamic", Kind::Switch)
        .default("off")
        .about("sample nothing until k8s asks for it; the block is left out"),
];

static DNS_SD: Block = Block {
    name: "dns-sd",
    tokens: &[not_yet("domain", Kind::Word("a domain")).alias("DNSSD_domain")],
};
static JSON: Block = Block {
    name: "json",
    tokens: &[not_yet("udpport", PORT).alias("jsonPort"), not_yet("fifo", PATH).alias("jsonFIFO")],
};
static TCP: Block = Block {
    name: "tcp",
    tokens: &[
        not_yet("tunnel", Kind::Switch).default("off"),
        not_yet("udp", Kind::Switch).default("off"),
        not_yet("dump", Kind::Switch).default("off"),
    ],
};
static NFLOG: Block = Block {
    name: "nflog",
    tokens: &[
        not_yet("group", Kind::Number(1..=32)).alias("nflogGroup"),
        not_yet("probability", PROBABILITY).alias("nflogProbability"),
    ],
};
static ULOG: Block = Block {
    name: "ulog",
    tokens: &[
        not_yet("group", Kind::Number(1..=32)).alias("ulogGroup"),
        not_yet("probability", PROBABILITY).alias("ulogProbability"),
    ],
};
static PSAMPLE: Block = Block {
    name: "psample",
    tokens: &[
        not_yet("group", Kind::Number(1..=32)).default("1"),
        not_yet("ingress", Kind::Switch).default("on"),
        not_yet("egress", Kind::Switch).default("off"),
    ],
};
static DROPMON: Block = Block {
    name: "dropmon",
    tokens: &[
        not_yet("group", Kind::Number(1..=4_294_967_295)),
        not_yet("start", Kind::Switch).default("off"),
        not_yet("limit", Kind::Number(1..=10_000)).default("100"),
        not_yet("sw", Kind::Switch).default("on"),
        not_yet("hw", Kind::Switch).default("on"),
        not_yet("rn", Kind::Switch).default("on"),
        not_yet("hw_unknown", Kind::Switch).default("off"),
        not_yet("hw_function", Kind::Switch),
        not_yet("sw_passive", Kind::Switch).default("off"),
        not_yet("hw_passive", Kind::Switch).default("off"),
        not_yet("force", Kind::Switch).default("on"),
        not_yet("max", Kind::Number(1..=4_294_967_295)).default("100000"),
        not_yet("max_trip", Kind::Number(1..=4_294_967_295)).default("2"),
        not_yet("hide", PATTERN),
    ],
};
static SYSTEMD: Block = Block {
    name: "systemd",
    tokens: &[
        not_yet("refreshVMs", Kind::Number(10..=3600)).default("60"),
        not_yet("dropPriv", Kind::Switch).default("off"),
        not_yet("markTraffic", Kind::Switch).default("off"),
        not_yet("cgroup_procs", PATH),
        not_yet("cgroup_acct", PATH),
    ],
};
static DOCKER: Block = Block {
    name: "docker",
    tokens: &[
        not_yet("refreshVMs", REFRESH),
        not_yet("forgetVMs", FORGET),
        not_yet("hostname", Kind::Switch).default("off"),
        not_yet("markTraffic", Kind::Switch).default("off"),
    ],
};
static CONTAINERD: Block = Block {
    name: "containerd",
    tokens: &[
        not_yet("forgetVMs", FORGET),
        not_yet("hostname", Kind::Switch),
        not_yet("markTraffic", Kind::Switch),
    ],
};
static K8S: Block = Block {
    name: "k8s",
    tokens: &[
        not_yet("markTraffic", Kind::Switch).default("off"),
        not_yet("eof", Kind::Switch),
        not_yet("setIfAlias", Kind::Switch).default("on"),
        not_yet("setIfName", Kind::Switch).default("on"),
        not_yet("unixsock", PATH),
    ],
};
static KVM: Block =
    Block { name: "kvm", tokens: &[not_yet("refreshVMs", REFRESH), not_yet("forgetVMs", FORGET)] };
static NVML: Block = Block { name: "nvml", tokens: &[] };
static DBUS: Block = Block { name: "dbus", tokens: &[] };
static OVS: Block = Block { name: "ovs", tokens: &[] };
static EAPI: Block = Block { name: "eapi", tokens: &[] };
static NLROUTE: Block = Block {
    name: "nlroute",
    tokens: &[
        not_yet("limit", Kind::Number(0..=500)).default("50"),
        not_yet("link", Kind::Switch).default("on"),
        not_yet("addr", Kind::Switch).default("on"),
        not_yet("setIfAlias", Kind::Switch).default("on"),
    ],
};
static XEN: Block = Block {
    name: "xen",
    tokens: &[
        not_yet("update.dominfo", Kind::Switch).alias("xen.update.dominfo"),
        not_yet("dsk", Kind::Switch).alias("xen.dsk"),
        not_yet("switchport", PATTERN),
        not_yet("vbd", PATH),
        not_yet("refreshVMs", REFRESH),
        not_yet("forgetVMs", FORGET),
    ],
};
static VPP: Block = Block {
    name: "vpp",
    tokens: &[
        not_yet("ifOffset", Kind::Number(0..=4_294_967_295)).default("1000000000"),
        not_yet("osIndex", Kind::Switch).default("on"),
    ],
};
static CUMULUS: Block = Block { name: "cumulus", tokens: &[not_yet("switchport", PATTERN)] };
static DENT: Block =
    Block { name: "dent", tokens: &[not_yet("switchport", PATTERN), not_yet("sw", Kind::Switch)] };
static OPX: Block = Block { name: "opx", tokens: DELL };
static OS10: Block = Block { name: "os10", tokens: DELL };
const DELL: &[Token] = &[
    not_yet("udpport", PORT),
    not_yet("switchport", PATTERN),
    not_yet("port", Kind::Block(&DELL_PORT)),
];
static DELL_PORT: Block = Block { name: "port", tokens: &[not_yet("dev", DEVICE)] };
static SONIC: Block = Block {
    name: "sonic",
    tokens: &[
        not_yet("switchport", PATTERN),
        not_yet("unixsock", Kind::Switch),
        not_yet("dbconfig", PATH),
        not_yet("waitReady", Kind::Number(0..=4_294_967_295)).default("180"),
        not_yet("suppressOther", Kind::Switch).default("on"),
        not_yet("setIfAlias", Kind::Switch),
        not_yet("setIfName", Kind::Switch),
    ],
};
