//! What a computer is: a conclusion from many readings, with the readings it rests on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::quantity::Count;

/// The kind with the most weight, how sure that is, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KindVerdict {
    pub kind: DeviceKind,
    pub certainty: Certainty,
    /// Every sign that was seen, those for another kind included; the heaviest first.
    pub reasons: Vec<KindReason>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeviceKind {
    Laptop,
    Desktop,
    AllInOne,
    /// A computer that is pushed into an interactive panel, or works only with one.
    PanelComputer,
    /// An interactive panel that runs the agent itself.
    Panel,
    Server,
    /// A guest of a hypervisor.
    Virtual,
    #[serde(other)]
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// Several signs agree and nothing of weight speaks against them.
    Certain,
    Likely,
    /// Little speaks for it, or as much for another kind: people should look.
    Uncertain,
    #[serde(other)]
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KindReason {
    pub sign: KindSign,
    pub speaks_for: DeviceKind,
    pub weight: Count,
}

/// One thing that was seen. What each weighs is the agent's rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KindSign {
    /// Firmware names a hypervisor as the computer's maker.
    HypervisorInFirmware,
    /// The kernel can use a hypervisor's clock.
    HypervisorClock,
    /// The processor says that a hypervisor is there.
    HypervisorFlag,
    /// All disks are given by a hypervisor.
    VirtualDisks,
    Battery,
    /// Only firmware's table lists a battery.
    BatteryInFirmware,
    LidSwitch,
    /// A built-in screen of less than 19 inches, or of unknown size.
    SmallBuiltInScreen,
    PortableChassis,
    PortableName,
    DesktopChassis,
    TowerChassis,
    /// Modules of full length: notebooks and panels take short ones.
    FullLengthMemory,
    /// Neither a battery nor a built-in screen, though both were looked for.
    NoBatteryNoScreen,
    AllInOneChassis,
    AllInOneName,
    /// A built-in screen of 19 to 40 inches.
    WideBuiltInScreen,
    BuiltInScreenWithoutBattery,
    /// The name of a module for panels: OPS, SDM.
    PluggableName,
    /// A screen of more than 40 inches, on a cable or a panel's own connector, that is touched.
    LargeTouchScreen,
    /// The same without touch: it may be a television.
    LargeScreen,
    PanelName,
    LargeBuiltInScreen,
    ServerChassis,
    ServerName,
    /// A controller by which the computer is managed from afar (SMBIOS type 38).
    ManagementController,
    SeveralProcessors,
    ErrorCorrectingMemory,
    #[serde(other)]
    Other,
}
