//! The sample register: the 101 organizations that Perm Krai equipped in 2020, as invented ones.
//!
//! Counts are those of the programme: 70 organizations in cities and 31 in villages and urban-type
//! settlements; kits of 30, 58 and 13 by contingent (below 250, 250 to 999, from 1,000 pupils), the rural
//! ones in the two smaller; 147 buildings, 1.46 per organization. Cities, their codes and their federal
//! address records are real; schools, streets, villages and urban-type settlements are not. Every ИНН
//! begins with 5999, which no tax office has, and every ОГРН with 1205999.
//!
//! Everything is drawn from the seed 20200601 by [`SplitMix64`], so the register is the same on every
//! machine, and a test pins its digest. The demo and the tests call this; nothing here reads a clock or file.

use std::collections::BTreeSet;

use inventory_schema::organization::{Inn, Kpp, Ogrn, Oktmo, OrganizationKind, PlaceName, SettlementClass};

use super::{Building, Municipality, Organization, OrganizationStatus, ParsedRegister, Room, RoomPurpose, Snapshot};
use places::{CITIES, City, SETTLEMENTS, STREETS, SUBJECTS};
use split_mix::SplitMix64;

pub mod lines;
mod places;
mod split_mix;

const SEED: u64 = 20_200_601;
const TIME_ZONE: &str = "Asia/Yekaterinburg";
/// Organizations with a second building, and those of them with a third.
const SECOND_BUILDINGS: usize = 40;
const THIRD_BUILDINGS: usize = 6;

/// What an organization receives; its size follows from the contingent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kit {
    Minimal,
    Standard,
    Extended,
}

/// Of 70 organizations in cities.
const URBAN_KITS: [(Kit, usize); 3] = [(Kit::Minimal, 8), (Kit::Standard, 49), (Kit::Extended, 13)];
/// Of 31 elsewhere.
const RURAL_KITS: [(Kit, usize); 2] = [(Kit::Minimal, 22), (Kit::Standard, 9)];

/// Where an organization stands.
struct Place {
    settlement: &'static str,
    /// `г.`, `пгт` or `с.`
    mark: &'static str,
    class: SettlementClass,
    oktmo: String,
    fias: Option<uuid::Uuid>,
}

/// The Perm 2020 sample, as if read from a table without a fault.
pub fn perm_2020() -> ParsedRegister {
    let mut random = SplitMix64::new(SEED);
    let places = places();
    let kits = kits(&mut random);
    let buildings = building_counts(places.len(), &mut random);
    let mut register = Snapshot {
        municipalities: CITIES.iter().filter_map(municipality).collect(),
        ..Snapshot::default()
    };
    let mut addresses = BTreeSet::new();
    let mut numbers = BTreeSet::new();
    for (index, ((place, kit), count)) in places.iter().zip(kits).zip(buildings).enumerate() {
        let organization = organization(index + 1, place, kit, &mut numbers, &mut random);
        for number in 1..=count {
            let building = building(&organization.ogrn, number, place, &mut addresses, &mut random);
            register.rooms.extend(rooms(&building, kit, &mut random));
            register.buildings.push(building);
        }
        register.organizations.push(organization);
    }
    ParsedRegister {
        rows: register.rooms.len() as u64,
        register: register.sorted(),
        ..ParsedRegister::default()
    }
}

/// One place per organization, cities first.
fn places() -> Vec<Place> {
    let urban = CITIES.iter().flat_map(|city| {
        (0..city.organizations).map(|_| Place {
            settlement: city.name,
            mark: "г.",
            class: SettlementClass::City,
            oktmo: city.oktmo.to_owned(),
            fias: city.fias.parse().ok(),
        })
    });
    let rural = SETTLEMENTS.iter().enumerate().map(|(index, (settlement, municipality, class))| {
        let (mark, first) = match class {
            SettlementClass::UrbanSettlement => ("пгт", 90),
            _ => ("с.", 900),
        };
        Place {
            settlement,
            mark,
            class: *class,
            oktmo: format!("{municipality}{:03}", first + index + 1),
            fias: None,
        }
    });
    urban.chain(rural).collect()
}

/// Kits in the order of [`places`].
fn kits(random: &mut SplitMix64) -> Vec<Kit> {
    let repeated = |kits: &[(Kit, usize)]| -> Vec<Kit> { kits.iter().flat_map(|(kit, count)| vec![*kit; *count]).collect() };
    let (mut urban, mut rural) = (repeated(&URBAN_KITS), repeated(&RURAL_KITS));
    random.shuffle(&mut urban);
    random.shuffle(&mut rural);
    urban.extend(rural);
    urban
}

fn building_counts(organizations: usize, random: &mut SplitMix64) -> Vec<u32> {
    let mut order: Vec<usize> = (0..organizations).collect();
    random.shuffle(&mut order);
    let mut counts = vec![1; organizations];
    for index in order.iter().take(SECOND_BUILDINGS).chain(order.iter().take(THIRD_BUILDINGS)) {
        counts[*index] += 1;
    }
    counts
}

/// The municipality of a city; a second city of the same municipality gives none.
fn municipality(city: &City) -> Option<Municipality> {
    Some(Municipality {
        oktmo: oktmo(&city.oktmo[..8]),
        name: name(city.municipality?),
        time_zone: TIME_ZONE.to_owned(),
    })
}

fn organization(
    serial: usize,
    place: &Place,
    kit: Kit,
    numbers: &mut BTreeSet<(&'static str, u64)>,
    random: &mut SplitMix64,
) -> Organization {
    let where_to = format!("{} {}", place.mark, place.settlement);
    let (full, short) = if place.class == SettlementClass::City {
        let number = drawn_once(numbers, || (place.settlement, 1 + random.below(140))).1;
        (
            format!("«Средняя общеобразовательная школа № {number}» {where_to}"),
            format!("МАОУ СОШ № {number} {where_to}"),
        )
    } else {
        (
            format!("«Средняя общеобразовательная школа» {where_to}"),
            format!("МАОУ СОШ {where_to}"),
        )
    };
    Organization {
        ogrn: ogrn(serial),
        inn: inn(serial),
        kpp: Some(kpp()),
        kind: OrganizationKind::School,
        name: name(&format!("Муниципальное автономное общеобразовательное учреждение {full}")),
        short_name: name(&short),
        municipality: oktmo(&place.oktmo[..8]),
        status: OrganizationStatus::Active,
        contingent: Some(contingent(kit, random)),
    }
}

fn contingent(kit: Kit, random: &mut SplitMix64) -> u32 {
    let (least, most) = match kit {
        Kit::Minimal => (60, 249),
        Kit::Standard => (250, 999),
        Kit::Extended => (1_000, 1_800),
    };
    least + random.below(u64::from(most - least) + 1) as u32
}

fn building(ogrn: &Ogrn, number: u32, place: &Place, taken: &mut BTreeSet<String>, random: &mut SplitMix64) -> Building {
    let address = drawn_once(taken, || {
        let street = STREETS[random.below(STREETS.len() as u64) as usize];
        let house = 1 + random.below(if place.class == SettlementClass::City { 120 } else { 40 });
        format!("Пермский край, {} {}, ул. {street}, д. {house}", place.mark, place.settlement)
    });
    Building {
        organization: ogrn.clone(),
        number,
        address: name(&address),
        settlement: name(place.settlement),
        settlement_class: place.class,
        oktmo: oktmo(&place.oktmo),
        fias: place.fias,
    }
}

/// Six to twelve rooms: an office, a mobile class, a store, an IT class in the largest schools, classrooms.
fn rooms(building: &Building, kit: Kit, random: &mut SplitMix64) -> Vec<Room> {
    let count = 6 + random.below(7) as usize;
    let mut plan = vec![
        ("Администрация", RoomPurpose::Administration),
        ("Мобильный класс", RoomPurpose::MobileClass),
        ("Склад", RoomPurpose::Store),
    ];
    if kit == Kit::Extended {
        plan.push(("IT-класс", RoomPurpose::ItClass));
    }
    let mut subjects = SUBJECTS.to_vec();
    random.shuffle(&mut subjects);
    plan.extend(
        subjects
            .iter()
            .take(count - plan.len())
            .map(|subject| (*subject, RoomPurpose::Classroom)),
    );
    let room = |(index, (title, purpose)): (usize, &(&str, RoomPurpose))| Room {
        organization: building.organization.clone(),
        building: building.number,
        // Four doors on each floor: 101 to 104, 201 to 204, …
        number: name(&format!("{}{:02}", 1 + index / 4, 1 + index % 4)),
        name: name(title),
        purpose: *purpose,
    };
    plan.iter().enumerate().map(room).collect()
}

/// Draws until the draw is one not seen before. The spaces drawn from are many times larger than needed.
fn drawn_once<T: Ord + Clone>(seen: &mut BTreeSet<T>, mut draw: impl FnMut() -> T) -> T {
    loop {
        let drawn = draw();
        if seen.insert(drawn.clone()) {
            return drawn;
        }
    }
}

/// The check digit is the one of ten that the type accepts.
fn inn(serial: usize) -> Inn {
    (0..10)
        .find_map(|check| format!("5999{serial:05}{check}").parse().ok())
        .expect("nine digits have a check digit")
}

fn ogrn(serial: usize) -> Ogrn {
    (0..10)
        .find_map(|check| format!("1205999{serial:05}{check}").parse().ok())
        .expect("twelve digits have a check digit")
}

fn kpp() -> Kpp {
    "599901001".parse().expect("nine digits are a КПП")
}

fn oktmo(code: &str) -> Oktmo {
    code.parse().expect("the codes of this file have 8 or 11 digits")
}

fn name(text: &str) -> PlaceName {
    text.parse().expect("the names of this file are short and printable")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::diff::digest;
    use crate::register::{Defaults, export_csv, preview, read};

    fn classes(register: &Snapshot) -> Vec<SettlementClass> {
        let first = |o: &Organization| {
            register
                .buildings
                .iter()
                .find(|b| b.organization == o.ogrn)
                .unwrap()
                .settlement_class
        };
        register.organizations.iter().map(first).collect()
    }

    #[test]
    fn the_counts_are_those_of_the_programme() {
        let register = perm_2020().register;
        assert_eq!(register.organizations.len(), 101);
        let classes = classes(&register);
        let count = |class| classes.iter().filter(|known| **known == class).count();
        assert_eq!(count(SettlementClass::City), 70);
        assert_eq!(count(SettlementClass::UrbanSettlement) + count(SettlementClass::Village), 31);
        assert!(count(SettlementClass::UrbanSettlement) >= 6);
        let kits = [0..250, 250..1_000, 1_000..10_000].map(|range| {
            let inside = |o: &&Organization| range.contains(&o.contingent.unwrap());
            register.organizations.iter().filter(inside).count()
        });
        assert_eq!(kits, [30, 58, 13]);
        let rural = register
            .organizations
            .iter()
            .zip(&classes)
            .filter(|(_, class)| **class != SettlementClass::City);
        assert!(rural.into_iter().all(|(organization, _)| organization.contingent.unwrap() < 1_000));
        assert_eq!(register.buildings.len(), 147);
        assert_eq!(register.municipalities.len(), 24);
        let cities: BTreeSet<&Oktmo> = register.buildings.iter().filter(|b| b.fias.is_some()).map(|b| &b.oktmo).collect();
        assert_eq!(cities.len(), 25);
    }

    #[test]
    fn every_identifier_and_name_is_unique_and_marked_as_invented() {
        let register = perm_2020().register;
        let organizations = &register.organizations;
        let distinct = |key: fn(&Organization) -> String| organizations.iter().map(key).collect::<BTreeSet<_>>().len();
        assert_eq!(distinct(|o| o.ogrn.to_string()), 101);
        assert_eq!(distinct(|o| o.inn.to_string()), 101);
        assert_eq!(distinct(|o| o.name.to_string()), 101);
        assert_eq!(distinct(|o| o.short_name.to_string()), 101);
        // The types hold only numbers with right check digits.
        assert!(organizations.iter().all(|o| o.inn.as_str().starts_with("5999")));
        assert!(
            organizations
                .iter()
                .any(|o| o.inn.as_str() == "5999000016" && o.ogrn.as_str() == "1205999000019")
        );
        let addresses: BTreeSet<&PlaceName> = register.buildings.iter().map(|b| &b.address).collect();
        assert_eq!(addresses.len(), register.buildings.len());
    }

    #[test]
    fn every_building_has_its_rooms() {
        let register = perm_2020().register;
        for building in &register.buildings {
            let of_building = |room: &&Room| room.organization == building.organization && room.building == building.number;
            let rooms: Vec<&Room> = register.rooms.iter().filter(of_building).collect();
            assert!((6..=12).contains(&rooms.len()));
            for purpose in [RoomPurpose::MobileClass, RoomPurpose::Store, RoomPurpose::Administration] {
                assert_eq!(rooms.iter().filter(|room| room.purpose == purpose).count(), 1);
            }
        }
    }

    #[test]
    fn the_seed_gives_the_same_register_for_ever() {
        assert_eq!(perm_2020(), perm_2020());
        assert_eq!(
            digest(&perm_2020().register).unwrap().to_string(),
            "sha256:7941fc87b1661141e32547a6efc667af669b239704cad6612acb6b43786f384d"
        );
    }

    #[test]
    fn it_passes_its_own_import_without_a_remark() {
        let sample = perm_2020();
        let defaults = Defaults {
            time_zone: "Europe/Moscow".to_owned(),
        };
        let again = read(export_csv(&sample.register).as_bytes(), &defaults);
        assert_eq!((again.errors.as_slice(), again.warnings.as_slice()), (&[][..], &[][..]));
        assert_eq!(again.register, sample.register);
        assert!(preview(&sample.register, again).unwrap().is_empty());
    }
}
