//! The archive: past issues of each list that has one, as they were mailed, and an Atom feed of them. Anybody may read,
//! index and keep these pages. What a mail says is not trusted: its page may run nothing, and shows pictures only.

use axum::{
    extract::{Path, RawQuery, State, rejection::PathRejection},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use data_encoding::HEXLOWER;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use super::{
    Site,
    form::Form,
    not_found,
    pages::{ListedIssue, Page, PastList},
};
use crate::{
    archive::{self, OpenedIssue, PastIssue},
    domain::{
        issue::{IssueId, IssueKind},
        list::List,
    },
};

/// Issues on one page, and in the Atom feed.
const PAGE: u32 = 30;
const FEED: u32 = 20;

/// Issues of each list on the page of all lists.
const NEWEST: u32 = 3;

/// A mail's page: it may lead elsewhere, and do nothing else.
const MAIL_POLICY: &str = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; \
     img-src https: http: data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What may be kept for a while, and found by a search.
const OPEN: [(HeaderName, &str); 2] =
    [(header::CACHE_CONTROL, "public, max-age=300"), (HeaderName::from_static("x-robots-tag"), "all")];

/// What stands in a link's place for a list; an error when that is no text at all.
type Named<T> = Result<Path<T>, PathRejection>;

/// All lists, each with its newest issues.
pub(super) async fn all(State(site): State<Site>) -> Response {
    let mut lists = Vec::new();
    for list in archive::archived_lists(&site.app) {
        match archive::past_issues(&site.app, &list.name, None, NEWEST).await {
            Ok(issues) => lists.push(past_list(list, &issues)),
            Err(error) => return site.failed("the archive", &error),
        }
    }
    open(site.pages.answer(StatusCode::OK, &Page::Archive { lists }))
}

/// The issues of one list; a query may name the one to begin below.
pub(super) async fn of_list(State(site): State<Site>, name: Named<String>, RawQuery(query): RawQuery) -> Response {
    let Some(list) = named(&site, &name) else { return not_found(State(site)).await };
    let query = Form::read(query.unwrap_or_default().as_bytes());
    let before = query.one("before").parse().ok().map(IssueId);
    // One more than the page shows tells whether there are older ones.
    match archive::past_issues(&site.app, &list.name, before, PAGE + 1).await {
        Ok(mut issues) => {
            let older = issues.len() > PAGE as usize;
            issues.truncate(PAGE as usize);
            let older = issues.last().filter(|_| older).map(|issue| issue.id.0);
            let page = Page::PastIssues { list: past_list(list, &issues), older, is_newest: before.is_none() };
            open(site.pages.answer(StatusCode::OK, &page))
        }
        Err(error) => site.failed("the archive of a list", &error),
    }
}

/// One issue, as it was mailed.
pub(super) async fn issue(State(site): State<Site>, path: Named<(String, String)>) -> Response {
    let found = match &path {
        Ok(Path((name, number))) => archive::archived_list(&site.app, name).zip(number.parse().ok().map(IssueId)),
        Err(_) => None,
    };
    let Some((list, id)) = found else { return not_found(State(site)).await };
    match archive::past_issue(&site.app, &list.name, id).await {
        Ok(None) => not_found(State(site)).await,
        Ok(Some(opened)) => {
            let bar = site.pages.bar(list, &listed(list, &opened.issue));
            let html = below_a_bar(&opened.mail.html, &bar);
            let kind = (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
            let policy = (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(MAIL_POLICY));
            open(([kind, policy], html).into_response())
        }
        Err(error) => site.failed("a past issue", &error),
    }
}

/// The newest issues of a list as an Atom feed (RFC 4287).
pub(super) async fn feed(State(site): State<Site>, name: Named<String>, headers: HeaderMap) -> Response {
    let Some(list) = named(&site, &name) else { return not_found(State(site)).await };
    let issues = match archive::past_issues(&site.app, &list.name, None, FEED).await {
        Ok(issues) => issues,
        Err(error) => return site.failed("the feed of a list's issues", &error),
    };
    let stamps: Vec<String> = issues.iter().map(|issue| format!("{} {}", issue.id.0, issue.mailed_at)).collect();
    let tag = format!("\"{}\"", HEXLOWER.encode(&Sha256::digest(stamps.join("\n"))[..16]));
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return open((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    let mut opened = Vec::new();
    for issue in &issues {
        match archive::past_issue(&site.app, &list.name, issue.id).await {
            Ok(found) => opened.extend(found),
            Err(error) => return site.failed("the feed of a list's issues", &error),
        }
    }
    let entries: Vec<_> = opened.iter().map(|one| (listed(list, &one.issue), content(one))).collect();
    let kind = (header::CONTENT_TYPE, "application/atom+xml; charset=utf-8".to_owned());
    match site.pages.atom(list, &site.app.config.base_url, &entries) {
        Some(xml) => open(([kind, (header::ETAG, tag)], xml).into_response()),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn named<'a>(site: &'a Site, name: &Named<String>) -> Option<&'a List> {
    name.as_ref().ok().and_then(|Path(name)| archive::archived_list(&site.app, name))
}

fn open(mut response: Response) -> Response {
    for (name, value) in OPEN {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn past_list<'a>(list: &'a List, issues: &[PastIssue]) -> PastList<'a> {
    PastList {
        name: list.name.as_str(),
        title: &list.title,
        description: &list.description,
        language: &list.language,
        issues: issues.iter().map(|issue| listed(list, issue)).collect(),
    }
}

fn listed(list: &List, issue: &PastIssue) -> ListedIssue {
    let mailed_at = issue.mailed_at.to_zoned_datetime(list.time_zone.clone());
    ListedIssue {
        id: issue.id.0,
        subject: issue.subject.clone(),
        is_alert: issue.kind == IssueKind::Alert,
        day: mailed_at.strftime("%-d %B %Y").to_string(),
        mailed_at: issue.mailed_at.to_zoned_datetime(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    }
}

/// A mail's document with a bar of ours before all that it shows. One whose body cannot be found is shown as it is.
fn below_a_bar(html: &str, bar: &str) -> String {
    match body_of(html) {
        Some((begin, _)) => format!("{}{bar}{}", &html[..begin], &html[begin..]),
        None => html.to_owned(),
    }
}

/// What is in the body of a mail's document, fit for XML 1.0.
fn content(opened: &OpenedIssue) -> String {
    let html = opened.mail.html.as_str();
    let body = body_of(html).map_or(html, |(begin, end)| &html[begin..end]);
    body.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

/// Where the body of a document of ours begins and ends.
fn body_of(html: &str) -> Option<(usize, usize)> {
    let tag = html.find("<body")?;
    let begin = tag + html[tag..].find('>')? + 1;
    let end = html.rfind("</body>").filter(|end| *end >= begin)?;
    Some((begin, end))
}

#[cfg(test)]
mod tests {
    use super::{below_a_bar, body_of};

    #[test]
    fn the_bar_stands_at_the_beginning_of_the_body() {
        assert_eq!(below_a_bar("<body class=\"page\"><p></body>", "|"), "<body class=\"page\">|<p></body>");
        for odd in ["", "<p>", "<body", "<body>", "</body><body>"] {
            assert_eq!(body_of(odd), None, "{odd}");
            assert_eq!(below_a_bar(odd, "|"), odd);
        }
    }
}
