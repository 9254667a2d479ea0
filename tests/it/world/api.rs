//! A program that uses the API of a world, with a token.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use reqwest::{
    Method,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use serde_json::Value;
use tidings::{
    access::{self, NewToken},
    domain::access::{AccessTokenId, Reach, Scope},
};

use super::{
    World,
    pages::{Answer, Pages},
    slug,
};

/// A program.
pub(crate) struct Program<'a> {
    pages: &'a Pages,
    pub(crate) id: AccessTokenId,
    pub(crate) token: String,
}

/// One operation of the OpenAPI document.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) id: String,
    pub(crate) method: Method,
    /// With placeholders: `/lists/{list}`.
    pub(crate) path: String,
    pub(crate) scope: Scope,
    pub(crate) statuses: Vec<u16>,
}

impl<'a> Program<'a> {
    /// A program whose token has these scopes on every list.
    pub(crate) async fn with(world: &World, pages: &'a Pages, scopes: &[Scope]) -> Self {
        Self::on(world, pages, scopes, &[]).await
    }

    /// A program whose token has these scopes on these lists; none: on every list.
    pub(crate) async fn on(world: &World, pages: &'a Pages, scopes: &[Scope], lists: &[&str]) -> Self {
        let reach = match lists {
            [] => Reach::Whole,
            lists => Reach::Lists(lists.iter().map(|list| slug(list)).collect()),
        };
        Self::for_so_long(world, pages, scopes, reach, None).await
    }

    /// A program whose token is good for so long.
    pub(crate) async fn for_so_long(
        world: &World,
        pages: &'a Pages,
        scopes: &[Scope],
        reach: Reach,
        good_for: Option<SignedDuration>,
    ) -> Self {
        let new = NewToken { name: "a program", scopes, reach, good_for };
        let (id, token) = access::make(&world.app, &new).await.expect("the store takes it");
        Self { pages, id, token }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, None, &[]).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask(Method::POST, path, Some(body), &[]).await
    }

    /// Asks for an alert, by a key.
    pub(crate) async fn alerts(&self, key: &str, body: &Value) -> Answer {
        self.ask(Method::POST, "/alerts", Some(body), &[("idempotency-key", key)]).await
    }

    pub(crate) async fn ask(&self, method: Method, path: &str, body: Option<&Value>, more: &[(&str, &str)]) -> Answer {
        let mut request = self.pages.request(method, &format!("/api/v1{path}"));
        request = request.header(AUTHORIZATION, format!("Bearer {}", self.token));
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        for (name, value) in more {
            request = request.header(*name, *value);
        }
        Answer::of(request).await
    }
}

impl Answer {
    /// What it says.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.text))
    }

    /// The word of the problem that it is.
    pub(crate) fn problem(&self) -> String {
        let kind = self.headers.get(CONTENT_TYPE).map(|kind| kind.to_str().expect("text").to_owned());
        assert_eq!(kind.as_deref(), Some("application/problem+json"), "{}: {}", self.status, self.text);
        let told = self.json();
        assert_eq!(told["status"], self.status.as_u16(), "{told}");
        assert!(told["title"].is_string() && told["detail"].is_string(), "{told}");
        let kind = told["type"].as_str().expect("a type");
        kind.strip_prefix("/api/v1#").expect("a type of ours").to_owned()
    }
}

/// Every operation of the OpenAPI document that the pages serve.
pub(crate) async fn operations(pages: &Pages) -> Vec<Operation> {
    let document = pages.get("/api/v1/openapi.json").await.json();
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let scope = operation["security"][0]["token"][0].as_str().expect("a scope");
            let statuses: BTreeMap<String, Value> =
                serde_json::from_value(operation["responses"].clone()).expect("responses");
            all.push(Operation {
                id: operation["operationId"].as_str().expect("a name").to_owned(),
                method: method.to_uppercase().parse().expect("a method"),
                path: path.clone(),
                scope: Scope::from_word(scope).expect("a scope of ours"),
                statuses: statuses.keys().map(|status| status.parse().expect("a status")).collect(),
            });
        }
    }
    all
}
