//! The public pages of a world, over real HTTP: what a browser, a mail program or a scanner would ask for. Redirects are
//! not followed, and no cookie is kept.

use std::{net::SocketAddr, sync::Arc};

use axum::Router;
use reqwest::{
    Method, StatusCode,
    header::{CONTENT_TYPE, HOST, HeaderMap, IF_NONE_MATCH},
};
use tidings::web;
use tokio::net::TcpListener;

use super::World;

/// What a mail program POSTs (RFC 8058).
pub(crate) const ONE_CLICK: &str = "List-Unsubscribe=One-Click";
/// How a browser sends a form.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// The public pages of a world, on a socket of their own.
pub(crate) struct Pages {
    address: SocketAddr,
    client: reqwest::Client,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Pages {
    /// The pages that readers reach.
    pub(crate) async fn of(world: &World) -> Self {
        Self::over(web::router(Arc::clone(&world.app))).await
    }

    /// What is at the desk's own address.
    pub(crate) async fn of_desk(world: &World) -> Self {
        Self::over(web::desk(Arc::clone(&world.app)).expect("the desk has an address of its own")).await
    }

    async fn over(router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        tokio::spawn(
            async move { axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await },
        );
        // The pages are plain HTTP, but the client wants to know its TLS in any case.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        Self { address, client: client.build().expect("a client") }
    }

    /// A request to be filled in.
    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    pub(crate) async fn ask(&self, method: Method, path: &str, kind: &str, body: impl Into<reqwest::Body>) -> Answer {
        let request = self.client.request(method, format!("http://{}{path}", self.address)).body(body);
        let request = if kind.is_empty() { request } else { request.header(CONTENT_TYPE, kind) };
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status(), response.headers().clone());
        Answer { status, headers, text: response.text().await.expect("an answer to its end") }
    }

    /// POSTs a form as a browser would that came by a proxy from this address.
    pub(crate) async fn post_from(&self, origin: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let request = self.client.post(format!("http://{}{path}", self.address)).header("x-forwarded-for", origin);
        let response = request.header(CONTENT_TYPE, FORM).body(encoded(fields)).send().await.expect("an answer");
        let (status, headers) = (response.status(), response.headers().clone());
        Answer { status, headers, text: response.text().await.expect("an answer to its end") }
    }

    /// Looks at a page of staff, and presses a button of it.
    pub(crate) async fn decide(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let seen = self.get(path).await.hidden("seen");
        self.post(path, &[&[("seen", seen.as_str())], fields].concat()).await
    }

    /// POSTs a form as a browser would.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.post_from("198.51.100.7", path, fields).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, "", "").await
    }

    /// GETs a page by a name of the server.
    pub(crate) async fn get_as(&self, host: &str, path: &str) -> Answer {
        let request = self.client.get(format!("http://{}{path}", self.address)).header(HOST, host);
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status(), response.headers().clone());
        Answer { status, headers, text: response.text().await.expect("an answer to its end") }
    }

    /// GETs a page unless it is still the one that is known by this tag.
    pub(crate) async fn get_if_none(&self, path: &str, tag: &str) -> Answer {
        let request = self.client.get(format!("http://{}{path}", self.address)).header(IF_NONE_MATCH, tag);
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status(), response.headers().clone());
        Answer { status, headers, text: response.text().await.expect("an answer to its end") }
    }

    pub(crate) async fn click(&self, path: &str) -> Answer {
        self.ask(Method::POST, path, FORM, ONE_CLICK).await
    }
}

pub(crate) fn encoded(fields: &[(&str, &str)]) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields).finish()
}

impl Answer {
    /// The answer to a request.
    pub(crate) async fn of(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status(), response.headers().clone());
        Self { status, headers, text: response.text().await.expect("an answer to its end") }
    }

    /// The value of the hidden field of that name in its form.
    pub(crate) fn hidden(&self, name: &str) -> String {
        let field = format!("name=\"{name}\" value=\"");
        let (_, rest) = self.text.split_once(&field).unwrap_or_else(|| panic!("no field `{name}` in {}", self.text));
        rest.split_once('"').expect("the value ends").0.to_owned()
    }
}
