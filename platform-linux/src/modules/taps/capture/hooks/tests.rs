//! The programs on this kernel; packets through them are in tests/agent and tests/capture.rs.

use super::*;

/// The verifier takes both programs.
#[test]
fn programs_are_accepted_here() {
    match Hooks::open(TableSize::roomy(&[1]), 256 << 10, Attachment::Tcx) {
        Ok(mut hooks) => {
            let drained = hooks.drain(10, &mut |_| {}).unwrap();
            assert_eq!(drained, Drained::default());
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            println!("SKIPPED: {error}")
        }
        Err(error) if error.kind() == io::ErrorKind::Unsupported => println!("SKIPPED: {error}"),
        Err(error) => panic!("{error}"),
    }
}
