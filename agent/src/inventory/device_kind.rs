//! What this computer is: laptop, desktop, all-in-one, panel computer, panel, server or virtual machine.
//!
//! No single reading decides: all-in-ones of one maker call themselves «Desktop», computers for panels too, and
//! 12 % of Russian-brand notebooks. So every sign that was seen speaks for a kind with a weight, the heaviest
//! kind wins, and what was seen is told with the answer. How sure it is follows from the distance to the second.
//!
//! Pure: [`Signs`] in, [`KindVerdict`] out. Which signs the sections hold is known by [`evidence`]. A technician
//! may overrule the answer at the controller; the agent knows nothing of that.

pub mod evidence;
mod names;

use std::collections::{BTreeMap, BTreeSet};

use inventory_schema::inventory::{Certainty, DeviceKind, KindReason, KindSign, KindVerdict};
use inventory_schema::quantity::Count;

/// What was seen.
pub type Signs = BTreeSet<KindSign>;

/// For which kind a sign speaks, and how much. Signs that only the kind itself can give weigh most; what
/// makers copy from board to board weighs least.
const fn weight(sign: KindSign) -> (DeviceKind, u64) {
    use DeviceKind::{AllInOne, Desktop, Laptop, Other, Panel, PanelComputer, Server, Virtual};
    match sign {
        KindSign::HypervisorInFirmware => (Virtual, 120),
        KindSign::HypervisorClock => (Virtual, 70),
        // Also set where a computer runs its own system above a hypervisor.
        KindSign::HypervisorFlag => (Virtual, 45),
        KindSign::VirtualDisks => (Virtual, 40),
        KindSign::Battery => (Laptop, 40),
        KindSign::BatteryInFirmware => (Laptop, 20),
        KindSign::LidSwitch => (Laptop, 25),
        KindSign::SmallBuiltInScreen => (Laptop, 30),
        KindSign::PortableChassis => (Laptop, 35),
        KindSign::PortableName => (Laptop, 25),
        KindSign::DesktopChassis => (Desktop, 20),
        KindSign::TowerChassis => (Desktop, 35),
        KindSign::FullLengthMemory => (Desktop, 20),
        KindSign::NoBatteryNoScreen => (Desktop, 20),
        KindSign::AllInOneChassis => (AllInOne, 50),
        KindSign::AllInOneName => (AllInOne, 50),
        KindSign::WideBuiltInScreen => (AllInOne, 45),
        KindSign::BuiltInScreenWithoutBattery => (AllInOne, 20),
        KindSign::PluggableName => (PanelComputer, 60),
        KindSign::LargeTouchScreen => (PanelComputer, 50),
        KindSign::LargeScreen => (PanelComputer, 15),
        KindSign::PanelName => (Panel, 30),
        KindSign::LargeBuiltInScreen => (Panel, 70),
        KindSign::ServerChassis => (Server, 50),
        KindSign::ServerName => (Server, 40),
        KindSign::ManagementController => (Server, 40),
        KindSign::SeveralProcessors => (Server, 30),
        KindSign::ErrorCorrectingMemory => (Server, 20),
        KindSign::Other => (Other, 0),
    }
}

/// Below this nothing is said at all.
const LEAST: u64 = 20;
/// From here on, and so far before the next kind, an answer is certain.
const CERTAIN: (u64, u64) = (70, 35);
/// The same for a likely one.
const LIKELY: (u64, u64) = (40, 15);

/// `None` where too little was seen to say anything.
pub fn judge(signs: &Signs) -> Option<KindVerdict> {
    let mut sums: BTreeMap<DeviceKind, u64> = BTreeMap::new();
    for (kind, points) in signs.iter().map(|sign| weight(*sign)) {
        *sums.entry(kind).or_default() += points;
    }
    let mut ranking: Vec<(DeviceKind, u64)> = sums.into_iter().collect();
    // Stable: of equal sums the kind named first stands, and the answer says that it is uncertain.
    ranking.sort_by_key(|(_, sum)| std::cmp::Reverse(*sum));
    let (kind, best) = *ranking.first().filter(|(_, sum)| *sum >= LEAST)?;
    let second = ranking.get(1).map_or(0, |(_, sum)| *sum);
    Some(KindVerdict {
        kind,
        certainty: certainty(best, best - second),
        reasons: reasons(signs),
    })
}

fn certainty(sum: u64, lead: u64) -> Certainty {
    let reaches = |(least, least_lead): (u64, u64)| sum >= least && lead >= least_lead;
    if reaches(CERTAIN) {
        Certainty::Certain
    } else if reaches(LIKELY) {
        Certainty::Likely
    } else {
        Certainty::Uncertain
    }
}

fn reasons(signs: &Signs) -> Vec<KindReason> {
    let reason = |sign: &KindSign| {
        let (speaks_for, points) = weight(*sign);
        KindReason {
            sign: *sign,
            speaks_for,
            weight: Count::saturating(points),
        }
    };
    let mut reasons: Vec<KindReason> = signs.iter().map(reason).collect();
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.weight));
    reasons
}

#[cfg(test)]
mod tests {
    use KindSign::{
        AllInOneName, Battery, BatteryInFirmware, BuiltInScreenWithoutBattery, DesktopChassis, ErrorCorrectingMemory, FullLengthMemory,
        HypervisorClock, HypervisorFlag, HypervisorInFirmware, LargeBuiltInScreen, LargeScreen, LargeTouchScreen, ManagementController,
        NoBatteryNoScreen, PanelName, PluggableName, PortableChassis, ServerChassis, SmallBuiltInScreen, TowerChassis, VirtualDisks,
        WideBuiltInScreen,
    };

    use super::*;

    fn of(signs: &[KindSign]) -> Option<(DeviceKind, Certainty)> {
        let verdict = judge(&signs.iter().copied().collect())?;
        Some((verdict.kind, verdict.certainty))
    }

    #[test]
    fn usual_computers_are_certain() {
        let usual: [(&[KindSign], DeviceKind); 6] = [
            (&[Battery, SmallBuiltInScreen, PortableChassis], DeviceKind::Laptop),
            (&[TowerChassis, FullLengthMemory, NoBatteryNoScreen], DeviceKind::Desktop),
            (&[HypervisorInFirmware, DesktopChassis, VirtualDisks], DeviceKind::Virtual),
            (
                &[ServerChassis, ErrorCorrectingMemory, ManagementController, FullLengthMemory],
                DeviceKind::Server,
            ),
            (&[PluggableName, LargeTouchScreen, DesktopChassis], DeviceKind::PanelComputer),
            (&[LargeBuiltInScreen, PanelName, BuiltInScreenWithoutBattery], DeviceKind::Panel),
        ];
        for (signs, kind) in usual {
            assert_eq!(of(signs), Some((kind, Certainty::Certain)), "{signs:?}");
        }
    }

    #[test]
    fn a_chassis_that_lies_is_outweighed() {
        assert_eq!(of(&[DesktopChassis, Battery, SmallBuiltInScreen]).unwrap().0, DeviceKind::Laptop);
        assert_eq!(
            of(&[DesktopChassis, WideBuiltInScreen, BuiltInScreenWithoutBattery]).unwrap().0,
            DeviceKind::AllInOne
        );
        assert_eq!(of(&[DesktopChassis, AllInOneName]).unwrap().0, DeviceKind::AllInOne);
        assert_eq!(of(&[DesktopChassis, LargeTouchScreen]).unwrap().0, DeviceKind::PanelComputer);
    }

    #[test]
    fn a_chassis_alone_is_never_enough() {
        assert_eq!(of(&[DesktopChassis]), Some((DeviceKind::Desktop, Certainty::Uncertain)));
        assert_eq!(of(&[PortableChassis]), Some((DeviceKind::Laptop, Certainty::Uncertain)));
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[LargeScreen]), None);
    }

    #[test]
    fn a_tower_with_a_panel_on_its_cable_stays_a_desktop() {
        let tower = of(&[TowerChassis, FullLengthMemory, NoBatteryNoScreen, LargeTouchScreen]).unwrap();
        assert_eq!(tower, (DeviceKind::Desktop, Certainty::Likely));
    }

    #[test]
    fn a_laptop_that_hosts_guests_is_no_guest() {
        let signs = [
            HypervisorClock,
            HypervisorFlag,
            Battery,
            SmallBuiltInScreen,
            PortableChassis,
            KindSign::LidSwitch,
        ];
        assert_eq!(of(&signs).unwrap().0, DeviceKind::Laptop);
        assert_eq!(
            of(&[HypervisorFlag, VirtualDisks]).unwrap(),
            (DeviceKind::Virtual, Certainty::Certain)
        );
    }

    #[test]
    fn every_sign_has_a_reason_and_the_heaviest_stands_first() {
        let signs: Signs = [DesktopChassis, Battery, BatteryInFirmware].into();
        let verdict = judge(&signs).unwrap();
        let told: Vec<_> = verdict.reasons.iter().map(|reason| (reason.sign, reason.speaks_for)).collect();
        assert_eq!(
            told,
            [
                (Battery, DeviceKind::Laptop),
                (BatteryInFirmware, DeviceKind::Laptop),
                (DesktopChassis, DeviceKind::Desktop)
            ]
        );
    }
}
