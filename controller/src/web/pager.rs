//! Paging through a list by links.

use super::link::with_query;
use crate::store;

/// Rows of a list on one page.
pub const PAGE_ROWS: u32 = 50;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pager {
    pub pages: i64,
    pub previous: Option<String>,
    pub next: Option<String>,
    /// «2 / 7».
    pub shown: String,
}

/// Which piece of a list the page number (from 1; anything else is 1) means.
pub fn piece(number: Option<u32>) -> (u32, store::Page) {
    let number = number.unwrap_or(1).clamp(1, 1_000_000);
    (number, store::Page::numbered(number, PAGE_ROWS))
}

impl Pager {
    /// The links around page `number` of `path` with the list's own `query`.
    pub fn of(number: u32, total: i64, path: &str, query: &[(&str, &str)]) -> Self {
        let pages = (total + i64::from(PAGE_ROWS) - 1) / i64::from(PAGE_ROWS);
        let link = |number: i64| {
            let number = number.to_string();
            let pairs: Vec<(&str, &str)> = query.iter().copied().chain([("page", number.as_str())]).collect();
            with_query(path, &pairs)
        };
        let number = i64::from(number);
        Self {
            pages,
            previous: (number > 1).then(|| link(number - 1)),
            next: (number < pages).then(|| link(number + 1)),
            shown: format!("{number} / {}", pages.max(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pager_keeps_the_query() {
        let pager = Pager::of(2, 101, "/devices", &[("q", "лаб"), ("seen", "")]);
        assert_eq!(pager.pages, 3);
        assert_eq!(pager.previous.as_deref(), Some("/devices?q=%D0%BB%D0%B0%D0%B1&page=1"));
        assert_eq!(pager.next.as_deref(), Some("/devices?q=%D0%BB%D0%B0%D0%B1&page=3"));
        assert_eq!(Pager::of(1, 50, "/devices", &[]).next, None);
    }
}
