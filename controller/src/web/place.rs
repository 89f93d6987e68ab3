//! Buildings and rooms as choices of one list: a building, or one of its rooms.

use std::str::FromStr;

use inventory_schema::{BuildingId, OrganizationId, RoomId};

use super::language::Language;
use crate::store::building::{Building, Place, Room};
use crate::store::{Scope, Store, StoreError};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    pub value: String,
    pub label: String,
    pub selected: bool,
}

impl Choice {
    pub fn new(value: impl Into<String>, label: impl Into<String>, selected: bool) -> Self {
        Self {
            value: value.into(),
            label: label.into(),
            selected,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChoiceGroup {
    pub label: String,
    pub choices: Vec<Choice>,
}

/// What such a choice means: `BUILDING` or `BUILDING/ROOM`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlaceChoice {
    pub building: BuildingId,
    pub room: Option<RoomId>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the place is neither a building nor a room of one")]
pub struct PlaceChoiceError;

impl FromStr for PlaceChoice {
    type Err = PlaceChoiceError;

    fn from_str(text: &str) -> Result<Self, PlaceChoiceError> {
        let (building, room) = match text.split_once('/') {
            Some((building, room)) => (building, Some(room)),
            None => (text, None),
        };
        Ok(Self {
            building: building.parse().map_err(|_| PlaceChoiceError)?,
            room: room.map(|room| room.parse().map_err(|_| PlaceChoiceError)).transpose()?,
        })
    }
}

impl PlaceChoice {
    /// The place within the organization; `None` when it is not there or out of scope.
    pub async fn find(self, store: &Store, scope: Scope, organization: OrganizationId) -> Result<Option<Place>, StoreError> {
        store.place(scope, organization, self.building, self.room).await
    }
}

/// Every building of an organization with its rooms, `chosen` marked.
pub async fn choices(
    store: &Store,
    scope: Scope,
    organization: OrganizationId,
    chosen: &str,
    l: Language,
) -> Result<Vec<ChoiceGroup>, StoreError> {
    let buildings = store.buildings(scope, organization).await?;
    let rooms = store.rooms(scope, organization).await?;
    Ok(buildings.iter().map(|building| group(building, &rooms, chosen, l)).collect())
}

fn group(building: &Building, rooms: &[Room], chosen: &str, l: Language) -> ChoiceGroup {
    let whole = building.external_id.to_string();
    let mut choices = vec![Choice::new(&whole, l.t("rooms-whole-building"), whole == chosen)];
    choices.extend(rooms.iter().filter(|room| room.building_id == building.id).map(|room| {
        let value = format!("{whole}/{}", room.external_id);
        let selected = value == chosen;
        Choice::new(value, room_name(room), selected)
    }));
    ChoiceGroup {
        label: building_name(building, l),
        choices,
    }
}

/// «201 · Кабинет информатики»; the number alone where the name says no more.
pub fn room_name(room: &Room) -> String {
    if room.name.contains(&room.number) {
        room.name.clone()
    } else {
        format!("{} · {}", room.number, room.name)
    }
}

pub fn building_name(building: &Building, l: Language) -> String {
    format!(
        "{}, {}",
        l.with("building-title", "number", &building.number.to_string()),
        building.address
    )
}

/// A place in one line: the address, and the room where there is one.
pub fn in_words(address: &str, room: Option<&str>) -> String {
    match room {
        Some(room) => format!("{address}, {room}"),
        None => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_a_building_or_a_room_of_it() {
        let building = "01900000-0000-7000-8000-000000000001";
        let room = "01900000-0000-7000-8000-000000000002";
        assert_eq!(building.parse::<PlaceChoice>().unwrap().room, None);
        assert_eq!(
            format!("{building}/{room}").parse::<PlaceChoice>().unwrap().room,
            Some(room.parse().unwrap())
        );
        assert!("".parse::<PlaceChoice>().is_err());
        assert!(format!("{building}/").parse::<PlaceChoice>().is_err());
    }
}
