//! Who is staff. Everybody sees it; owners decide it.

use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
    response::Response,
};
use serde::Serialize;

use super::{
    Site,
    entry::sentence,
    pages::{DeskPage, Said, Word},
    visitor::{Pressed, Visitor},
};
use crate::{
    domain::{
        address::EmailAddress,
        staff::{Right, Role, StaffId},
    },
    staff::{self, AppointError, Dismissed},
};

/// Longer names are cut.
const NAME: usize = 100;

#[derive(Serialize)]
struct People<'a> {
    people: Vec<Person>,
    roles: Vec<RoleChoice>,
    said: Said<'a>,
}

#[derive(Serialize)]
struct Person {
    id: i64,
    address: String,
    name: String,
    role: &'static str,
    has_password: bool,
    has_factor: bool,
    is_me: bool,
}

#[derive(Serialize)]
struct RoleChoice {
    name: &'static str,
    allows: &'static str,
}

impl DeskPage for People<'_> {
    const TEMPLATE: &'static str = "desk/staff.html";
    const WORD: Word = Word::Staff;
}

pub(super) async fn page(State(site): State<Site>, visitor: Visitor) -> Response {
    show(&site, &visitor, StatusCode::OK, Said::default()).await
}

pub(super) async fn appoint(State(site): State<Site>, Pressed { visitor, form }: Pressed) -> Response {
    if let Some(refused) = visitor.refused(&site, Right::Appoint) {
        return refused;
    }
    let (Ok(address), Some(role)) = (EmailAddress::parse(form.one("address")), Role::from_word(form.one("role")))
    else {
        let wrong = "Write the address in full, such as ana@example.org, and choose a role.";
        return show(&site, &visitor, StatusCode::UNPROCESSABLE_ENTITY, Said::wrong(wrong)).await;
    };
    let name: String = form.one("name").chars().filter(|c| !c.is_control()).take(NAME).collect();
    let by = visitor.0.staff.address.to_string();
    match staff::appoint(&visitor.app(&site), &address, &name, role, &by).await {
        Ok(_) => {
            let said =
                format!("{} gets a mail with a link to choose a password. It is good for a day.", address.reveal());
            show(&site, &visitor, StatusCode::OK, Said::done(&said)).await
        }
        Err(error) => problem(&site, &visitor, &error).await,
    }
}

pub(super) async fn change(
    State(site): State<Site>,
    id: Result<Path<i64>, PathRejection>,
    Pressed { visitor, form }: Pressed,
) -> Response {
    if let Some(refused) = visitor.refused(&site, Right::Appoint) {
        return refused;
    }
    let found = match id {
        Ok(Path(id)) => site.app.store.account(StaffId(id)).await.ok(),
        Err(_) => None,
    };
    let Some(account) = found else {
        return visitor.problem(&site, StatusCode::NOT_FOUND, "There is nobody of that number.");
    };
    let (address, by) = (&account.staff.address, visitor.0.staff.address.to_string());
    let done = match (form.one("do"), Role::from_word(form.one("role"))) {
        ("dismiss", _) => staff::dismiss(&visitor.app(&site), address, &by).await.map(|dismissed| match dismissed {
            Dismissed::Now => format!("{} is staff no more.", address.reveal()),
            Dismissed::NotStaff => format!("{} was not staff.", address.reveal()),
        }),
        // This page may be from before they were dismissed.
        ("invite", _) if account.ended_at.is_some() => Err(AppointError::NotStaff(address.clone())),
        ("invite", _) => staff::invite(&visitor.app(&site), &account.staff)
            .await
            .map(|_| format!("{} gets another mail with a link.", address.reveal()))
            .map_err(AppointError::from),
        (_, Some(role)) => staff::give_role(&visitor.app(&site), address, role, &by)
            .await
            .map(|()| format!("{} is {} now, and must sign in anew.", address.reveal(), role.as_str())),
        (_, None) => return visitor.problem(&site, StatusCode::UNPROCESSABLE_ENTITY, "There is no such role."),
    };
    match done {
        // Their own session may have ended by it.
        Ok(_) if account.staff.id == visitor.0.staff.id => site.go(""),
        Ok(said) => show(&site, &visitor, StatusCode::OK, Said::done(&said)).await,
        Err(error) => problem(&site, &visitor, &error).await,
    }
}

async fn problem(site: &Site, visitor: &Visitor, error: &AppointError) -> Response {
    let wrong = match error {
        AppointError::Store(error) => return visitor.failed(site, "appointing staff", error),
        AppointError::Link(staff::LinkError::Store(error)) => return visitor.failed(site, "inviting staff", error),
        AppointError::Link(staff::LinkError::Render(error)) => return visitor.failed(site, "inviting staff", error),
        AppointError::Link(_) => "They had as many links as a day may bring; wait before another.".to_owned(),
        AppointError::Already(address) => format!("{} is staff already.", address.reveal()),
        AppointError::NotStaff(_) | AppointError::LastOwner(_) => sentence(error),
    };
    show(site, visitor, StatusCode::CONFLICT, Said::wrong(&wrong)).await
}

async fn show(site: &Site, visitor: &Visitor, status: StatusCode, said: Said<'_>) -> Response {
    let accounts = match site.app.store.accounts().await {
        Ok(accounts) => accounts,
        Err(error) => return visitor.failed(site, "the list of staff", &error),
    };
    let people = accounts.into_iter().map(|account| Person {
        id: account.staff.id.0,
        address: account.staff.address.reveal().to_owned(),
        name: account.staff.name,
        role: account.staff.role.as_str(),
        has_password: account.password.is_some(),
        has_factor: account.second_factor.is_some(),
        is_me: account.staff.id == visitor.0.staff.id,
    });
    let roles = Role::ALL.into_iter().map(|role| RoleChoice { name: role.as_str(), allows: role.describe() });
    visitor.page(site, status, &People { people: people.collect(), roles: roles.collect(), said })
}
