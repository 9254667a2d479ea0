//! The readers of a list as a CSV file to download, for those who may send. It is written while it is sent, so that a large
//! list needs no large memory; the ledger says who took it.

use axum::{
    body::Body,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::stream;

use super::{Site, visitor::Pressed};
use crate::{
    domain::{slug::Slug, staff::Right},
    store::StoreError,
    subscribe::{self, Exporting},
};

pub(super) async fn export(State(site): State<Site>, Pressed { visitor, form }: Pressed) -> Response {
    if let Some(refused) = visitor.refused(&site, Right::Send) {
        return refused;
    }
    let Some(list) = site.app.config.list(form.one("list")) else {
        return visitor.problem(&site, StatusCode::NOT_FOUND, "There is no list of that name.");
    };
    match subscribe::export(&visitor.app(&site), &list.name).await {
        Ok(exporting) => download(&list.name, exporting),
        Err(error) => visitor.failed(&site, "an export", &error),
    }
}

fn download(list: &Slug, exporting: Exporting) -> Response {
    // What breaks off is seen to be cut: its last piece never comes.
    let parts = stream::try_unfold(exporting, async |mut exporting: Exporting| {
        let part = exporting.next().await.inspect_err(|error| tracing::error!("an export breaks off: {error}"))?;
        Ok::<_, StoreError>(part.map(|part| (part, exporting)))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{list}.csv\"")),
    ];
    (headers, Body::from_stream(parts)).into_response()
}
