//! Flash, RAM, stack and instructions, against the table that is checked in.

use flowmote_tests::footprint::Budget;
use flowmote_tests::lab::skip_part;
use flowmote_tests::qemu::Image;

use crate::{IMAGES, burst, echo, image, plug_in, quiet, start};

#[test]
fn the_budget_is_kept() {
    let (Some(budget), Some(core)) = (image("budget"), image("core-alone")) else { return };
    let counted = budget.start_with(0, &["-icount", "shift=10,sleep=off"]).until_ready();
    let mut figures: Vec<(String, u64)> = counted
        .iter()
        .map(|line| line.split_once(' ').expect("a name and a number"))
        .map(|(name, number)| (format!("instructions-{name}"), number.parse().unwrap()))
        .collect();
    let size = core.footprint(RAM);
    figures.extend([("core-flash".to_owned(), size.flash), ("core-ram".to_owned(), size.ram)]);
    for name in IMAGES {
        figures.extend(memory_of(name, &image(name).expect("the others were built")));
    }
    let table =
        Budget::new(include_str!("../../../platform-baremetal/images/mps2-an385/budget.txt"));
    let (now, wrong) = table.compare(&figures, |name| if name.ends_with("used") { 15 } else { 3 });
    if !table.is_of_this_rustc() {
        return skip_part(&format!("the table is of another rustc; measured:\n{now}"));
    }
    assert!(wrong.is_empty(), "{wrong:#?}\nThis would be true:\n{now}");
}

/// What an image takes: its stack as it was seen under load, and the deepest possible.
fn memory_of(name: &str, image: &Image) -> Vec<(String, u64)> {
    let size = image.footprint(RAM);
    let machine = start(image);
    let mut peer = plug_in(&machine);
    machine.command("sampling 1 1").unwrap();
    machine.command("polling 1").unwrap();
    peer.until("counters", |peer| !peer.exported.is_empty());
    machine.command("polling 0").unwrap();
    echo(&mut peer, 1, 1472);
    for round in 0..10 {
        burst(&mut peer, round, (90, 0));
    }
    quiet(&machine, &mut peer);
    let used = machine.shown("memory", "stack");
    let mut figures = vec![("flash", size.flash), ("ram-static", size.ram), ("stack-used", used)];
    if let Some(worst) = image.worst_stack(&[ASKS_FOR_NEIGHBOUR]) {
        let left = RAM.end - RAM.start - size.ram;
        assert!(used <= worst.bytes(), "{name}: {used} bytes were used of {worst}");
        assert!(worst.bytes() <= left, "{name}: {left} bytes are left for {worst}");
        figures.push(("stack-worst", worst.bytes()));
    }
    figures.into_iter().map(|(what, number)| (format!("{name}-{what}"), number)).collect()
}

/// smoltcp sends a neighbour solicitation from within, and to a group, which needs no neighbour.
const ASKS_FOR_NEIGHBOUR: &str = "InterfaceInner::dispatch_ip";

/// As memory.x has it.
const RAM: core::ops::Range<u64> = 0x2000_0000..0x2001_0000;
