//! Tokens: the list, the form, the one sight of a new token, its file, revoking.

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use inventory_schema::enrollment::{EnrollmentToken, ProxyUrl, TokenId};
use inventory_schema::{OrganizationId, Timestamp};
use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};
use serde::Deserialize;

use super::error::PageError;
use super::language::Language;
use super::page::{Page, Visit, html};
use super::pager::{Pager, piece};
use super::place::{ChoiceGroup, PlaceChoice, choices, in_words};
use super::session::SignedIn;
use crate::access::{Operator, Right};
use crate::activity_log::{Action, Entry, SubjectKind};
use crate::state::AppState;
use crate::store::building::Place;
use crate::store::token::Token;
use crate::token::{self, CreateTokenError, TokenOrigin, TokenWish};

/// How many computers one token may enroll at most.
pub const MAX_USES: u32 = 1000;
/// How many days a token may hold at most.
pub const MAX_DAYS: u32 = 365;
/// The most characters of a note.
pub const MAX_NOTE_CHARS: usize = 200;

/// What has become of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenState {
    Active,
    Expired,
    Exhausted,
    Revoked,
}

impl TokenState {
    pub fn of(token: &Token, now: Timestamp) -> Self {
        if token.revoked_at.is_some() {
            Self::Revoked
        } else if token.expires_at <= now {
            Self::Expired
        } else if token.uses >= token.uses_limit {
            Self::Exhausted
        } else {
            Self::Active
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Exhausted => "exhausted",
            Self::Revoked => "revoked",
        }
    }
}

#[derive(Debug, Clone)]
struct TokenLine {
    id: String,
    organization_id: String,
    organization: String,
    place: String,
    uses: i64,
    uses_limit: i64,
    expires: Timestamp,
    note: String,
    state: &'static str,
    class: &'static str,
}

#[derive(Debug, Template)]
#[template(path = "tokens.html")]
struct TokensPage {
    page: Page,
    total: i64,
    rows: Vec<TokenLine>,
    may_revoke: bool,
    pager: Pager,
}

#[derive(Debug, Default, Deserialize)]
pub struct TokensQuery {
    page: Option<u32>,
}

/// `GET /tokens`
pub async fn list(
    State(state): State<AppState>,
    Query(query): Query<TokensQuery>,
    signed_in: SignedIn,
    visit: Visit,
) -> Result<Response, PageError> {
    let (number, piece) = piece(query.page);
    let found = state.store.tokens(signed_in.operator.scope.into(), None, piece).await?;
    let now = visit.now;
    html(TokensPage {
        page: Page::new(&state, visit, "/tokens"),
        total: found.total,
        rows: found.rows.iter().map(|token| line(token, now)).collect(),
        may_revoke: signed_in.operator.may(Right::RevokeTokens),
        pager: Pager::of(number, found.total, "/tokens", &[]),
    })
}

fn line(token: &Token, now: Timestamp) -> TokenLine {
    let state = TokenState::of(token, now);
    TokenLine {
        id: token.external_id.to_string(),
        organization_id: token.organization.to_string(),
        organization: token.organization_short_name.clone(),
        place: in_words(&token.building_address, token.room_name.as_deref()),
        uses: token.uses,
        uses_limit: token.uses_limit,
        expires: token.expires_at,
        note: token.note.clone(),
        state: state.as_str(),
        class: if state == TokenState::Active { "good" } else { "" },
    }
}

#[derive(Debug, Template)]
#[template(path = "token_new.html")]
struct TokenForm {
    page: Page,
    id: String,
    organization: String,
    places: Vec<ChoiceGroup>,
    uses: String,
    days: String,
    proxy: String,
    note: String,
    failures: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub struct TokenFields {
    place: String,
    uses: String,
    days: String,
    #[serde(default)]
    proxy: String,
    #[serde(default)]
    note: String,
}

impl Default for TokenFields {
    fn default() -> Self {
        Self {
            place: String::new(),
            uses: "30".to_owned(),
            days: "30".to_owned(),
            proxy: String::new(),
            note: String::new(),
        }
    }
}

/// `GET /organizations/{organization}/tokens/new`
pub async fn form(
    State(state): State<AppState>,
    Path(id): Path<OrganizationId>,
    signed_in: SignedIn,
    visit: Visit,
) -> Result<Response, PageError> {
    form_page(&state, id, &signed_in.operator, visit, TokenFields::default(), Vec::new()).await
}

async fn form_page(
    state: &AppState,
    id: OrganizationId,
    who: &Operator,
    visit: Visit,
    fields: TokenFields,
    failures: Vec<String>,
) -> Result<Response, PageError> {
    let scope = who.scope.into();
    let organization = state.store.organization(scope, id).await?.ok_or(PageError::NotFound)?;
    let l = visit.language;
    html(TokenForm {
        page: Page::new(state, visit, "/tokens")
            .crumb("/organizations", l.t("nav-organizations"))
            .crumb(format!("/organizations/{id}"), &organization.short_name),
        id: id.to_string(),
        organization: organization.short_name,
        places: choices(&state.store, scope, id, &fields.place, l).await?,
        uses: fields.uses,
        days: fields.days,
        proxy: fields.proxy,
        note: fields.note,
        failures,
    })
}

/// Makes a token and records who did. The answer holds the secret: it is shown once and never again.
pub async fn issue(state: &AppState, who: &Operator, wish: TokenWish, now: Timestamp) -> Result<EnrollmentToken, CreateTokenError> {
    let origin = TokenOrigin {
        region: state.region.id.clone(),
        controllers: state.region.controllers.clone(),
        ca: state.authority.current().pin(),
    };
    let entry = |token: &EnrollmentToken| {
        Entry::new(now, who, Action::TokenCreated, SubjectKind::Token, token.id)
            .of_organization(wish.place.organization_id)
            .with("place", in_words(&wish.place.address, wish.place.room_name.as_deref()))
            .with("uses", wish.uses)
            .with("days", wish.days)
            .with("note", wish.note.as_str())
    };
    let token = token::issue(&state.store, origin, wish.clone(), Some(who.id), now).await?;
    entry(&token).record(&state.store).await?;
    Ok(token)
}

#[derive(Debug, Template)]
#[template(path = "token_created.html")]
struct TokenCreated {
    page: Page,
    id: String,
    organization: String,
    place: String,
    uses: i64,
    expires: Timestamp,
    line: String,
    qr: String,
}

/// `POST /organizations/{organization}/tokens`
pub async fn create(
    State(state): State<AppState>,
    Path(id): Path<OrganizationId>,
    signed_in: SignedIn,
    visit: Visit,
    Form(fields): Form<TokenFields>,
) -> Result<Response, PageError> {
    let who = &signed_in.operator;
    state.store.organization(who.scope.into(), id).await?.ok_or(PageError::NotFound)?;
    let place = match fields.place.parse::<PlaceChoice>() {
        // A place that is named and not there is 404, as any other thing out of scope.
        Ok(choice) => Some(choice.find(&state.store, who.scope.into(), id).await?.ok_or(PageError::NotFound)?),
        Err(_) => None,
    };
    let wish = match checked(&fields, place, visit.language) {
        Ok(wish) => wish,
        Err(failures) => return form_page(&state, id, who, visit, fields, failures).await,
    };
    let (place, uses) = (wish.place.clone(), wish.uses);
    let token = issue(&state, who, wish, visit.now)
        .await
        .map_err(|error| PageError::Internal(Box::new(error)))?;
    let line = token.to_line();
    html(TokenCreated {
        page: Page::new(&state, visit, "/tokens"),
        id: id.to_string(),
        organization: place.organization_short_name,
        place: in_words(&place.address, place.room_name.as_deref()),
        uses: i64::from(uses),
        expires: token.expires,
        qr: qr(&line)?,
        line,
    })
}

/// The fields as values, or what is wrong with each of them.
fn checked(fields: &TokenFields, place: Option<Place>, l: Language) -> Result<TokenWish, Vec<String>> {
    let number = |text: &str, most: u32| text.trim().parse::<u32>().ok().filter(|number| (1..=most).contains(number));
    let (uses, days) = (number(&fields.uses, MAX_USES), number(&fields.days, MAX_DAYS));
    let proxy = Some(fields.proxy.trim())
        .filter(|proxy| !proxy.is_empty())
        .map(str::parse::<ProxyUrl>)
        .transpose();
    let note = fields.note.trim();
    let mut failures = Vec::new();
    let mut demand = |holds: bool, sentence: String| {
        if !holds {
            failures.push(sentence);
        }
    };
    demand(place.is_some(), l.t("token-place-wrong"));
    demand(uses.is_some(), l.t("token-uses-wrong"));
    demand(days.is_some(), l.t("token-days-wrong"));
    demand(proxy.is_ok(), l.t("token-proxy-wrong"));
    demand(note.chars().count() <= MAX_NOTE_CHARS, l.t("token-note-wrong"));
    match (place, uses, days, proxy) {
        (Some(place), Some(uses), Some(days), Ok(proxy)) if failures.is_empty() => Ok(TokenWish {
            place,
            uses,
            days,
            proxy,
            note: note.to_owned(),
        }),
        _ => Err(failures),
    }
}

/// A picture of the line; an address of usual length gives some 90 modules a side, which a phone reads off a screen.
fn qr(line: &str) -> Result<String, PageError> {
    let code = QrCode::with_error_correction_level(line, EcLevel::L).map_err(|error| PageError::Internal(Box::new(error)))?;
    let picture = code.render::<svg::Color>().min_dimensions(288, 288).build();
    // The XML declaration has no place inside a page.
    Ok(picture.find("<svg").map_or_else(String::new, |start| picture[start..].to_owned()))
}

#[derive(Debug, Deserialize)]
pub struct FileForm {
    line: String,
}

/// `POST /tokens/file`: the token that the page shows, as a file. The secret is not stored, so the page sends it.
pub async fn file(Form(form): Form<FileForm>) -> Result<Response, PageError> {
    let token = EnrollmentToken::from_line(&form.line).map_err(|_| PageError::BadRequest)?;
    let disposition = format!("attachment; filename=\"cos-token-{}.txt\"", token.id);
    Ok((
        [
            (header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
            (header::CONTENT_DISPOSITION, disposition),
            (header::CACHE_CONTROL, "no-store".to_owned()),
        ],
        format!("{}\n", token.to_line()),
    )
        .into_response())
}

/// Revokes a token of one's scope; answers whether there was one.
pub async fn revoke_by(state: &AppState, who: &Operator, id: TokenId, now: Timestamp) -> Result<bool, crate::store::StoreError> {
    let Some(token) = state.store.token(who.scope.into(), id).await? else {
        return Ok(false);
    };
    if state.store.revoke_token(who.scope.into(), id, now).await? {
        Entry::new(now, who, Action::TokenRevoked, SubjectKind::Token, id)
            .of_organization(token.organization_id)
            .record(&state.store)
            .await?;
    }
    Ok(true)
}

/// `POST /tokens/{token}/revoke`
pub async fn revoke(
    State(state): State<AppState>,
    Path(id): Path<TokenId>,
    signed_in: SignedIn,
    visit: Visit,
) -> Result<Response, PageError> {
    if revoke_by(&state, &signed_in.operator, id, visit.now).await? {
        Ok(Redirect::to("/tokens").into_response())
    } else {
        Err(PageError::NotFound)
    }
}
