//! Values as foreign programs write them: forgiving where nothing is lost by it, bounded everywhere.
//!
//! Perl and PHP write numbers as text and text as numbers, one element where a list is meant and an empty list
//! where an object is. What has no meaning at all in its place counts as not said; only broken JSON is refused.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest text that is kept: a screen's EDID with all its extensions.
const MAX_TEXT_BYTES: usize = 48 * 1024;
/// The most entries of a list that are kept, where it says no other number.
pub const MAX_ITEMS: usize = 1_024;

/// Text, or a number or a truth written as one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text(String);

impl Text {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn as_str(&self) -> &str {
        self.0.trim()
    }
}

/// The text, unless nothing is written there.
pub fn said(text: &Option<Text>) -> Option<&str> {
    text.as_ref().map(Text::as_str).filter(|text| !text.is_empty())
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// A whole number, or text that begins with one: `8192`, `"8192"`, `"1600 MT/s"`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Whole(pub Option<i64>);

impl Whole {
    /// `None` where the number is beyond what the format can say.
    pub fn of(number: u64) -> Option<Self> {
        i64::try_from(number).ok().map(|number| Self(Some(number)))
    }
}

/// The number, unless it is negative or none.
pub fn counted(number: &Option<Whole>) -> Option<u64> {
    number.and_then(|number| number.0).and_then(|number| u64::try_from(number).ok())
}

impl Serialize for Whole {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// A truth: `true`, `1`, `"Yes"`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Flag(pub bool);

/// One object; of a list its first. What is neither counts as empty.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct One<T>(pub T);

/// A list, or one object that stands for a list of one. It is kept no further than `MOST`, so that a file of empty objects
/// takes no memory beyond its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Items<T, const MOST: usize = MAX_ITEMS> {
    pub list: Vec<T>,
    /// How many were there beyond `MOST`.
    pub left_out: u64,
}

impl<T, const MOST: usize> Default for Items<T, MOST> {
    fn default() -> Self {
        Self {
            list: Vec::new(),
            left_out: 0,
        }
    }
}

impl<T, const MOST: usize> Items<T, MOST> {
    /// `None` for no items, so that the key is left out.
    pub fn of(list: Vec<T>) -> Option<Self> {
        (!list.is_empty()).then_some(Self { list, left_out: 0 })
    }
}

impl<T: Serialize, const MOST: usize> Serialize for Items<T, MOST> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.list.serialize(serializer)
    }
}

/// Something that is there and is not looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Present;

impl Serialize for Present {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_ignored_any(IgnoredAny).map(|_| Self)
    }
}

/// What we add to a document of ours. Never read back: what another system says in our name proves nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Ours(pub serde_json::Value);

impl<'de> Deserialize<'de> for Ours {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_ignored_any(IgnoredAny).map(|_| Self::default())
    }
}

/// What a visitor makes of a scalar; of anything deeper it makes `default`.
trait OfScalar: Default {
    fn of_text(text: &str) -> Self;
    fn of_whole(number: i64) -> Self;
    fn of_truth(truth: bool) -> Self;
    fn of_fraction(number: f64) -> Self;
}

impl OfScalar for Text {
    fn of_text(text: &str) -> Self {
        Self(text[..text.floor_char_boundary(MAX_TEXT_BYTES)].to_owned())
    }

    fn of_whole(number: i64) -> Self {
        Self(number.to_string())
    }

    fn of_truth(truth: bool) -> Self {
        Self(truth.to_string())
    }

    fn of_fraction(number: f64) -> Self {
        Self(number.to_string())
    }
}

impl OfScalar for Whole {
    fn of_text(text: &str) -> Self {
        let text = text.trim();
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        Self(text[..digits].parse().ok())
    }

    fn of_whole(number: i64) -> Self {
        Self(Some(number))
    }

    fn of_truth(_: bool) -> Self {
        Self(None)
    }

    fn of_fraction(number: f64) -> Self {
        // Beyond these a double names no single whole number.
        let whole = (-9e15..=9e15).contains(&number);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the fraction is meant to go, and the range was checked"
        )]
        Self(whole.then_some(number as i64))
    }
}

impl OfScalar for Flag {
    fn of_text(text: &str) -> Self {
        Self(matches!(text.trim().to_ascii_lowercase().as_str(), "1" | "true" | "yes"))
    }

    fn of_whole(number: i64) -> Self {
        Self(number != 0)
    }

    fn of_truth(truth: bool) -> Self {
        Self(truth)
    }

    fn of_fraction(number: f64) -> Self {
        Self(number != 0.0)
    }
}

struct Scalar<T>(PhantomData<T>);

impl<'de, T: OfScalar> Visitor<'de> for Scalar<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E>(self, text: &str) -> Result<T, E> {
        Ok(T::of_text(text))
    }

    fn visit_i64<E>(self, number: i64) -> Result<T, E> {
        Ok(T::of_whole(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<T, E> {
        Ok(T::of_whole(i64::try_from(number).unwrap_or(i64::MAX)))
    }

    fn visit_f64<E>(self, number: f64) -> Result<T, E> {
        Ok(T::of_fraction(number))
    }

    fn visit_bool<E>(self, truth: bool) -> Result<T, E> {
        Ok(T::of_truth(truth))
    }

    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<T, A::Error> {
        IgnoredAny.visit_seq(seq).map(|_| T::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        IgnoredAny.visit_map(map).map(|_| T::default())
    }
}

macro_rules! reads_scalars {
    ($($name:ident),*) => {$(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(Scalar(PhantomData))
            }
        }
    )*};
}
reads_scalars!(Text, Whole, Flag);

struct Objects<T, const MOST: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Default, const MOST: usize> Visitor<'de> for Objects<T, MOST> {
    type Value = Items<T, MOST>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Items<T, MOST>, A::Error> {
        let mut items = Items::default();
        while items.list.len() < MOST {
            match seq.next_element::<Object<T>>()? {
                Some(Object(Some(item))) => items.list.push(item),
                Some(Object(None)) => {}
                None => return Ok(items),
            }
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {
            items.left_out += 1;
        }
        Ok(items)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Items<T, MOST>, A::Error> {
        Ok(Items {
            list: vec![T::deserialize(MapAccessDeserializer::new(map))?],
            left_out: 0,
        })
    }

    fn visit_str<E>(self, _: &str) -> Result<Items<T, MOST>, E> {
        Ok(Items::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Items<T, MOST>, E> {
        Ok(Items::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Items<T, MOST>, E> {
        Ok(Items::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Items<T, MOST>, E> {
        Ok(Items::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Items<T, MOST>, E> {
        Ok(Items::default())
    }

    fn visit_unit<E>(self) -> Result<Items<T, MOST>, E> {
        Ok(Items::default())
    }
}

impl<'de, T: Deserialize<'de> + Default, const MOST: usize> Deserialize<'de> for Items<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Objects(PhantomData))
    }
}

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for One<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let items: Items<T, 1> = deserializer.deserialize_any(Objects(PhantomData))?;
        Ok(Self(items.list.into_iter().next().unwrap_or_default()))
    }
}

/// An entry of a list, if it is an object: a list in a list would be read as deep as it is nested.
struct Object<T>(Option<T>);

struct ObjectOnly<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectOnly<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(|item| Object(Some(item)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Object<T>, A::Error> {
        IgnoredAny.visit_seq(seq).map(|_| Object(None))
    }

    fn visit_str<E>(self, _: &str) -> Result<Object<T>, E> {
        Ok(Object(None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Object<T>, E> {
        Ok(Object(None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Object<T>, E> {
        Ok(Object(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Object<T>, E> {
        Ok(Object(None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Object<T>, E> {
        Ok(Object(None))
    }

    fn visit_unit<E>(self) -> Result<Object<T>, E> {
        Ok(Object(None))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ObjectOnly(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Module {
        capacity: Option<Whole>,
        caption: Option<Text>,
        removable: Option<Flag>,
    }

    fn modules(json: &str) -> Vec<Module> {
        serde_json::from_str::<Items<Module>>(json).unwrap().list
    }

    #[test]
    fn numbers_come_as_text_and_text_as_numbers() {
        let read = modules(r#"[{"capacity":"8192 MB","caption":7,"removable":"Yes"},{"capacity":4096.0,"caption":[1],"removable":0}]"#);
        assert_eq!(counted(&read[0].capacity), Some(8192));
        assert_eq!(said(&read[0].caption), Some("7"));
        assert_eq!(read[0].removable, Some(Flag(true)));
        assert_eq!(counted(&read[1].capacity), Some(4096));
        assert_eq!(said(&read[1].caption), None);
        assert_eq!(counted(&modules(r#"[{"capacity":"No"}]"#)[0].capacity), None);
        assert_eq!(counted(&modules(r#"[{"capacity":-1}]"#)[0].capacity), None);
    }

    #[test]
    fn one_object_is_a_list_of_one_and_nothing_is_none() {
        assert_eq!(modules(r#"{"capacity":1}"#).len(), 1);
        for empty in ["[]", "null", "\"\"", "0", "[null,1,[{}],\"x\"]", "true", "0.5"] {
            assert_eq!(modules(empty).len(), 0, "{empty}");
        }
        let one: One<Module> = serde_json::from_str("[]").unwrap();
        assert_eq!(one, One::default());
    }

    #[test]
    fn a_list_without_end_is_kept_in_part_and_counted() {
        let json = format!("[{}{{}}]", "{},".repeat(MAX_ITEMS + 4));
        let items: Items<Module> = serde_json::from_str(&json).unwrap();
        assert_eq!((items.list.len(), items.left_out), (MAX_ITEMS, 5));
    }

    #[test]
    fn nesting_is_passed_over_without_recursion() {
        let deep = format!(r#"[{{"caption":{}{}}}]"#, "[".repeat(1_000_000), "]".repeat(1_000_000));
        // serde_json refuses or passes over what is this deep; either way nothing overflows.
        let _ = serde_json::from_str::<Items<Module>>(&deep);
        let present: Present = serde_json::from_str(&format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000))).unwrap();
        assert_eq!(present, Present);
    }
}
