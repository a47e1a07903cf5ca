//! Resources of applications, as their clients read them.

use flowmote_lab::wait_until;
use serde_json::Value;

use crate::client::Server;
use crate::traffic::{AGENT, DST, PORT, PORT_NAME, SRC, Traffic};

#[test]
fn trend_of_the_largest_flows_has_a_point_each_second() {
    let server = Server::start(&[]);
    let _traffic = Traffic::to(server.sflow);
    for app in ["flow-trend", "browse-flows"] {
        let url = format!("/app/{app}/scripts/top.js/flows/json");
        let trend = format!("{url}?keys=ipsource,ipdestination&value=bytes");
        // The first reply has a point too: clients read the last one.
        assert!(server.json(&trend)["trend"]["times"][0].is_u64());
        let key = format!("{SRC}_SEP_{DST}");
        let reply = wait_until("points with the flow", || {
            let reply = server.json(&trend);
            let points = reply["trend"]["trends"]["topn"].as_array()?;
            let filled = points.iter().filter(|it| it[&key].as_f64() > Some(0.0)).count();
            (filled >= 2).then_some(reply)
        });
        let times = reply["trend"]["times"].as_array().unwrap();
        assert_eq!(times.len(), reply["trend"]["trends"]["topn"].as_array().unwrap().len());
        assert!(times.is_sorted_by_key(|time| time.as_u64()), "{times:?}");
        let last = times.last().and_then(Value::as_u64).unwrap();
        let after = server.json(&format!("{trend}&after={}", last - 1));
        assert_eq!(after["trend"]["times"][0], last);
        for missing in ["?keys=ipsource", "?value=bytes", "?keys=nosuchkey&value=bytes"] {
            server.get(&format!("{url}{missing}")).fails(400);
        }
    }
}

#[test]
fn dashboard_of_mininet_is_in_bits_per_second() {
    let server = Server::start(&[]);
    let _traffic = Traffic::to(server.sflow);
    server.put("/topology/json", "{links:{l:{node1:'a',port1:'1',node2:'b',port2:'2'}}}");
    let key = format!("{SRC},{DST},6,50000,443");
    server.put("/flow/same/json", "{keys:'ipsource',value:'bytes'}");
    let metrics = "/app/mininet-dashboard/scripts/metrics.js/metric/json";
    let reply = wait_until("flow and interface", || {
        let reply = server.json(metrics);
        let complete = reply["top-5-flows"][&key].is_f64()
            && reply["top-5-interfaces"][PORT_NAME].as_f64() > Some(0.0)
            && reply["top-5-protocols"]["eth.ip.tcp"].is_f64();
        complete.then_some(reply)
    });
    assert_eq!(reply["diameter"], 1);
    let (bits, bytes) = wait_until("steady values", || {
        let bits = server.json(metrics)["top-5-flows"][&key].as_f64()?;
        let bytes = server.json("/activeflows/ALL/same/json")[0]["value"].as_f64()?;
        ((bits / bytes / 8.0 - 1.0).abs() < 0.2).then_some((bits, bytes))
    });
    assert!(bits > bytes);
    let trend = server.json("/app/mininet-dashboard/scripts/metrics.js/trend/json?after=0");
    assert_eq!(trend["trend"]["trends"]["diameter"][0], 1);
}

#[test]
fn presets_are_defined_by_an_option() {
    assert_eq!(Server::start(&[]).get("/activeflows/ALL/mn_flow/json").status, 404);
    let server = Server::start(&["--presets"]);
    let _traffic = Traffic::to(server.sflow);
    let flow = wait_until("a flow", || {
        server.json("/activeflows/ALL/mn_flow/json?aggMode=avg").get(0).cloned()
    });
    assert_eq!(flow["key"], format!("{SRC},{DST},6,50000,443"));
    assert_eq!((&flow["agent"], &flow["dataSource"]), (&AGENT.into(), &PORT.to_string().into()));
    assert_eq!(server.json("/activeflows/ALL/mn_bytes/json")[0]["key"], "");
}

#[test]
fn exchange_point_has_members_by_mac_address() {
    let server = Server::start(&[]);
    let _traffic = Traffic::to(server.sflow);
    let map = "{'64500 Left':['0200000000A1'],'64501 Right Side':['0200000000B2']}";
    server.put("/map/ixp/json", map);
    let peering = "sflow_ixp_peering_bps{src_asn=\"64500\",src_name=\"Left\",\
                   dst_asn=\"64501\",dst_name=\"Right Side\"} ";
    let body = wait_until("all series", || {
        let body = server.get("/app/ixp-metrics/scripts/metrics.js/prometheus/txt").body;
        let complete = [peering, "sflow_ixp_bps{ethtype=\"0x0800\"} "].map(|it| body.contains(it));
        let counted = !body.contains("sflow_ixp_bps_total{direction=\"in\"} 0\n");
        let sized = !body.contains("sflow_ixp_pktdist{bin=\"4\",size=\"512-1023\"} 0\n");
        (complete == [true, true] && counted && sized).then_some(body)
    });
    assert!(body.contains("sflow_ixp_pktdist{bin=\"0\",size=\"0-64\"} 0\n"), "{body}");
    assert!(body.contains("sflow_ixp_bgp_connections 0\n"), "{body}");
}
