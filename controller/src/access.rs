//! Who may do what to which part of the region's tree.
//!
//! A role is a set of rights, a scope is a part of the tree. Rights are decided here, by one table without
//! IO; `router.rs` enforces them before a handler runs. Scopes are enforced in the store's statements, so that
//! what lies outside one's part is simply not found. This module knows no session, request or database.

use std::fmt;
use std::str::FromStr;

/// What a route needs of its caller. Every route names exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// Nothing: signing in, trust, health.
    Open,
    /// Any operator who is signed in, whatever the role.
    Session,
    ViewOverview,
    ViewRegister,
    /// Import of organizations and buildings.
    EditRegister,
    /// New rooms of a building in one's scope.
    EditRooms,
    ViewDevices,
    /// Moving a device to another room, asking it to look at its hardware now, overruling what it is taken for.
    EditDevices,
    /// Taking a device's certificate out of force.
    RevokeDevices,
    /// Files of other inventory systems, as devices of a lower level of evidence.
    ImportDevices,
    /// Deciding which records are one computer.
    ReviewDevices,
    /// Names for codes of hardware, which every page then shows.
    TeachNames,
    /// Where buildings' lines stand, their measurements, acts and workbooks.
    ViewLines,
    /// What a building's line should carry by its contract.
    EditContracts,
    ViewTokens,
    CreateTokens,
    RevokeTokens,
    ManageOperators,
    ViewActivity,
    /// Archives of evidence, and a checkpoint at once.
    ExportEvidence,
    /// Counters for monitoring: a region administrator, or a program on the controller's own computer.
    Metrics,
    /// A device that proved its key (mutual TLS); decided by the device handlers.
    Device,
    /// An enrollment token; decided by the enrollment handler.
    Token,
    /// A lease for one measurement; decided by the measuring server.
    Lease,
}

impl Right {
    pub const ALL: [Self; 24] = [
        Self::Open,
        Self::Session,
        Self::ViewOverview,
        Self::ViewRegister,
        Self::EditRegister,
        Self::EditRooms,
        Self::ViewDevices,
        Self::EditDevices,
        Self::RevokeDevices,
        Self::ImportDevices,
        Self::ReviewDevices,
        Self::TeachNames,
        Self::ViewLines,
        Self::EditContracts,
        Self::ViewTokens,
        Self::CreateTokens,
        Self::RevokeTokens,
        Self::ManageOperators,
        Self::ViewActivity,
        Self::ExportEvidence,
        Self::Metrics,
        Self::Device,
        Self::Token,
        Self::Lease,
    ];

    /// As the checked-in list of routes writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Session => "session",
            Self::ViewOverview => "view_overview",
            Self::ViewRegister => "view_register",
            Self::EditRegister => "edit_register",
            Self::EditRooms => "edit_rooms",
            Self::ViewDevices => "view_devices",
            Self::EditDevices => "edit_devices",
            Self::RevokeDevices => "revoke_devices",
            Self::ImportDevices => "import_devices",
            Self::ReviewDevices => "review_devices",
            Self::TeachNames => "teach_names",
            Self::ViewLines => "view_lines",
            Self::EditContracts => "edit_contracts",
            Self::ViewTokens => "view_tokens",
            Self::CreateTokens => "create_tokens",
            Self::RevokeTokens => "revoke_tokens",
            Self::ManageOperators => "manage_operators",
            Self::ViewActivity => "view_activity",
            Self::ExportEvidence => "export_evidence",
            Self::Metrics => "metrics",
            Self::Device => "device",
            Self::Token => "token",
            Self::Lease => "lease",
        }
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    RegionAdministrator,
    RegionViewer,
    MunicipalityOperator,
    SchoolTechnician,
    /// Keeps the register of organizations, buildings and rooms.
    Registrar,
    /// Reads everything and who did what, changes nothing.
    Auditor,
}

/// The part of the tree a role is given over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScopeKind {
    Region,
    Municipality,
    Organization,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("«{0}» is not a role")]
pub struct UnknownRole(String);

impl Role {
    pub const ALL: [Self; 6] = [
        Self::RegionAdministrator,
        Self::RegionViewer,
        Self::MunicipalityOperator,
        Self::SchoolTechnician,
        Self::Registrar,
        Self::Auditor,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RegionAdministrator => "region_administrator",
            Self::RegionViewer => "region_viewer",
            Self::MunicipalityOperator => "municipality_operator",
            Self::SchoolTechnician => "school_technician",
            Self::Registrar => "registrar",
            Self::Auditor => "auditor",
        }
    }

    pub const fn scope_kind(self) -> ScopeKind {
        match self {
            Self::MunicipalityOperator => ScopeKind::Municipality,
            Self::SchoolTechnician => ScopeKind::Organization,
            Self::RegionAdministrator | Self::RegionViewer | Self::Registrar | Self::Auditor => ScopeKind::Region,
        }
    }

    /// The rights a person of this role has beyond [`Right::Open`] and [`Right::Session`].
    pub const fn rights(self) -> &'static [Right] {
        use Right::*;
        match self {
            Self::RegionAdministrator => &[
                ViewOverview,
                ViewRegister,
                EditRegister,
                EditRooms,
                ViewDevices,
                EditDevices,
                RevokeDevices,
                ImportDevices,
                ReviewDevices,
                TeachNames,
                ViewLines,
                EditContracts,
                ViewTokens,
                CreateTokens,
                RevokeTokens,
                ManageOperators,
                ViewActivity,
                ExportEvidence,
                Metrics,
            ],
            Self::RegionViewer => &[ViewOverview, ViewRegister, ViewDevices, ViewLines, ViewTokens],
            Self::MunicipalityOperator => &[
                ViewOverview,
                ViewRegister,
                EditRooms,
                ViewDevices,
                RevokeDevices,
                ImportDevices,
                ReviewDevices,
                ViewLines,
                EditContracts,
                ViewTokens,
                CreateTokens,
                RevokeTokens,
            ],
            Self::SchoolTechnician => &[
                ViewOverview,
                ViewRegister,
                EditRooms,
                ViewDevices,
                EditDevices,
                ImportDevices,
                ViewLines,
                ViewTokens,
                CreateTokens,
                RevokeTokens,
            ],
            Self::Registrar => &[
                ViewOverview,
                ViewRegister,
                EditRegister,
                EditRooms,
                ViewDevices,
                TeachNames,
                ViewLines,
                EditContracts,
            ],
            Self::Auditor => &[ViewOverview, ViewRegister, ViewDevices, ViewLines, ViewActivity, ExportEvidence],
        }
    }

    /// Whether a signed-in person of this role may use a route. Devices and tokens are no persons.
    pub fn allows(self, right: Right) -> bool {
        match right {
            Right::Open | Right::Session => true,
            Right::Device | Right::Token | Right::Lease => false,
            right => self.rights().contains(&right),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| UnknownRole(text.chars().take(40).collect()))
    }
}

/// A part of the region's tree, by the store's internal ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    Region,
    Municipality(i64),
    Organization(i64),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the role {role} is given over a {expected:?}, and the operator has municipality {municipality:?}, organization {organization:?}")]
pub struct ScopeMismatch {
    pub role: Role,
    pub expected: ScopeKind,
    pub municipality: Option<i64>,
    pub organization: Option<i64>,
}

impl Scope {
    /// The scope a role has with these ids. A role without its part of the tree has no scope at all, rather than
    /// the whole region.
    pub fn of(role: Role, municipality: Option<i64>, organization: Option<i64>) -> Result<Self, ScopeMismatch> {
        match (role.scope_kind(), municipality, organization) {
            (ScopeKind::Region, None, None) => Ok(Self::Region),
            (ScopeKind::Municipality, Some(id), None) => Ok(Self::Municipality(id)),
            (ScopeKind::Organization, None, Some(id)) => Ok(Self::Organization(id)),
            (expected, municipality, organization) => Err(ScopeMismatch {
                role,
                expected,
                municipality,
                organization,
            }),
        }
    }

    /// The two nullable parameters every scoped statement takes.
    pub const fn municipality(self) -> Option<i64> {
        match self {
            Self::Municipality(id) => Some(id),
            Self::Region | Self::Organization(_) => None,
        }
    }

    pub const fn organization(self) -> Option<i64> {
        match self {
            Self::Organization(id) => Some(id),
            Self::Region | Self::Municipality(_) => None,
        }
    }
}

impl From<Scope> for crate::store::Scope {
    fn from(scope: Scope) -> Self {
        Self {
            municipality: scope.municipality(),
            organization: scope.organization(),
        }
    }
}

/// A person who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    pub id: i64,
    pub login: String,
    pub display_name: String,
    pub role: Role,
    pub scope: Scope,
    /// Until the one-time password is changed, nothing but changing it is allowed.
    pub must_change_password: bool,
}

impl Operator {
    pub fn may(&self, right: Right) -> bool {
        self.role.allows(right)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_a_device_or_a_token() {
        for role in Role::ALL {
            for right in [Right::Device, Right::Token, Right::Lease] {
                assert!(!role.allows(right), "{role}");
            }
            assert!(role.allows(Right::Open) && role.allows(Right::Session), "{role}");
        }
    }

    #[test]
    fn the_administrator_has_every_right_of_a_person() {
        for right in Right::ALL {
            let persons = !matches!(right, Right::Device | Right::Token | Right::Lease);
            assert_eq!(Role::RegionAdministrator.allows(right), persons, "{right}");
        }
    }

    #[test]
    fn readers_change_nothing() {
        use Right::*;
        for role in [Role::RegionViewer, Role::Auditor] {
            for right in [
                EditRegister,
                EditRooms,
                EditDevices,
                RevokeDevices,
                TeachNames,
                CreateTokens,
                RevokeTokens,
                ManageOperators,
            ] {
                assert!(!role.allows(right), "{role} {right}");
            }
        }
        assert!(Role::Auditor.allows(ViewActivity));
        assert!(!Role::RegionViewer.allows(ViewActivity));
    }

    #[test]
    fn tokens_and_operators_are_not_the_registrars() {
        for right in [Right::CreateTokens, Right::RevokeTokens, Right::ManageOperators] {
            assert!(!Role::Registrar.allows(right), "{right}");
        }
        assert!(Role::SchoolTechnician.allows(Right::EditDevices));
        assert!(!Role::MunicipalityOperator.allows(Right::EditRegister));
    }

    #[test]
    fn a_role_without_its_part_of_the_tree_has_no_scope() {
        assert_eq!(Scope::of(Role::Auditor, None, None), Ok(Scope::Region));
        assert_eq!(Scope::of(Role::SchoolTechnician, None, Some(7)), Ok(Scope::Organization(7)));
        assert!(Scope::of(Role::SchoolTechnician, None, None).is_err());
        assert!(Scope::of(Role::MunicipalityOperator, None, Some(7)).is_err());
        assert!(Scope::of(Role::RegionViewer, Some(3), None).is_err());
    }

    #[test]
    fn names_read_back() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        assert!("root".parse::<Role>().is_err());
    }
}
