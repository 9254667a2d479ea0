//! The OpenAPI 3.1 document: what the routes say of themselves, with what is true of all of them: where they are, by which
//! token they are reached, and which problems each may answer with. It is also what the page for people is drawn from.

use serde::Serialize;
use serde_json::{Map, Value, json};
use url::Url;
use utoipa::{
    Modify, OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

use super::{
    ROOT,
    problem::{Kind, Told},
};
use crate::domain::access::Scope;

/// What the document says before all routes.
#[derive(OpenApi)]
#[openapi(
    info(title = "Tidings", version = "1", description = "Lists, their readers, issues and alerts, for programs.",
         license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")),
    components(schemas(Told)),
    modifiers(&Token),
    tags((name = "lists", description = "What can be subscribed to."),
         (name = "subscribers", description = "Who is on a list."),
         (name = "issues", description = "What went out, and to whom."),
         (name = "alerts", description = "What cannot wait."),
         (name = "posts", description = "What the feeds brought."),
         (name = "runs", description = "What was done by itself."))
)]
pub(super) struct About;

struct Token;

impl Modify for Token {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An access token: `tidings tokens add NAME --scope SCOPE` makes one."));
        if let Some(components) = &mut openapi.components {
            components.add_security_scheme("token", SecurityScheme::Http(scheme.build()));
        }
    }
}

/// The problems that any route may answer with, and those of routes with a body.
const ANYWHERE: [Kind; 8] = [
    Kind::NoToken,
    Kind::WrongScope,
    Kind::NotFound,
    Kind::Misdirected,
    Kind::Invalid,
    Kind::TooMany,
    Kind::Failed,
    Kind::Unavailable,
];
const WITH_BODY: [Kind; 3] = [Kind::Malformed, Kind::TooLarge, Kind::NotJson];

/// The whole document, for an API that is at `server`.
pub(super) fn finished(openapi: &utoipa::openapi::OpenApi, server: &str) -> Value {
    let mut document = serde_json::to_value(openapi).expect("a document is JSON");
    document["servers"] = json!([{ "url": server }]);
    for (_, _, operation) in operations(&mut document) {
        let has_body = operation.get("requestBody").is_some();
        let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else { continue };
        let kinds = ANYWHERE.iter().chain(WITH_BODY.iter().filter(|_| has_body));
        for kind in kinds {
            let (status, _, title) = kind.about();
            responses.entry(status.as_u16().to_string()).or_insert_with(|| json!({ "description": title }));
        }
        for (status, response) in responses {
            if status.as_str() >= "400" {
                told(status, response);
            }
        }
    }
    document
}

/// The response of a problem: what it holds, and which headers it has.
fn told(status: &str, response: &mut Value) {
    let problem = json!({ "schema": { "$ref": "#/components/schemas/Problem" } });
    response["content"] = json!({ "application/problem+json": problem });
    let header = |name: &str, required: bool, schema: Value| json!({ name: { "required": required, "description": "When to ask again, or how.", "schema": schema } });
    match status {
        "401" => response["headers"] = header("WWW-Authenticate", true, json!({ "type": "string" })),
        "429" => response["headers"] = header("Retry-After", true, json!({ "type": "integer", "minimum": 1 })),
        "503" => response["headers"] = header("Retry-After", false, json!({ "type": "integer", "minimum": 1 })),
        _ => {}
    }
}

/// Each operation with its path and method.
fn operations(document: &mut Value) -> impl Iterator<Item = (String, String, &mut Map<String, Value>)> {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut).into_iter().flatten();
    paths.flat_map(|(path, methods)| {
        let methods = methods.as_object_mut().into_iter().flatten();
        methods.filter_map(move |(method, operation)| Some((path.clone(), method.clone(), operation.as_object_mut()?)))
    })
}

/// What the page says.
#[derive(Debug, Serialize)]
pub(super) struct Outline {
    /// The URL of the API.
    url: String,
    routes: Vec<Route>,
    scopes: Vec<Explained>,
    problems: Vec<Explained>,
}

#[derive(Debug, Serialize)]
struct Route {
    method: String,
    path: String,
    scope: String,
    summary: String,
}

/// A word with what it means.
#[derive(Debug, Serialize)]
struct Explained {
    word: &'static str,
    meaning: String,
}

impl Outline {
    pub(super) fn of(document: &Value, base_url: &Url) -> Self {
        let mut document = document.clone();
        let text = |operation: &Map<String, Value>, name: &str| {
            operation.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let routes = operations(&mut document).map(|(path, method, operation)| Route {
            path,
            method: method.to_uppercase(),
            scope: operation
                .get("security")
                .and_then(|security| security[0]["token"][0].as_str())
                .unwrap_or_default()
                .to_owned(),
            summary: format!("{} {}", text(operation, "summary"), text(operation, "description")).trim().to_owned(),
        });
        let routes = routes.collect();
        let scopes = Scope::ALL.map(|scope| Explained { word: scope.as_str(), meaning: scope.describe().to_owned() });
        let problems = Kind::ALL.map(|kind| {
            let (status, word, title) = kind.about();
            Explained { word, meaning: format!("{}: {title}", status.as_u16()) }
        });
        Self {
            url: format!("{base_url}{}", ROOT.trim_start_matches('/')),
            routes,
            scopes: scopes.into(),
            problems: problems.into(),
        }
    }
}
