//! What went wrong, for a program: every error of the API is such a problem (RFC 9457). A kind goes in, with what is to be
//! said of this case; a response goes out. It names no address and no secret.

use axum::{
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::ROOT;
use crate::{newsroom::NewsroomError, store::StoreError};

/// What kind of thing went wrong. Programs branch on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Malformed,
    NoKey,
    NoToken,
    WrongScope,
    NotEveryList,
    NotFound,
    WrongMethod,
    MadeBefore,
    OtherReaders,
    WrongState,
    HadLeft,
    PrivateList,
    UnderWay,
    TooLarge,
    NotJson,
    Misdirected,
    Invalid,
    KeyUsed,
    TooMany,
    Failed,
    Unavailable,
}

impl Kind {
    /// Every kind, by status.
    pub(super) const ALL: [Self; 21] = [
        Self::Malformed,
        Self::NoKey,
        Self::NoToken,
        Self::WrongScope,
        Self::NotEveryList,
        Self::NotFound,
        Self::WrongMethod,
        Self::MadeBefore,
        Self::OtherReaders,
        Self::WrongState,
        Self::HadLeft,
        Self::PrivateList,
        Self::UnderWay,
        Self::TooLarge,
        Self::NotJson,
        Self::Misdirected,
        Self::Invalid,
        Self::KeyUsed,
        Self::TooMany,
        Self::Failed,
        Self::Unavailable,
    ];

    /// Its status, its word, and its title.
    pub(super) fn about(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Malformed => (StatusCode::BAD_REQUEST, "malformed", "The body is no JSON that can be read"),
            Self::NoKey => (StatusCode::BAD_REQUEST, "no-key", "The header Idempotency-Key is missing or unfit"),
            Self::NoToken => (StatusCode::UNAUTHORIZED, "no-token", "No token that is good now was shown"),
            Self::WrongScope => (StatusCode::FORBIDDEN, "wrong-scope", "The token lacks the scope for this"),
            Self::NotEveryList => {
                (StatusCode::FORBIDDEN, "not-every-list", "This needs a token that reaches every list")
            }
            Self::NotFound => (StatusCode::NOT_FOUND, "not-found", "There is no such thing for this token"),
            Self::WrongMethod => (StatusCode::METHOD_NOT_ALLOWED, "wrong-method", "This cannot be done there"),
            Self::MadeBefore => (StatusCode::CONFLICT, "made-before", "The same alert was made before"),
            Self::OtherReaders => (StatusCode::CONFLICT, "other-readers", "It would go to more or fewer than expected"),
            Self::WrongState => (StatusCode::CONFLICT, "wrong-state", "As things stand this cannot be done"),
            Self::HadLeft => (StatusCode::CONFLICT, "had-left", "They had left, and come back only by confirming"),
            Self::PrivateList => (StatusCode::CONFLICT, "private-list", "Nobody can be asked to join a private list"),
            Self::UnderWay => (StatusCode::CONFLICT, "under-way", "The same request is being done at this moment"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large"),
            Self::NotJson => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-json", "The body must be application/json"),
            Self::Misdirected => (StatusCode::MISDIRECTED_REQUEST, "misdirected", "This server has another name"),
            Self::Invalid => (StatusCode::UNPROCESSABLE_ENTITY, "invalid", "A value is missing, unknown or unfit"),
            Self::KeyUsed => (StatusCode::UNPROCESSABLE_ENTITY, "key-used", "This key came with another request"),
            Self::TooMany => (StatusCode::TOO_MANY_REQUESTS, "too-many", "Too many requests"),
            Self::Failed => (StatusCode::INTERNAL_SERVER_ERROR, "failed", "Something of ours is broken"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "This cannot be done just now"),
        }
    }

    /// The kind that fits a status of somebody else's making.
    fn of_status(status: StatusCode) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.about().0 == status)
    }
}

/// What a program is told (RFC 9457 §3).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct Told {
    /// Which kind of problem it is: programs branch on this. The page of the API says more of each.
    #[serde(rename = "type")]
    #[schema(format = "uri-reference", example = "/api/v1#not-found")]
    kind: String,
    /// The kind, in words.
    title: &'static str,
    /// The status of the response once more.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What is wrong here, and what to do.
    detail: String,
}

/// A problem on its way out.
#[derive(Debug)]
pub(super) struct Problem {
    kind: Kind,
    detail: String,
    retry_after: Option<u64>,
}

impl Problem {
    pub(super) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), retry_after: None }
    }

    /// What is not there, or is not for this token: both are told in the same words.
    pub(super) fn not_found() -> Self {
        Self::new(Kind::NotFound, "Nothing is there that this token reaches.")
    }

    /// A value that will not do.
    pub(super) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, detail)
    }

    /// The same problem, with the seconds after which it may be gone.
    pub(super) fn after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// True when it is not known whether anything was done.
    pub(super) fn is_ours(&self) -> bool {
        self.kind.about().0.is_server_error()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, word, title) = self.kind.about();
        let told = Told { kind: format!("{ROOT}#{word}"), title, status: status.as_u16(), detail: self.detail };
        let body = serde_json::to_string(&told).expect("texts and numbers are JSON");
        let mut response = (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        if self.kind == Kind::NoToken {
            let realm = HeaderValue::from_static("Bearer realm=\"tidings\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, realm);
        }
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if matches!(error, StoreError::Missing(_)) {
            return Self::not_found();
        }
        tracing::error!("a request of a program could not be answered: {error}");
        Self::new(Kind::Unavailable, "Something of ours does not work now. Please try again later.").after(60)
    }
}

impl From<NewsroomError> for Problem {
    fn from(error: NewsroomError) -> Self {
        let text = error.to_string();
        match error {
            NewsroomError::Store(error) => error.into(),
            NewsroomError::MadeBefore(_) => Self::new(Kind::MadeBefore, text),
            NewsroomError::OtherReaders { .. } => Self::new(Kind::OtherReaders, text),
            NewsroomError::NoList(_) => Self::not_found(),
            NewsroomError::Empty => Self::invalid(text),
            NewsroomError::Render(error) => {
                tracing::error!("a template is broken: {error}");
                Self::new(Kind::Failed, "A template is broken; nothing was done.")
            }
            _ => Self::new(Kind::WrongState, text),
        }
    }
}

/// Lets every error below the root of the API be a problem, whoever made it: a page that is not there, a method that
/// nobody takes, a name that is not ours, a time that ran out.
pub(in crate::web) async fn everywhere(request: Request, next: Next) -> Response {
    let below = request.uri().path().strip_prefix(ROOT);
    let is_ours = below.is_some_and(|below| below.is_empty() || below.starts_with('/'));
    let response = next.run(request).await;
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_told = kind.is_some_and(|kind| kind == "application/problem+json");
    if !is_ours || is_told || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let kind = Kind::of_status(status).unwrap_or(Kind::Failed);
    let (mut parts, body) = Problem::new(kind, kind.about().2).into_response().into_parts();
    // All else that the response carries stays: what guards it, and what it says of methods.
    let mut headers = response.headers().clone();
    headers.remove(header::CONTENT_LENGTH);
    for (name, value) in &parts.headers {
        headers.insert(name.clone(), value.clone());
    }
    (parts.headers, parts.status) = (headers, status);
    Response::from_parts(parts, body)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Kind;

    #[test]
    fn each_kind_has_a_word_of_its_own() {
        let words: BTreeSet<&str> = Kind::ALL.into_iter().map(|kind| kind.about().1).collect();
        assert_eq!(words.len(), Kind::ALL.len());
    }
}
