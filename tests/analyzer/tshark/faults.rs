//! Where tshark is wrong, or says nothing. Seen with 4.0.17; a later one may be better.

/// Fields of tshark that are not compared, and why.
pub(crate) const NOT_COMPARED: &[(&str, &str)] = &[
    ("sflow_5.sample_length", "the decoder gives the records instead, and what is left over"),
    ("sflow_245.packet_information_type", "sFlow version 2 and 4"),
    ("sflow_245.extended_information_type", "sFlow version 2 and 4"),
];

/// A fault of tshark: its vectors, and the fields it spoils there. A `*` stands for any ending.
struct Fault {
    #[expect(dead_code, reason = "for the reader")]
    why: &'static str,
    vectors: &'static [&'static str],
    fields: &'static [&'static str],
}

/// Whether `field` of `vector` may differ.
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
        why: "A flow or counter record of unknown number is not skipped by its length: the next \
              is looked for right behind the length word. Of the host's counters 2000 to 2010 none \
              is known, so pieces of them show up as interface counters.",
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
        why: "Flow record 1030 is not known either; what follows it in its sample is lost.",
        vectors: &["flowparser-real-mixed-samples-with-three-record-flow"],
        fields: &["sflow_245.flow_record_format", "sflow_5.flow_data_length", "sflow_245.header*"],
    },
    Fault {
        why: "After a sample of another enterprise nothing more is read.",
        vectors: &["unknown-everything"],
        fields: &["sflow_245.*", "sflow_5.*"],
    },
    Fault {
        why: "discarded_packet (0:5) is not known.",
        vectors: &["cistern-event-discarded-packet", "discarded", "goflow2-decodedrop*"],
        fields: &["sflow_245.flow_record_format", "sflow_5.flow_data_length", "sflow_245.header*"],
    },
    Fault {
        why: "The flags of TCP and the TOS byte are looked for in the first byte of their word, \
              they are in the last.",
        vectors: &["flow-0-3", "flow-0-4", "flowparser-unit-parse-sampled-ipv4"],
        fields: &["sflow_245.ip.tcp_flag.*", "sflow_245.ipv4_throughput"],
    },
    Fault {
        why: "Of a count beyond the datagram the count itself is shown, not the items there are.",
        vectors: &["gateway-count-bomb"],
        fields: &["sflow_245.communityEntries"],
    },
    Fault {
        why: "After a length beyond the datagram it reads on, in the middle of the sample.",
        vectors: &["tcpdump-print-segv"],
        fields: &["sflow_245.sampletype"],
    },
];
