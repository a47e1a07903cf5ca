//! Known faults and omissions of tshark, observed with 4.0.17.

/// Fields of tshark that are not compared, with the reason.
pub(crate) const NOT_COMPARED: &[(&str, &str)] = &[
    ("sflow_5.sample_length", "the decoder yields the records and the surplus bytes instead"),
    ("sflow_245.packet_information_type", "sFlow version 2 and 4"),
    ("sflow_245.extended_information_type", "sFlow version 2 and 4"),
];

/// A fault of tshark: the affected vectors and fields. A `*` stands for any ending.
struct Fault {
    #[expect(dead_code, reason = "for the reader")]
    why: &'static str,
    vectors: &'static [&'static str],
    fields: &'static [&'static str],
}

/// Returns true if `field` of `vector` may differ.
pub(crate) fn is_known(vector: &str, field: &str) -> bool {
    FAULTS.iter().any(|fault| {
        fault.vectors.iter().any(|pattern| matches(pattern, vector))
            && fault.fields.iter().any(|pattern| matches(pattern, field))
    })
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}

const FAULTS: &[Fault] = &[
    Fault {
        why: "An unknown flow or counter record is not skipped by its length: the next record is \
              expected directly after the length word. None of the host counters 2000 to 2010 is \
              known, so parts of them are shown as interface counters.",
        vectors: &[
            "cistern-host-sample",
            "flowparser-real-unknown-http-records",
            "flowparser-snap-*",
            "tcpdump-counters-17",
        ],
        fields: &[
            "sflow_245.counters_record_format",
            "sflow_245.flow_record_format",
            "sflow_5.flow_data_length",
            "sflow_245.dot*",
            "sflow_245.if*",
            "sflow_5.dot11*",
        ],
    },
    Fault {
        why: "Flow record 1030 is unknown too; the records after it in its sample are lost.",
        vectors: &["flowparser-real-mixed-samples-with-three-record-flow"],
        fields: &["sflow_245.flow_record_format", "sflow_5.flow_data_length", "sflow_245.header*"],
    },
    Fault {
        why: "The rest of a datagram after a sample of another enterprise is not read.",
        vectors: &["unknown-everything"],
        fields: &["sflow_245.*", "sflow_5.*"],
    },
    Fault {
        why: "discarded_packet (0:5) is unknown.",
        vectors: &["cistern-event-discarded-packet", "discarded", "goflow2-decodedrop*"],
        fields: &["sflow_245.flow_record_format", "sflow_5.flow_data_length", "sflow_245.header*"],
    },
    Fault {
        why: "The TCP flags and the TOS byte are read from the first byte of their word instead of \
              the last.",
        vectors: &["flow-0-3", "flow-0-4", "flowparser-unit-parse-sampled-ipv4"],
        fields: &["sflow_245.ip.tcp_flag.*", "sflow_245.ipv4_throughput"],
    },
    Fault {
        why: "A count beyond the end of the datagram is shown instead of the number of items present.",
        vectors: &["gateway-count-bomb"],
        fields: &["sflow_245.communityEntries"],
    },
    Fault {
        why: "After a length beyond the end of the datagram it continues in the middle of the sample.",
        vectors: &["tcpdump-print-segv"],
        fields: &["sflow_245.sampletype"],
    },
    Fault {
        why: "MAC addresses without pads are not recognised: the destination is wrong and the type \
              missing.",
        vectors: &["ethernet-unpadded"],
        fields: &["sflow_245.ethernet.*"],
    },
    Fault {
        why: "A header that is longer than its record is left out, or shown beyond the record.",
        vectors: &["header-size-beyond"],
        fields: &["sflow_245.header*"],
    },
    Fault {
        why: "Samples after words that belong to none are lost.",
        vectors: &["stray-word"],
        fields: &["sflow_245.*", "sflow_5.*"],
    },
    Fault {
        why: "Users are shown as UTF-8 whatever their character set.",
        vectors: &["user-charsets"],
        fields: &["sflow_5.extended_user.*"],
    },
    Fault {
        why: "Not a fault: structures of versions 2 and 4 have no numbers and lengths of records.",
        vectors: &["version-2", "version-4*"],
        fields: &[
            "sflow_245.flow_record_format",
            "sflow_245.counters_record_format",
            "sflow_5.flow_data_length",
        ],
    },
    Fault {
        why: "User and URL of versions 2 and 4 are not read. Their bytes are taken as the next \
              structure or sample, and all after them is missing.",
        vectors: &["version-2", "version-4"],
        fields: &[
            "sflow_5.extended_user.*",
            "sflow_5.extended_url.*",
            "sflow_245.sampletype",
            "sflow_245.if*",
        ],
    },
    Fault {
        why: "For the same reason text is shown as AS numbers, and the samples that follow are missing.",
        vectors: &["version-4"],
        fields: &[
            "sflow_245.as",
            "sflow_245.srcAS",
            "sflow_245.peerAS",
            "sflow_245.dstAS",
            "sflow_245.dstASentries",
            "sflow_245.ipv6_src",
            "sflow_245.ipv6_dst",
            "sflow_245.ipv6_priority",
            "sflow_245.dot3Stats*",
            "sflow_245.vlan_id",
            "sflow_245.octets",
            "sflow_245.ucastPkts",
            "sflow_245.multicastPkts",
            "sflow_245.broadcastPkts",
            "sflow_245.discards",
        ],
    },
    Fault {
        why: "IPv4 of version 4 is shown without fields.",
        vectors: &["version-4"],
        fields: &[
            "sflow_245.ip.length",
            "sflow_245.ip.source_port",
            "sflow_245.ip.tcp_flag.*",
            "sflow_245.ipv4_src",
            "sflow_245.ipv4_dst",
            "sflow_245.ipv4_precedence_type",
            "sflow_245.ipv4_delay",
            "sflow_245.ipv4_throughput",
            "sflow_245.ipv4_reliability",
            "sflow_245.ipv4_cost",
        ],
    },
    Fault {
        why: "Not a fault: the AS numbers of version 2, which have no segments, are a field of their \
              own in the decoder. versions.rs has their values.",
        vectors: &["version-2"],
        fields: &["sflow_245.dstAS", "sflow_245.dstASentries"],
    },
    Fault {
        why: "After an unknown structure of version 4, which has no length, a sample is shown in the \
              middle of it.",
        vectors: &["version-4-unknown-extended"],
        fields: &["sflow_245.sampletype"],
    },
    Fault {
        why: "Not a fault: the type 0 of a sample of version 4 is a fault for the decoder.",
        vectors: &["flowparser-unit-parse-datagram-bad-version"],
        fields: &["sflow_245.sampletype"],
    },
];
