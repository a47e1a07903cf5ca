//! Applications that name their metrics and flows themselves: `rtmetric` and `rtflow`.

use flowmote_core::{DatagramBuilder, FlowValue, MetricValue, RtFlow, RtMetric};
use flowmote_lab::wait_until;
use serde_json::json;

use crate::client::Server;
use crate::traffic::{AGENT, INTERVAL, Traffic, head};

/// A datagram of two applications on one agent, each with the metric `load` and a flow.
fn applications(number: u32) -> Vec<u8> {
    let mut buffer = [0; 1400];
    let mut datagram = DatagramBuilder::new(&mut buffer, head(AGENT));
    for (datasource, load) in [("shop", 1), ("mail", 2)] {
        let metrics = [
            ("load", MetricValue::Gauge32(load)),
            ("jobs", MetricValue::Counter32(number * load)),
            ("mode", MetricValue::String(datasource)),
        ];
        datagram.rt_metric(&RtMetric { datasource, metrics: &metrics }).expect("room");
        let fields = [("user", FlowValue::String(datasource)), ("size", FlowValue::Int32(100))];
        let flow = RtFlow { datasource, sampling_rate: 10, sample_pool: 0, fields: &fields };
        datagram.rt_flow(&flow).expect("room");
    }
    datagram.finish(number + 1, number * INTERVAL.as_millis() as u32).to_vec()
}

fn traffic(server: &Server) -> Traffic {
    Traffic::of(server.sflow, |number| vec![applications(number)])
}

#[test]
fn metrics_of_applications_stay_apart() {
    let server = Server::start(&[]);
    let _traffic = traffic(&server);
    let all = wait_until("rates of both", || {
        let all = server.json(&format!("/metric/{AGENT}/json"));
        all["mail.jobs"].is_number().then_some(all)
    });
    for (application, load) in [("shop", 1.0), ("mail", 2.0)] {
        assert_eq!(all[format!("{application}.load")], load, "{all}");
        assert_eq!(all[format!("{application}.mode")], application, "{all}");
        let pinned = server.json(&format!("/metric/ALL/{application}.load/json"));
        assert_eq!(pinned[0]["metricValue"], load);
        assert_eq!(
            (&pinned[0]["dataSource"], &pinned[0]["metricN"]),
            (&application.into(), &1.into())
        );
    }
    let sum = server.json("/metric/ALL/sum:load,other.load/json");
    assert_eq!((&sum[0]["metricValue"], &sum[1]["metricN"]), (&3.0.into(), &0.into()));
    let cells = server.json("/dump/ALL/load/json");
    assert_eq!([&cells[0]["dataSource"], &cells[1]["dataSource"]], ["shop", "mail"]);
    let row = server.json("/table/ALL/mode,load,sort:load:-1/json")[0].clone();
    assert_eq!((&row[0]["metricValue"], &row[1]["metricValue"]), (&"mail".into(), &2.0.into()));
    let text = server.get("/prometheus/metrics/ALL/load/txt").body;
    assert!(text.contains("sflow_load{agent=\"192.0.2.1\",datasource=\"mail\","), "{text}");
}

#[test]
fn flows_of_applications_are_found_by_their_attributes() {
    let server = Server::start(&[]);
    server.put("/flow/users/json", "{keys:'datasource,rtflow:user',value:'requests',counter:true}");
    server.put("/flow/sizes/json", "{value:'rtflow:size',filter:'datasource=mail'}");
    server.put("/threshold/busy/json", "{metric:'users',value:1,byFlow:true,plain:true}");
    let _traffic = traffic(&server);
    let key = |server: &Server, path: &str| server.json(path)[0]["key"].clone();
    let find = "/flowlocations/ALL/users/json?key=mail,mail";
    wait_until("a flow", || (key(&server, find) == "mail,mail").then_some(()));
    for path in [find, "/activeflows/ALL/users/json", "/api/v1/flows/users"] {
        let flow = server.json(path)[0].clone();
        assert_eq!(flow["key"], format!("{0},{0}", flow["dataSource"].as_str().unwrap()), "{path}");
    }
    let size = server.json("/activeflows/ALL/sizes/json")[0].clone();
    assert_eq!((&size["dataSource"], &size["value"]), (&"mail".into(), &100.0.into()));
    let events = wait_until("two events", || {
        let events = server.json("/events/json");
        events[1].is_object().then_some(events)
    });
    let mut sources = [0, 1].map(|at| events[at]["dataSource"].as_str());
    sources.sort();
    assert_eq!(sources, ["mail", "shop"].map(Some));
    // The list of keys has the names with which definitions find the attributes.
    let keys = server.json("/flowkeys/json");
    assert!(["rtflow:user", "rtflow:size"].iter().all(|key| keys[key].is_u64()), "{keys}");
    let top = server.json("/metric/ALL/mail.users/json")[0]["topKeys"].clone();
    assert_eq!((&top[0]["key"], &top[1]), (&"mail,mail".into(), &json!(null)));
    let counters = server.get("/metrics/flows/users").body;
    assert!(counters.contains("datasource=\"mail\""), "{counters}");
    let past = server.json("/api/v1/flows?keys=rtflow:user&value=requests&filter=datasource=shop");
    assert_eq!(past["flows"][0]["dataSource"], "shop", "{past}");
}
