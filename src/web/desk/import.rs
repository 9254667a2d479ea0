//! Importing a CSV at the desk: it is brought, read, and told what would come of it, with nothing written; a button then
//! imports just what was read. Reading is the same as on the command line (`subscribe::rehearse`, `subscribe::import`).

use std::{
    io::{self, BufReader, Seek, Write},
    sync::Arc,
};

use axum::{
    body::to_bytes,
    extract::{FromRequest, Multipart, Path, RawQuery, Request, State, multipart::Field, rejection::PathRejection},
    http::{StatusCode, header},
    response::Response,
};
use serde::Serialize;

use super::{
    Site,
    lists::Choice,
    pages::{DeskPage, Said, Word},
    uploads::{LARGEST, Upload, Uploads},
    visitor::{Pressed, Visitor},
};
use crate::{
    app::App,
    domain::{bounce::fit_to_show, consent::Door, number::counted, staff::Right},
    staff,
    subscribe::{self, BadLines, ImportError, Imported, Rehearsal},
    web::form::Form,
};

/// How many bad lines are told.
const TOLD: usize = 50;

/// The most that the fields of a form may weigh that are no file, in bytes.
const FIELD: usize = 1024;

#[derive(Serialize)]
struct Import<'a> {
    lists: Vec<Choice<'a>>,
    list: &'a str,
    /// In MiB.
    largest: usize,
    said: Said<'a>,
}

/// What would come of an upload.
#[derive(Serialize)]
struct Rehearsed<'a> {
    upload: &'a str,
    file: &'a str,
    list: Choice<'a>,
    facts: Vec<Fact>,
    bad: &'a [String],
    /// How many more bad lines there are than are told.
    more: u64,
    /// How many would join, with their noun; empty: nobody.
    joining: String,
}

/// What came of it.
#[derive(Serialize)]
struct Done<'a> {
    list: Choice<'a>,
    facts: Vec<Fact>,
    bad: &'a [String],
    more: u64,
    said: Said<'a>,
}

#[derive(Serialize)]
struct Fact {
    name: &'static str,
    value: String,
}

impl DeskPage for Import<'_> {
    const TEMPLATE: &'static str = "desk/import.html";
    const WORD: Word = Word::Readers;
}

impl DeskPage for Rehearsed<'_> {
    const TEMPLATE: &'static str = "desk/rehearsal.html";
    const WORD: Word = Word::Readers;
}

impl DeskPage for Done<'_> {
    const TEMPLATE: &'static str = "desk/imported.html";
    const WORD: Word = Word::Readers;
}

pub(super) async fn page(State(site): State<Site>, visitor: Visitor, RawQuery(query): RawQuery) -> Response {
    if let Some(refused) = visitor.refused(&site, Right::Send) {
        return refused;
    }
    let query = Form::read(query.unwrap_or_default().as_bytes());
    show(&site, &visitor, StatusCode::OK, query.one("list"), Said::default())
}

fn show(site: &Site, visitor: &Visitor, status: StatusCode, list: &str, said: Said<'_>) -> Response {
    let lists = site.app.config.lists.iter().map(Choice::of).collect();
    visitor.page(site, status, &Import { lists, list, largest: LARGEST / 1024 / 1024, said })
}

/// Reads what somebody brings, tells what would come of it, and keeps it until they decide.
pub(super) async fn rehearse(State(site): State<Site>, visitor: Visitor, request: Request) -> Response {
    if let Some(refused) = visitor.refused(&site, Right::Send) {
        return refused;
    }
    let Some(_turn) = site.uploads.turn() else {
        let text = "Others import just now. Please try again in a minute.";
        return visitor.problem(&site, StatusCode::SERVICE_UNAVAILABLE, text);
    };
    let upload = match brought(&site, &visitor, request).await {
        Ok(upload) => upload,
        Err(answer) => return answer,
    };
    let Some(list) = site.app.config.list(upload.list.as_str()) else { return no_list(&site, &visitor, "") };
    let rehearsal = subscribe::rehearse(&site.app, &upload.list, BufReader::new(&upload.file), TOLD).await;
    let rehearsal = match rehearsal {
        Ok(rehearsal) => rehearsal,
        Err(ImportError::Store(error)) => return visitor.failed(&site, "a rehearsal of an import", &error),
        Err(error) => return visitor.failed(&site, "a file for an import", &error),
    };
    let file = upload.name.clone();
    let Some(name) = site.uploads.keep(upload) else {
        let text = "Too many files wait to be imported just now. Please try again in an hour.";
        return visitor.problem(&site, StatusCode::SERVICE_UNAVAILABLE, text);
    };
    let joining = rehearsal.foreseen.new;
    visitor.page(
        &site,
        StatusCode::OK,
        &Rehearsed {
            upload: &name,
            file: &file,
            list: Choice::of(list),
            facts: foreseen(&rehearsal),
            bad: &rehearsal.bad,
            more: rehearsal.passed_over - rehearsal.bad.len() as u64,
            joining: if joining == 0 { String::new() } else { counted(joining, "reader") },
        },
    )
}

/// Imports what was brought, or lets it go.
pub(super) async fn decide(
    State(site): State<Site>,
    name: Result<Path<String>, PathRejection>,
    Pressed { visitor, form }: Pressed,
) -> Response {
    if let Some(refused) = visitor.refused(&site, Right::Send) {
        return refused;
    }
    let name = name.map_or(String::new(), |Path(name)| name);
    let seal = staff::form_seal(&site.app, &visitor.0);
    let Some(upload) = site.uploads.take(&name, &seal, site.app.clock.now()) else {
        let text = "This file is not here any more: it was imported already, or is just now, or it was let go, or brought \
                    more than an hour ago. The page of its list says what was imported.";
        return visitor.problem(&site, StatusCode::NOT_FOUND, text);
    };
    let Some(list) = site.app.config.list(upload.list.as_str()) else { return no_list(&site, &visitor, "") };
    match form.one("do") {
        "import" => {}
        "discard" => {
            let done = Said::done("Nothing was imported, and the file is gone.");
            return show(&site, &visitor, StatusCode::OK, list.name.as_str(), done);
        }
        _ => {
            site.uploads.put_back(name, upload, site.app.clock.now());
            return visitor.problem(&site, StatusCode::BAD_REQUEST, "Nothing was done: no button was pressed.");
        }
    }
    // A deed goes on when its browser gives up, but only for as long as a page may take to answer. Half an import, cut off
    // there, is nobody's wish: it goes on by itself.
    let importing = tokio::spawn(import(visitor.app(&site), Arc::clone(&site.uploads), name, upload));
    match importing.await.unwrap_or_else(|gone| Err(ImportError::Unreadable(io::Error::other(gone)))) {
        Ok(imported) => {
            let page = Done {
                list: Choice::of(list),
                facts: came_of(&imported),
                bad: &imported.bad,
                more: imported.passed_over - imported.bad.len() as u64,
                said: Said::done("It is imported."),
            };
            visitor.page(&site, StatusCode::OK, &page)
        }
        Err(error) => visitor.failed(&site, "an import", &error),
    }
}

async fn import(app: App, uploads: Arc<Uploads>, name: String, mut upload: Upload) -> Result<Imported, ImportError> {
    let imported = match upload.file.rewind() {
        Ok(()) => {
            let input = BufReader::new(&upload.file);
            subscribe::import(&app, &upload.list, input, Door::Import, BadLines::PassOver(TOLD)).await
        }
        Err(error) => Err(ImportError::Unreadable(error)),
    };
    if let Err(error) = &imported {
        // Told here, for nobody may wait for it any more.
        tracing::error!("an import at the desk was not done: {error}");
        // The button may be pressed again.
        uploads.put_back(name, upload, app.clock.now());
    }
    imported
}

/// What somebody brings, in a file of its own. The seal and the list stand before the file: nothing is read of what nobody
/// of ours brings.
async fn brought(site: &Site, visitor: &Visitor, request: Request) -> Result<Upload, Response> {
    let headers = request.headers().clone();
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let refused = |seal: &str| visitor.not_theirs(site, &headers, seal);
    if !kind.starts_with("multipart/form-data") {
        let body = to_bytes(request.into_body(), FIELD).await.unwrap_or_default();
        let form = Form::read(&body);
        if let Some(refused) = refused(form.one("seal")) {
            return Err(refused);
        }
        return Err(no_file(site, visitor, form.one("list")));
    }
    let broken = |text: &str| visitor.problem(site, StatusCode::BAD_REQUEST, text);
    let cut = || broken("Nothing was imported: the form came broken. Please try again.");
    let mut parts = Multipart::from_request(request, site).await.map_err(|_| cut())?;
    let (mut seal, mut list) = (String::new(), String::new());
    while let Some(mut part) = parts.next_field().await.map_err(|_| cut())? {
        match part.name() {
            Some("seal") => seal = short(&mut part).await.ok_or_else(cut)?,
            Some("list") => list = short(&mut part).await.ok_or_else(cut)?,
            Some("file") => {
                if let Some(refused) = refused(&seal) {
                    return Err(refused);
                }
                let Some(list) = site.app.config.list(&list) else { return Err(no_list(site, visitor, &list)) };
                let name = fit_to_show(part.file_name().unwrap_or_default());
                if name.is_empty() {
                    return Err(no_file(site, visitor, list.name.as_str()));
                }
                let file = received(site, visitor, part).await?;
                let (list, at) = (list.name.clone(), site.app.clock.now());
                return Ok(Upload { file, name, list, seal, at });
            }
            _ => {}
        }
    }
    if let Some(refused) = refused(&seal) {
        return Err(refused);
    }
    Err(no_file(site, visitor, &list))
}

/// A field that is no file; `None` when it is longer than any of ours.
async fn short(part: &mut Field<'_>) -> Option<String> {
    let mut bytes = Vec::new();
    while let Some(piece) = part.chunk().await.ok()? {
        bytes.extend_from_slice(&piece);
        if bytes.len() > FIELD {
            return None;
        }
    }
    String::from_utf8(bytes).ok()
}

/// The file, as it comes, in one of ours that has no name.
async fn received(site: &Site, visitor: &Visitor, mut part: Field<'_>) -> Result<std::fs::File, Response> {
    let failed = |error: std::io::Error| visitor.failed(site, "a place for an uploaded file", &error);
    let mut file = tempfile::tempfile().map_err(failed)?;
    loop {
        match part.chunk().await {
            Ok(Some(piece)) => file.write_all(&piece).map_err(failed)?,
            Ok(None) => break,
            Err(error) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                let text = format!("Nothing was imported: a file may have {} MiB.", LARGEST / 1024 / 1024);
                return Err(visitor.problem(site, StatusCode::PAYLOAD_TOO_LARGE, &text));
            }
            Err(_) => {
                let text = "Nothing was imported: the file did not come whole. Please try again.";
                return Err(visitor.problem(site, StatusCode::BAD_REQUEST, text));
            }
        }
    }
    file.rewind().map_err(failed)?;
    Ok(file)
}

fn no_list(site: &Site, visitor: &Visitor, list: &str) -> Response {
    let wrong = Said::wrong("Nothing was imported: please choose a list.");
    show(site, visitor, StatusCode::UNPROCESSABLE_ENTITY, list, wrong)
}

fn no_file(site: &Site, visitor: &Visitor, list: &str) -> Response {
    let wrong = Said::wrong("Nothing was imported: please choose a file.");
    show(site, visitor, StatusCode::UNPROCESSABLE_ENTITY, list, wrong)
}

fn foreseen(rehearsal: &Rehearsal) -> Vec<Fact> {
    let foreseen = rehearsal.foreseen;
    let new = match foreseen.suppressed {
        0 => counted(foreseen.new, "reader"),
        some => format!("{}, {some} of them suppressed: nothing is sent there", counted(foreseen.new, "reader")),
    };
    vec![
        Fact { name: "Would join", value: new },
        fact("On it already", foreseen.active),
        Fact { name: "Left before", value: format!("{}; they stay away", counted(foreseen.ended, "reader")) },
        Fact { name: "Erased before", value: format!("{}; they stay away", counted(foreseen.erased, "reader")) },
        Fact { name: "Bad lines", value: counted(rehearsal.passed_over, "line") },
    ]
}

fn came_of(imported: &Imported) -> Vec<Fact> {
    vec![
        fact("Joined", imported.joined),
        Fact {
            name: "Unchanged",
            value: format!("{}: on it already, or left before", counted(imported.unchanged, "reader")),
        },
        Fact { name: "Erased before", value: format!("{}; they stay away", counted(imported.erased, "reader")) },
        Fact { name: "Passed over", value: counted(imported.passed_over, "line") },
    ]
}

fn fact(name: &'static str, readers: u64) -> Fact {
    Fact { name, value: counted(readers, "reader") }
}
