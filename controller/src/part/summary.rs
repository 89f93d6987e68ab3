//! What changed about a device as lists show it: the parts of a computer that have no number of their own. Pure.

use serde_json::{Value, json};

use crate::store::device::DeviceSummary;

/// A property that is another than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactChange {
    /// Its name in the language's words: `fact-…` of the pages.
    pub fact: &'static str,
    pub before: Value,
    pub after: Value,
}

/// What is told of two summaries: nothing where one of them says nothing, for that is no change of the computer.
pub fn changes(before: &DeviceSummary, after: &DeviceSummary) -> Vec<FactChange> {
    let texts = [
        ("maker", &before.maker, &after.maker),
        ("model", &before.model, &after.model),
        ("serial", &before.serial, &after.serial),
        ("processor", &before.processor, &after.processor),
        ("os_title", &before.os_title, &after.os_title),
    ];
    let sizes = [
        ("memory", before.memory_bytes, after.memory_bytes),
        ("storage", before.storage_bytes, after.storage_bytes),
    ];
    let text = |(fact, before, after): (&'static str, &Option<String>, &Option<String>)| {
        let (before, after) = (before.as_ref()?, after.as_ref()?);
        (before != after).then(|| FactChange {
            fact,
            before: json!(before),
            after: json!(after),
        })
    };
    let size = |(fact, before, after): (&'static str, Option<i64>, Option<i64>)| {
        let (before, after) = (before?, after?);
        is_another(before, after).then(|| FactChange {
            fact,
            before: json!(before),
            after: json!(after),
        })
    };
    texts
        .into_iter()
        .filter_map(text)
        .chain(sizes.into_iter().filter_map(size))
        .collect()
}

/// By more than a quarter: where modules cannot be read, what the system can use stands for them, and that is less by
/// what the graphics took.
fn is_another(before: i64, after: i64) -> bool {
    let difference = before.abs_diff(after);
    difference > before.max(after).unsigned_abs() / 4
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(bytes: i64) -> DeviceSummary {
        DeviceSummary {
            memory_bytes: Some(bytes),
            ..DeviceSummary::default()
        }
    }

    #[test]
    fn half_the_memory_is_told_and_the_share_of_the_graphics_is_not() {
        let told = changes(&memory(8 << 30), &memory(4 << 30));
        assert_eq!((told[0].fact, &told[0].after), ("memory", &json!(4_i64 << 30)));
        assert_eq!(changes(&memory(8 << 30), &memory(6 << 30)), Vec::new());
        assert_eq!(changes(&DeviceSummary::default(), &memory(8 << 30)), Vec::new());
    }

    #[test]
    fn another_processor_is_told_with_both() {
        let of = |name: &str| DeviceSummary {
            processor: Some(name.into()),
            ..DeviceSummary::default()
        };
        let told = changes(&of("Intel Core i5-7200U"), &of("Intel Celeron N4020"));
        assert_eq!(told[0].before, json!("Intel Core i5-7200U"));
        assert_eq!(changes(&of("A"), &of("A")), Vec::new());
    }
}
