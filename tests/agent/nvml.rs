//! Counters of GPUs (`nvml { }`), by a library of the test in place of NVIDIA's.

use std::path::PathBuf;
use std::process::Command;

use flowmote_decoder::counter::NvidiaGpu;
use flowmote_lab::net::{Agent, Capture, Checked, Collector, Lab, Namespace, flowmote};
use flowmote_lab::{skip, wait_until};

/// Two devices. The energy of the first passes 2^32 mJ at the second poll; the second one is of a kind
/// that has no fan, no ECC and no samples, and reports its power instead of its energy.
const LIBRARY: &str = r#"
typedef unsigned u; typedef unsigned long long ull; typedef struct { int number; ull energy; } dev;
static dev devices[2] = {{0, 4294967000ull}, {1, 0}};
int nvmlInit_v2(void) { return 0; }
int nvmlDeviceGetCount_v2(u *n) { *n = 2; return 0; }
int nvmlDeviceGetHandleByIndex_v2(u i, dev **d) { *d = &devices[i]; return 0; }
int nvmlDeviceGetMemoryInfo(dev *d, ull *m) { m[0] = 16ull << 30; m[1] = 10ull << 30; m[2] = 6ull << 30; return 0; }
int nvmlDeviceGetComputeRunningProcesses_v3(dev *d, u *n, void *p) { *n = 3; return p ? 0 : 7; }
int nvmlDeviceGetTotalEnergyConsumption(dev *d, ull *e) {
    if (d->number) return 3;
    *e = d->energy; d->energy += 1000; return 0;
}
int nvmlDeviceGetPowerUsage(dev *d, u *p) { *p = 0; return 0; }
int nvmlDeviceGetTotalEccErrors(dev *d, u type, u counter, ull *n) {
    if (d->number || counter) return 3;
    *n = type ? 2 : 5; return 0;
}
int nvmlDeviceGetTemperature(dev *d, u sensor, u *t) { *t = 50 + 11 * d->number; return 0; }
int nvmlDeviceGetFanSpeed(dev *d, u *s) { *s = 30; return d->number ? 3 : 0; }
int nvmlDeviceGetUtilizationRates(dev *d, u *r) { r[0] = 100; r[1] = 0; return 0; }
int nvmlDeviceGetSamples(dev *d, u type, ull since, u *kind, u *n, void *to) {
    struct { ull time; ull value; } *s = to;
    if (d->number) return 3;
    *kind = 1; *n = 2;
    s[0].time = since + 1; s[0].value = type == 1 ? 100 : 0;
    s[1].time = since + 2; s[1].value = 0;
    return 0;
}
"#;

/// The folder of the library; `None` without a compiler.
fn library(lab: &Lab) -> Option<PathBuf> {
    let source = lab.file("nvml.c", LIBRARY);
    let folder = lab.path().join("lib");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(folder.join("libnvidia-ml.so.1")).arg(source);
    match compiler.status() {
        Ok(status) => assert!(status.success()),
        Err(error) => {
            skip(&format!("cc: {error}"));
            return None;
        }
    }
    Some(folder)
}

const CONFIG: &str =
    "sflow { agent.cidr = 127.0.0.0/8 polling = 1 collector { ip = 127.0.0.1 } nvml { } }";

fn records(capture: &Capture) -> Vec<NvidiaGpu> {
    let samples = capture.counters_of(2, 1).into_iter();
    samples
        .flat_map(|sample| sample.records().flatten().filter_map(|record| record.read()))
        .collect()
}

fn lab() -> Option<(Lab, Namespace)> {
    let lab = Lab::open()?;
    let host = lab.namespace();
    Some((lab, host))
}

#[test]
fn gpus_of_the_host_are_one_record() {
    let Some((lab, host)) = lab() else { return };
    let Some(folder) = library(&lab) else { return };
    let path = lab.file("flowmote.conf", CONFIG);
    let command = |verb: &str| {
        let mut command = host.command(flowmote());
        command.args([verb, "--config"]).arg(&path).env("LD_LIBRARY_PATH", &folder);
        command
    };
    let output = command("check").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("nvml            2 GPUs"), "{text}");
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start_command(&lab, command("run"));
    let found = wait_until("four polls", || {
        let records = records(&collector.so_far());
        (records.len() >= 4).then_some(records)
    });
    for (number, gpu) in found.iter().enumerate() {
        assert_eq!((gpu.device_count, gpu.processes, gpu.ecc_errors), (2, 6, 7));
        assert_eq!((gpu.mem_total, gpu.mem_free), (32 << 30, 20 << 30));
        assert_eq!((gpu.temperature, gpu.fan_speed), (61, 30));
        let energy = 4_294_967_000_u64 + 1000 * number as u64;
        assert_eq!(gpu.energy, energy as u32, "modulo 2^32");
        assert_eq!(gpu.mem_time, 0);
    }
    // One device is busy half of the time and the other one always. Three intervals of a second, of
    // which none is shorter; a machine under load may make them longer.
    let busy = found[3].gpu_time - found[0].gpu_time;
    assert!((4400..60_000).contains(&busy), "{busy} ms");
    let log = agent.stop();
    assert!(log.contains("nvml: counters of 2 GPUs"), "{log}");
    collector.finish().check();
}

#[test]
fn missing_library_is_reported_and_costs_nothing_else() {
    let Some((lab, host)) = lab() else { return };
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start_with(&lab, &host, CONFIG);
    let line = "nvml: libnvidia-ml.so.1: cannot open shared object file";
    agent.program().wait_for_line(0, line);
    collector.wait_for("host counters", |capture| capture.counters_of(2, 1).len() > 2);
    let statistics = agent.statistics(1);
    assert!(statistics.contains("polls without counters of GPUs"), "{statistics}");
    assert_eq!(agent.stop().matches(line).count(), 1);
    let capture = collector.finish();
    assert!(records(&capture).is_empty());
    capture.check();
    let checked = Checked::of(&lab, &host, CONFIG);
    assert!(!checked.passes && checked.problems.contains(line), "{checked:?}");
}
