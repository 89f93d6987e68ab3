//! `/api/v1` for people's programs: JSON of the register, devices, tokens and evidence, in the caller's scope.
//!
//! The caller has a person's session (the cookie of signing in); what changes something also carries the
//! session's token in `X-CSRF-Token`, which `GET /api/v1/me` gives. Errors are problem+json with a stable code.
//! The document of all this is `GET /api/v1/openapi.json`.

pub mod devices;
pub mod evidence;
pub mod lines;
pub mod me;
pub mod organizations;
pub mod tokens;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use inventory_schema::problem::PROBLEM_CONTENT_TYPE;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};

use crate::store::{Listing, Page, StoreError};
use crate::web::error::{Worded, log};

/// A refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    detail: &'static str,
}

/// As a refusal is written (RFC 9457).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ApiProblem {
    pub status: u16,
    /// Stable, for programs.
    pub code: &'static str,
    /// In Russian, for people.
    pub detail: &'static str,
}

impl ApiError {
    const fn new(status: StatusCode, code: &'static str, detail: &'static str) -> Self {
        Self { status, code, detail }
    }

    pub const fn unauthenticated() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthenticated",
            "Нужен вход: отправьте cookie действующего сеанса.",
        )
    }

    pub const fn password_change_required() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "password_change_required",
            "Сначала смените одноразовый пароль на странице /password.",
        )
    }

    pub const fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "Ваша роль не разрешает этого.")
    }

    pub const fn csrf() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "csrf",
            "Нет или неверен заголовок X-CSRF-Token: возьмите его из /api/v1/me.",
        )
    }

    pub const fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "По этому адресу ничего нет, или это вне вашей области.",
        )
    }

    pub const fn invalid(detail: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", detail)
    }

    pub const fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Внутренняя ошибка контроллера, она записана в его журнал.",
        )
    }

    /// For answers that axum itself gave.
    pub fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::not_found(),
            StatusCode::METHOD_NOT_ALLOWED => Self::new(status, "method_not_allowed", "Этот адрес не принимает такого запроса."),
            StatusCode::PAYLOAD_TOO_LARGE => Self::new(status, "body_too_large", "Запрос больше допустимого."),
            StatusCode::FORBIDDEN => Self::forbidden(),
            StatusCode::UNAUTHORIZED => Self::unauthenticated(),
            status if status.is_server_error() => Self::internal(),
            status => Self {
                status,
                ..Self::invalid("Запрос не читается: проверьте адрес, тип содержимого и поля.")
            },
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        log(&error);
        if error.is_outage() {
            Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "storage_unavailable",
                "База данных недоступна или на её диске нет места. Повторите позже.",
            )
        } else {
            Self::internal()
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let problem = ApiProblem {
            status: self.status.as_u16(),
            code: self.code,
            detail: self.detail,
        };
        let mut response = (self.status, Json(problem)).into_response();
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_CONTENT_TYPE));
        response.extensions_mut().insert(Worded);
        response
    }
}

/// Which part of a list is asked for.
#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams)]
pub struct Paging {
    /// Counted from 1.
    pub page: Option<u32>,
    /// Rows on a page, 1 to 500; 50 unless said.
    pub per_page: Option<u32>,
}

impl Paging {
    fn piece(self) -> Page {
        Page::numbered(
            self.page.unwrap_or(1).clamp(1, 1_000_000),
            self.per_page.unwrap_or(50).clamp(1, 500),
        )
    }
}

/// A part of a list and how long the whole is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ListOf<T> {
    pub total: i64,
    pub rows: Vec<T>,
}

impl<T> ListOf<T> {
    fn of<R>(listing: Listing<R>, row: impl FnMut(R) -> T) -> Self {
        Self {
            total: listing.total,
            rows: listing.rows.into_iter().map(row).collect(),
        }
    }
}

#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "cos-controller",
        description = "The region's register, devices, tokens and evidence, for people's programs. A caller signs in on the page /login and sends its session cookie; writes also carry X-CSRF-Token.",
        license(name = "Apache-2.0")
    ),
    paths(
        openapi,
        me::show,
        organizations::list,
        organizations::show,
        lines::list,
        lines::show,
        devices::list,
        devices::show,
        devices::reports,
        devices::revoke,
        devices::rule_kind,
        tokens::list,
        tokens::create,
        tokens::revoke,
        evidence::checkpoints,
        evidence::export
    ),
    components(schemas(ApiProblem))
)]
struct Document;

/// The document as JSON.
pub fn openapi_document() -> String {
    Document::openapi()
        .to_json()
        .unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"))
}

/// This document.
#[utoipa::path(get, path = "/api/v1/openapi.json", responses((status = 200, description = "OpenAPI of this interface")))]
pub async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], openapi_document()).into_response()
}
