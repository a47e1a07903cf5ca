//! Console commands take effect.

use flowmote_lab::wait_until;

use super::collected::Collected;
use super::frames::{frame, introduce, mac};
use super::switch::{Switch, switches};

#[test]
fn console_commands_take_effect() {
    for switch in switches() {
        let error = |switch: &Switch, line| switch.command(line).expect_err(line);
        assert_eq!(error(&switch, "sampling 5 1"), "PORT is 1 to 4");
        assert_eq!(error(&switch, "sampling 1 x"), "N is 0 (off) to 2147483648");
        assert_eq!(error(&switch, "polling -1"), "SECONDS is 0 (off) to 86400");
        assert_eq!(error(&switch, "collector 192.0.2"), "A.B.C.D is an IPv4 address");
        assert!(error(&switch, "collector 10.0.0.1").contains("no router"));
        assert!(error(&switch, "reboot").starts_with("commands: show"));
        assert_eq!(error(&switch, &"x".repeat(300)), "a line has at most 80 bytes");
        introduce(&switch);
        switch.connect_collector();
        switch.commands(&["sampling 2 1"]);
        assert_eq!(switch.show().port(2, "sampling"), 1);
        let send = |switch: &Switch| {
            let taken = switch.taken();
            for _ in 0..20 {
                switch.send(2, &frame(mac(1), mac(2), &[], 60));
            }
            switch.settle(taken + 20).port(2, "sampled")
        };
        assert_eq!(send(&switch), 20);
        switch.commands(&["sampling 2 0"]);
        assert_eq!(send(&switch), 20, "off");
        let mut collected = Collected::default();
        collected.wait_for(&switch, "20 samples", |all| all.flow_samples().len() == 20);
        switch.commands(&["polling 1"]);
        let told = |switch: &Switch| switch.show().value("samples", "counter");
        wait_until("two rounds of counters", || (told(&switch) >= 8).then_some(()));
        assert_eq!(switch.show().value("polling", "seconds"), 1);
        switch.commands(&["polling 0"]);
        let before = told(&switch);
        // At least two intervals by the clock of the switch, as shown by the uptime of its
        // datagrams.
        switch.commands(&["sampling 2 1"]);
        let (mut collected, mut begin) = (Collected::default(), None);
        wait_until("two seconds", || {
            switch.send(2, &frame(mac(1), mac(2), &[], 60));
            collected.take(&switch);
            let uptime = collected.datagrams().last()?.uptime;
            let begin = *begin.get_or_insert(uptime);
            (uptime.wrapping_sub(begin) > 2100).then_some(())
        });
        assert_eq!(told(&switch), before, "off");
        // A collector that does not exist: the first one no longer receives datagrams.
        switch.commands(&["collector 192.0.2.98"]);
        assert_eq!(switch.show().line("collector"), "collector 192.0.2.98 not found yet");
        let sent = switch.show().value("datagrams", "sent");
        for _ in 0..20 {
            switch.send(2, &frame(mac(1), mac(2), &[], 60));
        }
        wait_until("a loss", || (switch.show().value("datagrams", "lost") > 0).then_some(()));
        assert_eq!(switch.show().value("datagrams", "sent"), sent);
    }
}
