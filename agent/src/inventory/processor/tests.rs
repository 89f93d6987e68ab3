use proptest::prelude::*;

use super::cpuinfo::rate_in_name;
use super::*;

const X86: &str = "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz\nphysical id\t: 0\ncore id\t\t: 0\nflags\t\t: fpu hypervisor sse\n\nprocessor\t: 1\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz\nphysical id\t: 0\ncore id\t\t: 0\n\n";

fn logical(number: u32, package: i64, siblings: &str) -> LogicalProcessor {
    LogicalProcessor {
        number,
        package: Some(package),
        core: Some(0),
        siblings: Some(siblings.to_owned()),
        ..LogicalProcessor::default()
    }
}

fn of_cpuinfo(text: &str) -> Processors {
    processors(&CpuInfo::read(text), &Topology::default(), None)
}

fn of_topology(text: &str, online: &[LogicalProcessor]) -> Processors {
    let topology = Topology {
        online: online.to_vec(),
        ..Topology::default()
    };
    processors(&CpuInfo::read(text), &topology, None)
}

fn figures(processor: &Processor) -> (u64, u64) {
    (
        processor.cores.as_ref().unwrap().value.get(),
        processor.threads.as_ref().unwrap().value.get(),
    )
}

fn model(processor: &Processor) -> &str {
    processor.model.as_ref().unwrap().value.as_str()
}

fn maker(processor: &Processor) -> &str {
    processor.maker.as_ref().unwrap().value.as_str()
}

fn megahertz(rate: &Option<Fact<Megahertz>>) -> Option<u64> {
    rate.as_ref().map(|rate| rate.value.get())
}

#[test]
fn cpuinfo_alone_is_enough() {
    let found = of_cpuinfo(X86);
    assert_eq!(found.processors.len(), 1);
    let processor = &found.processors[0];
    assert_eq!(model(processor), "Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz");
    assert_eq!(
        (megahertz(&processor.max_clock), megahertz(&processor.base_clock)),
        (Some(1600), Some(1600))
    );
    assert_eq!(figures(processor), (1, 2));
    assert_eq!(found.packages.unwrap().value.get(), 1);
    assert!(CpuInfo::read(X86).is_virtual());
}

#[test]
fn threads_of_one_core_are_siblings_and_the_kernels_rates_are_preferred() {
    let mut topology = vec![
        logical(0, 0, "0,2"),
        logical(1, 0, "1,3"),
        logical(2, 0, "0,2"),
        logical(3, 0, "1,3"),
        logical(4, 1, "4"),
    ];
    topology[1].max_kilohertz = Some(3_400_000);
    topology[0].min_kilohertz = Some(400_000);
    topology[0].base_kilohertz = Some(1_800_000);
    let found = of_topology(X86, &topology);
    assert_eq!(found.processors.iter().map(figures).collect::<Vec<_>>(), [(2, 4), (1, 1)]);
    let first = &found.processors[0];
    assert_eq!(megahertz(&first.max_clock), Some(3400));
    assert_eq!((megahertz(&first.base_clock), megahertz(&first.min_clock)), (Some(1800), Some(400)));
    assert_eq!(found.packages.unwrap().value.get(), 2);
}

#[test]
fn the_economical_cores_of_a_hybrid_are_counted_and_switched_off_ones_are_said() {
    let topology = Topology {
        online: vec![logical(0, 0, "0-1"), logical(1, 0, "0-1"), logical(2, 0, "2"), logical(3, 0, "3")],
        offline: 2,
        efficient: "2-3\n".to_owned(),
        ..Topology::default()
    };
    let found = processors(&CpuInfo::read(X86), &topology, None);
    assert_eq!(figures(&found.processors[0]), (3, 4));
    assert_eq!(found.processors[0].efficient_cores.as_ref().unwrap().value.get(), 2);
    assert_eq!(found.offline.unwrap().value.get(), 2);
    assert_eq!(of_topology(X86, &[logical(0, 0, "0")]).offline, None);
}

#[test]
fn kinds_of_arm_cores_are_told_apart_and_clusters_are_no_sockets() {
    let text = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd03\n\nprocessor\t: 1\nCPU implementer\t: 0x41\nCPU part\t: 0xd08\n\nHardware\t: Rockchip\n";
    // Core numbers repeat in each cluster; an old kernel calls clusters packages.
    let cluster = |number, package| LogicalProcessor {
        siblings: None,
        ..logical(number, package, "")
    };
    let topology = Topology {
        online: vec![cluster(0, 0), cluster(1, 1)],
        device_tree_only: true,
        compatible: "tronsmart,orion-r68-meta\0rockchip,rk3399\0".to_owned(),
        ..Topology::default()
    };
    let found = processors(&CpuInfo::read(text), &topology, None);
    assert_eq!(found.processors.iter().map(model).collect::<Vec<_>>(), ["Cortex-A53", "Cortex-A72"]);
    assert_eq!(maker(&found.processors[0]), "ARM");
    assert_eq!(found.packages.unwrap().value.get(), 1);
    let chip = found.chip.unwrap();
    assert_eq!((chip.value.as_str(), chip.source), ("rockchip,rk3399", Source::DeviceTree));
    let equal =
        "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd03\n\nprocessor\t: 1\nCPU implementer\t: 0x41\nCPU part\t: 0xd03\n";
    let found = processors(&CpuInfo::read(equal), &topology, None).processors;
    assert_eq!(
        found.iter().map(figures).collect::<Vec<_>>(),
        [(2, 2)],
        "eight equal cores in two clusters"
    );
    // A server with ACPI means what it says.
    let server = of_topology(equal, &topology.online);
    assert_eq!(server.packages.unwrap().value.get(), 2);
}

#[test]
fn old_arm_kernels_and_nameless_processors_are_tolerated() {
    let old = "Processor\t: ARMv7 Processor rev 4 (v7l)\nprocessor\t: 0\nBogoMIPS\t: 1694\n\nprocessor\t: 1\n\nCPU implementer\t: 0x41\nCPU part\t: 0xc0f\n";
    let found = of_cpuinfo(old).processors;
    assert_eq!((model(&found[0]), figures(&found[0])), ("Cortex-A15", (2, 2)));
    assert_eq!(of_cpuinfo("processor : 0\nmodel name : -\n").processors[0].model, None);
    assert_eq!(of_cpuinfo(""), Processors::default());
}

#[test]
fn loongarch_is_read_by_its_own_words() {
    let text = "system type\t\t: generic-loongson-machine\n\nprocessor\t\t: 0\npackage\t\t\t: 0\ncore\t\t\t: 0\nCPU Family\t\t: Loongson-64bit\nModel Name\t\t: Loongson-3A5000-HV\nCPU MHz\t\t\t: 2500.00\n\nprocessor\t\t: 1\npackage\t\t\t: 0\ncore\t\t\t: 1\nCPU Family\t\t: Loongson-64bit\nModel Name\t\t: Loongson-3A5000-HV\nCPU MHz\t\t\t: 2500.00\n";
    let found = of_cpuinfo(text).processors;
    assert_eq!((model(&found[0]), maker(&found[0])), ("Loongson-3A5000-HV", "Loongson"));
    assert_eq!((figures(&found[0]), megahertz(&found[0].base_clock)), ((2, 2), Some(2500)));
}

#[test]
fn risc_v_without_a_name_is_known_by_its_design() {
    let of = |lines: &str| {
        of_cpuinfo(&format!("processor\t: 0\nhart\t\t: 1\nisa\t\t: rv64imafdc\nmmu\t\t: sv39\n{lines}")).processors[0].clone()
    };
    let named = of("uarch\t\t: sifive,u74-mc\nmvendorid\t: 0x489\n");
    assert_eq!((model(&named), maker(&named)), ("sifive,u74-mc", "SiFive"));
    let nameless = of("model name\t: -\nuarch\t\t: thead,c920\n");
    assert_eq!(model(&nameless), "thead,c920");
    let bare = of("");
    assert_eq!((bare.model.as_ref(), bare.maker.as_ref(), figures(&bare)), (None, None, (1, 1)));
}

#[test]
fn elbrus_is_named_as_it_is_sold() {
    let text = "processor\t: 0\nvendor_id\t: E8C-SWTX\ncpu family\t: 4\nmodel\t\t: 7\nmodel name\t: E8C\ncpu MHz\t\t: 1299.00\n\n";
    let found = of_cpuinfo(text).processors;
    assert_eq!((model(&found[0]), maker(&found[0])), ("Elbrus-8C (E8C)", "MCST"));
    assert_eq!(megahertz(&found[0].max_clock), Some(1299));
}

#[test]
fn the_rate_in_a_name_is_read_exactly() {
    let rate = |name: &str| rate_in_name(name).map(Megahertz::get);
    assert_eq!(rate("CPU @ 2.40GHz"), Some(2400));
    assert_eq!(rate("CPU @ 3GHz"), Some(3000));
    assert_eq!(rate("CPU @ 800MHz"), Some(800));
    assert_eq!(rate("AMD Ryzen 5 3500U"), None);
    assert_eq!(rate("CPU @ fast GHz"), None);
}

#[test]
fn ranges_are_counted_without_being_listed() {
    assert_eq!(Ranges::read("0-3,8\n").count(), 5);
    assert_eq!(Ranges::read("").count(), 0);
    assert_eq!(Ranges::read("0-4294967295,7-3,x").count(), 1 << 32);
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_fail(text in any::<String>(), key in "(processor|Processor|cpu part|model name|cpu MHz)", value in "[0-9@.x GMHz]{0,12}") {
        for text in [text.clone(), format!("{key}: {value}\n{text}"), format!("processor: 0\n{key}\t: a@{value}GHz")] {
            let _ = of_cpuinfo(&text);
        }
        let _ = (Ranges::read(&text).count(), chip(&text));
    }
}
