//! Records of other enterprises: Broadcom and pmacct.

use crate::structure::structures;

structures! { Flow:
    /// Flow record 4413:1, 4 bytes (source: Broadcom BroadView).
    ExtendedBstEgressQueue = 4413:1 as "extended_bst_egress_queue" {
        /// Egress queue number.
        Identity queue: u32,
    }

    /// Flow record 8800:2, 8 bytes (source: seen in captures).
    ///
    /// The form before `pmacct_tag` (43874:2), with words of 32 bits.
    PmacctTagOld = 8800:2 as "pmacct_tag_old" {
        Identity tag: u32,
        Identity tag2: u32,
    }

    /// Flow record 43874:1, 16 bytes (source: pmacct).
    PmacctClassOld = 43874:1 as "pmacct_class_old" {
        /// Fixed 16-byte class name, no length word.
        Identity class: [u8; 16],
    }

    /// Flow record 43874:2, 16 bytes (source: pmacct).
    ///
    /// Older builds (VyOS for instance) send `pmacct_tag_old` (8800:2).
    PmacctTag = 43874:2 as "pmacct_tag" {
        Identity tag: u64,
        Identity tag2: u64,
    }

    /// Flow record 43874:3, 8 bytes (source: pmacct).
    PmacctNdpiClass = 43874:3 as "pmacct_ndpi_class" {
        Identity master_protocol: u32,
        Identity app_protocol: u32,
    }
}
