//! Posts, as a program sees them.

use axum::{Json, extract::State};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    super::Site,
    admitted::Admitted,
    asked::{Asks, Page, Paging, Part, asks, part},
    problem::Problem,
};
use crate::domain::{
    access::Scope,
    post::{PostId, StoredPost},
    slug::Slug,
};

/// What a feed brought.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Post)]
pub(super) struct PostShown {
    /// Its number.
    id: i64,
    /// Its feed.
    feed: String,
    /// Its title.
    title: String,
    /// Where it can be read.
    link: Option<String>,
    /// Its beginning, as text.
    summary: String,
    /// Its categories.
    categories: Vec<String>,
    /// When its feed says that it was published.
    #[schema(value_type = Option<String>, format = DateTime)]
    published_at: Option<Timestamp>,
    /// When we saw it first.
    #[schema(value_type = String, format = DateTime)]
    first_seen_at: Timestamp,
    /// Whether it is news, or what else: `news`, `baseline`, `old`, `repeat`, `waiting`, `held` or `dismissed`.
    standing: &'static str,
    /// Why.
    standing_reason: String,
    /// `routine` or `breaking`.
    urgency: &'static str,
    /// Why.
    urgency_reason: String,
}

/// Which posts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Of one feed.
    #[param(max_length = 40)]
    feed: Option<String>,
    /// How many entries at most; 50 when it is not said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
    /// What `next` of the page before said.
    #[param(max_length = 100)]
    cursor: Option<String>,
}

/// Posts of the feeds of the lists that the token reaches, the newest first.
#[utoipa::path(get, path = "/posts", operation_id = "posts", tag = "posts", security(("token" = ["posts:read"])),
    params(Which), responses((status = 200, description = "A page.", body = Page<PostShown>)))]
pub(super) async fn all(
    State(site): State<Site>,
    admitted: Admitted,
    which: Asks<Which>,
) -> Result<Json<Page<PostShown>>, Problem> {
    admitted.needs(Scope::PostsRead)?;
    let which = asks(which)?;
    let paging = Paging::new(which.limit, which.cursor);
    let only = admitted.only_feeds(&site);
    let feeds = match which.feed {
        Some(name) => Some(vec![reached(&site, only.as_deref(), &name)?]),
        None => only,
    };
    let before = paging.after("posts")?.map(PostId);
    let found = site.app.store.posts_before(feeds.as_deref(), before, paging.limit()?).await?;
    Ok(Json(paging.page("posts", found, |post| post.id.0, shown)?))
}

/// One post.
#[utoipa::path(get, path = "/posts/{post}", operation_id = "post", tag = "posts",
    security(("token" = ["posts:read"])), params(("post" = i64, Path, description = "Its number.")),
    responses((status = 200, description = "The post.", body = PostShown)))]
pub(super) async fn one(
    State(site): State<Site>,
    admitted: Admitted,
    id: Part<i64>,
) -> Result<Json<PostShown>, Problem> {
    admitted.needs(Scope::PostsRead)?;
    let found = site.app.store.post(PostId(part(id)?)).await?;
    let only = admitted.only_feeds(&site);
    let found = found.filter(|post| only.as_ref().is_none_or(|feeds| feeds.contains(&post.feed)));
    found.map(shown).map(Json).ok_or_else(Problem::not_found)
}

/// The feed of that name, when it is there and the token reaches it.
fn reached(site: &Site, only: Option<&[Slug]>, name: &str) -> Result<Slug, Problem> {
    let found = site.app.config.feed(name).map(|feed| feed.name.clone());
    found.filter(|feed| only.is_none_or(|feeds| feeds.contains(feed))).ok_or_else(Problem::not_found)
}

fn shown(stored: StoredPost) -> PostShown {
    PostShown {
        id: stored.id.0,
        feed: stored.feed.to_string(),
        title: stored.post.title,
        link: stored.post.link,
        summary: stored.post.summary,
        categories: stored.post.categories,
        published_at: stored.post.published_at,
        first_seen_at: stored.first_seen_at,
        standing: stored.standing.as_str(),
        standing_reason: stored.standing_reason,
        urgency: stored.verdict.urgency.as_str(),
        urgency_reason: stored.verdict.reason,
    }
}
