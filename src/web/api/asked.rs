//! What a program sends: a JSON body, a query, a number in a path. Bytes come in; a value of the wanted kind goes out, or
//! the problem with it. What is unknown is refused, so that a misspelt field is never passed over in silence.

use axum::{
    body::Bytes,
    extract::{FromRequest, Path, Query, Request, rejection::PathRejection, rejection::QueryRejection},
    http::{HeaderMap, header},
};
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use utoipa::{IntoParams, ToSchema};

use super::{
    super::Site,
    problem::{Kind, Problem},
};
use crate::domain::address::EmailAddress;

/// The most that a body may weigh, in bytes.
pub(super) const LARGEST: usize = 256 * 1024;

/// Entries on a page, when nothing is said of it, and at most.
const USUAL: u16 = 50;
const MOST: u16 = 200;

/// A body as it came. It is read only once it is known who asks and whether they may.
#[derive(Debug)]
pub(super) struct Sent(Result<Bytes, Kind>);

impl FromRequest<Site> for Sent {
    type Rejection = std::convert::Infallible;

    async fn from_request(request: Request, site: &Site) -> Result<Self, Self::Rejection> {
        let is_json = is_json(request.headers());
        let bytes = Bytes::from_request(request, site).await;
        let too_large = |_| Kind::TooLarge;
        Ok(Self(if is_json { bytes.map_err(too_large) } else { Err(Kind::NotJson) }))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

impl Sent {
    /// The bytes.
    pub(super) fn bytes(&self) -> Result<&[u8], Problem> {
        match &self.0 {
            Ok(bytes) => Ok(bytes),
            Err(kind) => Err(Problem::new(*kind, kind.about().2)),
        }
    }

    /// What the body says. serde_json goes no deeper than 128 levels.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_json::from_slice(self.bytes()?).map_err(|error| match error.classify() {
            // The error names fields and places, never a value of ours.
            serde_json::error::Category::Data => Problem::invalid(format!("The body will not do: {error}.")),
            _ => Problem::new(Kind::Malformed, format!("The body is no JSON: {error}.")),
        })
    }
}

/// A part of a path.
pub(super) type Part<T> = Result<Path<T>, PathRejection>;

/// What a part of a path says; what is no such thing is not there.
pub(super) fn part<T>(part: Part<T>) -> Result<T, Problem> {
    part.map(|Path(value)| value).map_err(|_| Problem::not_found())
}

/// A query.
pub(super) type Asks<T> = Result<Query<T>, QueryRejection>;

/// What a query says.
pub(super) fn asks<T>(query: Asks<T>) -> Result<T, Problem> {
    query.map(|Query(value)| value).map_err(|error| Problem::invalid(error.body_text()))
}

/// Which page is wanted of something that has many.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Paging {
    /// How many entries at most; 50 when it is not said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
    /// What `next` of the page before said.
    #[param(max_length = 100)]
    cursor: Option<String>,
}

/// A page of something that has many.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Page<T> {
    /// The entries. They may be few, and none, on a page that is not the last.
    items: Vec<T>,
    /// The cursor of the next page; none: this is the last.
    next: Option<String>,
}

impl<T> Page<T> {
    /// All there is, on one page.
    pub(super) fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }

    /// The same page, which is not the last if it was only looked for its entries up to a number.
    pub(super) fn going_on(self, of: &str, looked_up_to: Option<i64>) -> Self {
        Self { next: self.next.or_else(|| looked_up_to.map(|last| cursor(of, last))), ..self }
    }
}

/// What a listing goes on by, behind the entry of that number.
fn cursor(of: &str, number: i64) -> String {
    BASE64URL_NOPAD.encode(format!("{of} {number}").as_bytes())
}

impl Paging {
    pub(super) fn new(limit: Option<u16>, cursor: Option<String>) -> Self {
        Self { limit, cursor }
    }

    /// How many to ask the store for: one more than are shown, to know whether there are more.
    pub(super) fn limit(&self) -> Result<i64, Problem> {
        self.shown().map(|shown| i64::from(shown) + 1)
    }

    fn shown(&self) -> Result<u16, Problem> {
        let limit = self.limit.unwrap_or(USUAL);
        let wrong = || Problem::invalid(format!("`limit` must be from 1 to {MOST}."));
        (1..=MOST).contains(&limit).then_some(limit).ok_or_else(wrong)
    }

    /// The number after which the page begins, when there is a cursor. It is of no other listing than this.
    pub(super) fn after(&self, of: &str) -> Result<Option<i64>, Problem> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let text = BASE64URL_NOPAD.decode(cursor.as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let number = text.as_deref().and_then(|text| text.split_once(' ')).filter(|(named, _)| *named == of);
        let number = number.and_then(|(_, number)| number.parse().ok());
        number.map(Some).ok_or_else(|| Problem::invalid("`cursor` is none that a page of this listing gave."))
    }

    /// The page of what the store gave: each entry is made by `show`, and numbered by `number`.
    pub(super) fn page<S, T>(
        &self,
        of: &str,
        mut found: Vec<S>,
        number: impl Fn(&S) -> i64,
        show: impl Fn(S) -> T,
    ) -> Result<Page<T>, Problem> {
        let shown = usize::from(self.shown()?);
        let has_more = found.len() > shown;
        found.truncate(shown);
        let last = found.last().filter(|_| has_more).map(number);
        let next = last.map(|last| cursor(of, last));
        Ok(Page { items: found.into_iter().map(show).collect(), next })
    }
}

/// Somebody's address, in a body: in a URL it would stand in logs.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Whom {
    /// Their address.
    #[schema(format = Email, max_length = 254)]
    address: String,
}

impl Whom {
    pub(super) fn address(&self) -> Result<EmailAddress, Problem> {
        address(&self.address)
    }
}

/// An address as a program wrote it.
pub(super) fn address(text: &str) -> Result<EmailAddress, Problem> {
    EmailAddress::parse(text).map_err(|error| Problem::invalid(format!("`address` will not do: {error}.")))
}
