//! The end station on mps2-an385 under QEMU, with smoltcp and without.

mod budget;

use flowmote_lab::qemu::{Board, Image};

mod smoltcp {
    use flowmote_lab::end_station;
    use flowmote_lab::qemu::Image;

    flowmote_lab::every_scenario!(image);

    #[test]
    fn answers_over_ipv6() {
        image().iter().for_each(end_station::answers_over_ipv6);
    }

    #[test]
    fn an_ipv6_collector_gets_datagrams() {
        image().iter().for_each(end_station::an_ipv6_collector_gets_datagrams);
    }

    fn image() -> Option<Image> {
        super::image("smoltcp")
    }
}

mod small {
    use flowmote_lab::end_station;
    use flowmote_lab::qemu::Image;

    flowmote_lab::every_scenario!(image);

    #[test]
    fn an_ipv6_collector_is_refused() {
        let reason = "no IPv6";
        image().iter().for_each(|image| end_station::an_ipv6_collector_is_refused(image, reason));
    }

    fn image() -> Option<Image> {
        super::image("small")
    }
}

fn image(name: &str) -> Option<Image> {
    let board = if name == "small" { Board::MPS2_AN385_SMALL } else { Board::MPS2_AN385 };
    Image::build(&board, "mps2-an385", name)
}
