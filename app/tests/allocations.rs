//! An operation that is not chosen allocates nothing, whatever is set in it.

use flowmote_app::{Application, Status};

#[test]
fn operation_that_is_not_chosen_allocates_nothing() {
    let app = Application::new("shop");
    let user = "mary".to_owned();
    let mut chosen = 0;
    for number in 0..10_000_u64 {
        let mut is_sampled = false;
        let allocations = allocation_counter::measure(|| {
            let mut operation = app.operation(format_args!("buy {number}"));
            operation.attributes(format_args!("id={number}")).initiator(&user);
            operation.parent("web", "GET", number).request_bytes(number).description("well");
            is_sampled = operation.is_sampled();
            operation.finish(Status::Success);
        });
        assert_eq!(allocations.count_total > 0, is_sampled, "operation {number}");
        chosen += u32::from(is_sampled);
    }
    // 1 in 400: without an agent, and with one that has no other rate for this name.
    assert!((1..1000).contains(&chosen), "{chosen}");
}
