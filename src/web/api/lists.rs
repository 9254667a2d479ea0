//! Lists, as a program sees them.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    super::Site,
    admitted::Admitted,
    asked::{Page, Part, part},
    problem::Problem,
};
use crate::domain::{
    access::Scope,
    issue::IssueKind,
    list::{Alerts, List, Privacy},
};

/// A list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = List)]
pub(super) struct ListShown {
    /// Its short name, which stays.
    #[schema(example = "news")]
    name: String,
    /// Its name as readers see it.
    title: String,
    /// What it is, in a sentence; may be empty.
    description: String,
    /// The language of its mails (BCP 47).
    language: String,
    /// Whether anybody may join it.
    is_public: bool,
    /// Whether breaking posts are mailed at once.
    has_alerts: bool,
    /// Whether it has digests.
    has_digests: bool,
}

/// A list, with how many it reaches.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ListWithReaders)]
pub(super) struct WithReaders {
    #[serde(flatten)]
    list: ListShown,
    /// How many would get an alert now.
    readers_of_alerts: u64,
    /// How many would get a digest now.
    readers_of_digests: u64,
}

/// The lists that the token reaches.
#[utoipa::path(get, path = "/lists", operation_id = "lists", tag = "lists", security(("token" = ["lists:read"])),
    responses((status = 200, description = "All of them.", body = Page<ListShown>)))]
pub(super) async fn all(State(site): State<Site>, admitted: Admitted) -> Result<Json<Page<ListShown>>, Problem> {
    admitted.needs(Scope::ListsRead)?;
    let lists = admitted.lists(&site).map(shown).collect();
    Ok(Json(Page::whole(lists)))
}

/// One list.
#[utoipa::path(get, path = "/lists/{list}", operation_id = "list", tag = "lists",
    security(("token" = ["lists:read"])), params(("list" = String, Path, description = "Its short name.")),
    responses((status = 200, description = "The list.", body = WithReaders)))]
pub(super) async fn one(
    State(site): State<Site>,
    admitted: Admitted,
    name: Part<String>,
) -> Result<Json<WithReaders>, Problem> {
    admitted.needs(Scope::ListsRead)?;
    let list = admitted.list(&site, &part(name)?)?;
    Ok(Json(WithReaders {
        list: shown(list),
        readers_of_alerts: site.app.store.count_readers(&list.name, IssueKind::Alert).await?,
        readers_of_digests: site.app.store.count_readers(&list.name, IssueKind::Digest).await?,
    }))
}

fn shown(list: &List) -> ListShown {
    ListShown {
        name: list.name.to_string(),
        title: list.title.clone(),
        description: list.description.clone(),
        language: list.language.clone(),
        is_public: list.privacy == Privacy::Public,
        has_alerts: list.alerts == Alerts::Immediate,
        has_digests: list.digest.is_some(),
    }
}
