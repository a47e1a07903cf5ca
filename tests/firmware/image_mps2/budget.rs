//! Flash, RAM, stack and instructions, compared with the checked-in table.

use flowmote_lab::end_station::{RAM, memory};
use flowmote_lab::footprint::{Budget, Figure};
use flowmote_lab::qemu::{Board, Image};

use super::image;

#[test]
fn the_budget_is_kept() {
    let (Some(budget), Some(core)) = (image("budget"), image("core-alone")) else { return };
    let figure = |(name, number): (&str, u64)| (name.to_owned(), Some(number));
    let mut figures = instructions(&budget);
    let core = core.footprint(RAM);
    figures.extend([("core-flash", core.flash), ("core-ram", core.ram)].map(figure));
    for (name, twice) in [("smoltcp", &[ASKS_FOR_NEIGHBOUR][..]), ("small", &[])] {
        let image = image(name).expect("the others were built");
        figures.extend(memory(&image, &format!("{name}-"), twice));
    }
    Budget::new(BUDGET).check(&figures);
}

fn instructions(image: &Image) -> Vec<Figure> {
    let counted = image.start_with(0, Board::MPS2_AN385.counting).until_ready();
    let figures = counted.iter().map(|line| line.split_once(' ').expect("a name and a number"));
    let figure = |(name, number): (&str, &str)| {
        (format!("instructions-{name}"), Some(number.parse().expect("a number")))
    };
    figures.map(figure).collect()
}

/// Functions that may be entered twice: smoltcp calls itself to send a neighbour solicitation. It
/// goes to a multicast address, which needs no neighbour, so there is no third time.
const ASKS_FOR_NEIGHBOUR: &str = "InterfaceInner::dispatch_ip";

const BUDGET: &str =
    include_str!("../../../platform-baremetal/firmware/images/mps2-an385/budget.txt");
