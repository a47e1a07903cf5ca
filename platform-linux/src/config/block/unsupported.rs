//! Blocks and tokens of `hsflowd.conf` without an effect in Flowmote, as data.
//!
//! They are known so that a file of hsflowd is accepted with a warning for each of them, and so
//! that a mistyped name inside of them is still an error.

use super::super::tokens::{
    Block, DEVICE, FRACTION, Kind, PATTERN, RATE, Token, block, deprecated, not_yet, unneeded,
};

/// The tokens inside `sflow { }` that have no effect.
pub(in crate::config) const TOKENS: &[Token] = &[
    not_yet("sampling.http", RATE).about("sampling rate of a web server's sFlow module"),
    not_yet("sampling.<application>", RATE).about("sampling rate of another sFlow module"),
    not_yet("polling.<application>", Kind::Number(0..=300))
        .about("seconds between counter samples of another sFlow module"),
    block(&ULOG),
    block(&KVM),
    block(&DBUS),
    block(&OVS),
    block(&EAPI),
    block(&NLROUTE),
    block(&XEN),
    block(&VPP),
    block(&CUMULUS),
    block(&DENT),
    block(&OPX),
    block(&OS10),
    block(&SONIC),
    unneeded("modules", PATH, "Flowmote loads no modules"),
    unneeded("refreshAdaptors", REFRESH, "the kernel reports interface changes"),
    unneeded("checkAdaptors", Kind::Number(1..=3600), "the kernel reports interface changes"),
    deprecated("loopback", Kind::Switch, "it has no effect in hsflowd either"),
    deprecated(
        "samplingDirection",
        Kind::Word("in, out or both"),
        "it has no effect in hsflowd either; use pcap { direction = ... }",
    ),
    not_yet("ulogGroup", Kind::Number(1..=32)).about("older spelling of `ulog { group = ... }`"),
    not_yet("ulogProbability", FRACTION).about("older spelling of `ulog { probability = ... }`"),
    deprecated("nflogGroup", Kind::Number(1..=32), "use nflog { group = ... }"),
    deprecated("nflogProbability", FRACTION, "use nflog { probability = ... }"),
    not_yet("xen.update.dominfo", Kind::Switch)
        .about("older spelling of `xen { update.dominfo = ... }`"),
    not_yet("xen.dsk", Kind::Switch).about("older spelling of `xen { dsk = ... }`"),
];

const PATH: Kind = Kind::Word("a path");
const FORGET: Kind = Kind::Number(60..=4_294_967_295);
const REFRESH: Kind = Kind::Number(60..=3600);
const PORT: Kind = Kind::Number(0..=65535);

static ULOG: Block = Block::ignored(
    "ulog",
    "packets sampled by the firewall of old kernels",
    &[
        not_yet("group", Kind::Number(1..=32)).alias("ulogGroup"),
        not_yet("probability", FRACTION).alias("ulogProbability"),
    ],
);
static KVM: Block = Block::ignored(
    "kvm",
    "counters of virtual machines",
    &[not_yet("refreshVMs", REFRESH), not_yet("forgetVMs", FORGET)],
);
static DBUS: Block = Block::ignored("dbus", "the agent's own counters on D-Bus", &[]);
static OVS: Block = Block::ignored("ovs", "set up sFlow in Open vSwitch", &[]);
static EAPI: Block = Block::ignored("eapi", "settings from Arista EOS", &[]);
static NLROUTE: Block = Block::ignored(
    "nlroute",
    "link and address events",
    &[
        not_yet("limit", Kind::Number(0..=500)).default("50"),
        not_yet("link", Kind::Switch).default("on"),
        not_yet("addr", Kind::Switch).default("on"),
        not_yet("setIfAlias", Kind::Switch).default("on"),
    ],
);
static XEN: Block = Block::ignored(
    "xen",
    "counters of Xen domains",
    &[
        not_yet("update.dominfo", Kind::Switch).alias("xen.update.dominfo"),
        not_yet("dsk", Kind::Switch).alias("xen.dsk"),
        not_yet("switchport", PATTERN),
        not_yet("vbd", PATH),
        not_yet("refreshVMs", REFRESH),
        not_yet("forgetVMs", FORGET),
    ],
);
static VPP: Block = Block::ignored(
    "vpp",
    "interfaces of VPP",
    &[
        not_yet("ifOffset", Kind::Number(0..=4_294_967_295)).default("1000000000"),
        not_yet("osIndex", Kind::Switch).default("on"),
    ],
);
static CUMULUS: Block =
    Block::ignored("cumulus", "switch ports of Cumulus Linux", &[not_yet("switchport", PATTERN)]);
static DENT: Block = Block::ignored(
    "dent",
    "switch ports of DENT",
    &[not_yet("switchport", PATTERN), not_yet("sw", Kind::Switch)],
);
static OPX: Block = Block::ignored("opx", "switch ports of OPX", DELL);
static OS10: Block = Block::ignored("os10", "switch ports of OS10", DELL);
const DELL: &[Token] =
    &[not_yet("udpport", PORT), not_yet("switchport", PATTERN), block(&DELL_PORT)];
static DELL_PORT: Block = Block::ignored("port", "", &[not_yet("dev", DEVICE)]);
static SONIC: Block = Block::ignored(
    "sonic",
    "switch ports of SONiC",
    &[
        not_yet("switchport", PATTERN),
        not_yet("unixsock", Kind::Switch),
        not_yet("dbconfig", PATH),
        not_yet("waitReady", Kind::Number(0..=4_294_967_295)).default("180"),
        not_yet("suppressOther", Kind::Switch).default("on"),
        not_yet("setIfAlias", Kind::Switch),
        not_yet("setIfName", Kind::Switch),
    ],
);
