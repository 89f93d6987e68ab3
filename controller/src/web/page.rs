//! What every page has: language, region, who is signed in, navigation, and how values are shown.

use std::convert::Infallible;

use askama::Template;
use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::request::Parts;
use axum::response::{Html, IntoResponse, Response};
use inventory_schema::Timestamp;
use jiff::tz::TimeZone;

use super::error::PageError;
use super::language::Language;
use super::session::SignedIn;
use super::{asset, format};
use crate::access::{Operator, Right};
use crate::state::AppState;

/// One request by one visitor: what a page needs to know of it.
#[derive(Debug, Clone)]
pub struct Visit {
    pub language: Language,
    pub signed_in: Option<SignedIn>,
    /// The path with its query, for the language switch to come back to.
    pub path: String,
    pub now: Timestamp,
}

impl FromRequestParts<AppState> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
        Ok(Self {
            language: Language::of_request(&parts.headers),
            signed_in: parts.extensions.get::<SignedIn>().cloned(),
            path: uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
            now: state.clock.now(),
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crumb {
    pub href: String,
    pub label: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NavItem {
    pub href: &'static str,
    pub label: String,
    pub current: bool,
}

#[derive(Debug, Clone)]
pub struct Page {
    pub language: Language,
    pub region_name: String,
    pub zone_name: String,
    zone: TimeZone,
    pub operator: Option<Operator>,
    pub csrf: String,
    pub path: String,
    pub crumbs: Vec<Crumb>,
    pub now: Timestamp,
    /// The first part of the path: which entry of the navigation is current.
    place: &'static str,
}

impl Page {
    /// `place` is the path of the navigation's entry this page belongs to.
    pub fn new(state: &AppState, visit: Visit, place: &'static str) -> Self {
        let (operator, csrf) = match visit.signed_in {
            Some(signed_in) => (Some(signed_in.operator), signed_in.csrf),
            None => (None, String::new()),
        };
        Self {
            language: visit.language,
            region_name: state.region.name.clone(),
            zone_name: state.region.zone_name.clone(),
            zone: state.region.zone.clone(),
            operator,
            csrf,
            path: visit.path,
            crumbs: Vec::new(),
            now: visit.now,
            place,
        }
    }

    /// Shows times in a municipality's zone instead of the region's; an unknown zone changes nothing.
    pub fn in_zone(mut self, name: &str) -> Self {
        if let Ok(zone) = TimeZone::get(name) {
            self.zone = zone;
            self.zone_name = name.to_owned();
        }
        self
    }

    pub fn crumb(mut self, href: impl Into<String>, label: impl Into<String>) -> Self {
        self.crumbs.push(Crumb {
            href: href.into(),
            label: label.into(),
        });
        self
    }

    pub fn may(&self, right: Right) -> bool {
        self.operator.as_ref().is_some_and(|operator| operator.may(right))
    }

    /// The entries this person may open; none until the one-time password is changed.
    pub fn nav(&self) -> Vec<NavItem> {
        if self.operator.as_ref().is_none_or(|operator| operator.must_change_password) {
            return Vec::new();
        }
        [
            ("/", self.t("nav-overview"), Right::ViewOverview),
            ("/organizations", self.t("nav-organizations"), Right::ViewRegister),
            ("/devices", self.t("nav-devices"), Right::ViewDevices),
            ("/lines", self.t("nav-lines"), Right::ViewLines),
            ("/changes", self.t("nav-changes"), Right::ViewDevices),
            ("/parts", self.t("nav-parts"), Right::ViewDevices),
            ("/review", self.t("nav-review"), Right::ReviewDevices),
            ("/tokens", self.t("nav-tokens"), Right::ViewTokens),
            ("/evidence", self.t("nav-evidence"), Right::ViewOverview),
            ("/names", self.t("nav-names"), Right::ViewDevices),
            ("/operators", self.t("nav-operators"), Right::ManageOperators),
            ("/activity", self.t("nav-activity"), Right::ViewActivity),
        ]
        .into_iter()
        .filter(|(_, _, right)| self.may(*right))
        .map(|(href, label, _)| NavItem {
            href,
            label,
            current: href == self.place,
        })
        .collect()
    }

    pub fn t(&self, key: &str) -> String {
        self.language.t(key)
    }

    pub fn n(&self, key: &str, count: &i64) -> String {
        self.language.n(key, count)
    }

    pub fn with(&self, key: &str, name: &'static str, value: &str) -> String {
        self.language.with(key, name, value)
    }

    pub fn family(&self, family: &str, member: &str) -> String {
        self.language.family(family, member)
    }

    pub fn number(&self, value: &i64) -> String {
        format::number(*value)
    }

    pub fn moment(&self, at: &Timestamp) -> String {
        format::moment(*at, &self.zone)
    }

    pub fn exact_moment(&self, at: &Timestamp) -> String {
        format::exact_moment(*at, &self.zone)
    }

    pub fn machine_time(&self, at: &Timestamp) -> String {
        format::machine(*at)
    }

    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    pub fn languages(&self) -> [Language; 2] {
        Language::ALL
    }

    pub fn asset(&self, name: &str) -> String {
        asset::address(name)
    }

    pub fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    pub fn purposes(&self) -> [&'static str; 5] {
        ["classroom", "it_class", "mobile_class", "administration", "store"]
    }
}

/// A filled template as an answer.
pub fn html(template: impl Template) -> Result<Response, PageError> {
    let text = template.render().map_err(|error| PageError::Internal(Box::new(error)))?;
    Ok(Html(text).into_response())
}
