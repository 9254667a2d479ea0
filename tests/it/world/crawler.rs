//! A scanner, as mail gateways and virus checkers are: it follows every link of a mail, and every link of the pages that
//! it finds, by GET and by HEAD, and remembers no cookies.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::{Client, Method, StatusCode, header};
use url::{Position, Url};

use super::{Mail, World};

/// What a scanner came across.
#[derive(Debug, Default)]
pub(crate) struct Crawled {
    /// Pages of ours, by their paths, each with what it answered.
    pub(crate) pages: BTreeMap<String, StatusCode>,
    /// Links to other sites, which it does not follow here.
    pub(crate) elsewhere: BTreeSet<String>,
    /// Addresses that mail can be sent to.
    pub(crate) mailto: BTreeSet<String>,
}

impl Crawled {
    /// The paths of our pages that begin like this, with what they answered.
    pub(crate) fn below(&self, path: &str) -> Vec<StatusCode> {
        self.pages.iter().filter(|(page, _)| page.starts_with(path)).map(|(_, status)| *status).collect()
    }
}

impl World {
    /// Follows every link of these mails, and of every page that is reached from them or from `pages`.
    ///
    /// # Panics
    /// When a page fails, or HEAD and GET do not agree.
    pub(crate) async fn crawl(&self, mails: &[Mail], pages: &[&str]) -> Crawled {
        // The pages are plain HTTP, but the client wants to know its TLS in any case.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client =
            Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        let root = self.app.config.base_url.clone();
        let mut open: Vec<Url> = pages.iter().map(|path| self.page(path).parse().expect("a URL")).collect();
        let mut crawled = Crawled::default();
        for link in mails.iter().flat_map(links_of_mail) {
            crawled.sort_in(&root, &link, &root, &mut open);
        }
        while let Some(url) = open.pop() {
            let path = url[Position::BeforePath..].to_owned();
            if crawled.pages.contains_key(&path) {
                continue;
            }
            let (status, found) = follow(&client, &url).await;
            crawled.pages.insert(path, status);
            for link in found {
                crawled.sort_in(&url, &link, &root, &mut open);
            }
        }
        crawled
    }
}

impl Crawled {
    /// Puts a link that stands on `page` where it belongs.
    fn sort_in(&mut self, page: &Url, link: &str, root: &Url, open: &mut Vec<Url>) {
        let mut url = page.join(link).unwrap_or_else(|error| panic!("not a link on {page}: {link} ({error})"));
        url.set_fragment(None);
        match url.scheme() {
            "mailto" => drop(self.mailto.insert(link.to_owned())),
            "data" => {}
            _ if url.origin() == root.origin() => open.push(url),
            _ => drop(self.elsewhere.insert(url.into())),
        }
    }
}

/// Asks for a page by GET, HEAD and GET again, and gives what it says and what it links to.
async fn follow(client: &Client, url: &Url) -> (StatusCode, Vec<String>) {
    let mut answers = Vec::new();
    let mut links = Vec::new();
    for method in [Method::GET, Method::HEAD, Method::GET, Method::HEAD] {
        let response = client.request(method.clone(), url.clone()).send().await.expect("an answer");
        let (status, headers) = (response.status(), response.headers().clone());
        assert!(!status.is_server_error(), "{method} {url}: {status}");
        assert!(!headers.contains_key(header::SET_COOKIE), "{method} {url} sets a cookie");
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned();
        let body = response.text().await.expect("an answer to its end");
        assert!(method != Method::HEAD || body.is_empty(), "HEAD {url} has a body");
        links.extend(headers.get(header::LOCATION).and_then(|to| to.to_str().ok()).map(str::to_owned));
        if kind.starts_with("text/html") {
            links.extend(links_of_html(&body));
        }
        answers.push((status, kind));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "GET and HEAD of {url} say the same each time: {answers:?}");
    (answers[0].0, links)
}

/// Every link of a mail: in its headers, its HTML and its text.
fn links_of_mail(mail: &Mail) -> Vec<String> {
    let of_links = |name: &str| name.starts_with("list-") || name == "archived-at";
    let headers = mail.headers.iter().filter(|(name, _)| of_links(name) && *name != "list-id");
    let between = |text: &str| -> Vec<String> {
        text.split('<').skip(1).filter_map(|rest| rest.split_once('>')).map(|(link, _)| link.to_owned()).collect()
    };
    let mut links: Vec<String> = headers.flat_map(|(_, value)| between(value)).collect();
    links.extend(links_of_html(&mail.html));
    let words = mail.text.split([' ', '\n', '<', '>']);
    links.extend(words.filter(|word| word.starts_with("http://") || word.starts_with("https://")).map(str::to_owned));
    links
}

/// What stands in an attribute that holds an address. A form's target is one too: a scanner asks for it by GET.
fn links_of_html(html: &str) -> Vec<String> {
    let mut links = Vec::new();
    for name in ["href", "src", "action", "formaction"] {
        let attribute = format!(" {name}=\"");
        let values = html.split(&attribute).skip(1).filter_map(|rest| rest.split_once('"'));
        links.extend(values.map(|(value, _)| unescaped(value)));
    }
    links
}

fn unescaped(value: &str) -> String {
    let plain = [("&quot;", "\""), ("&#x27;", "'"), ("&#39;", "'"), ("&#x2F;", "/"), ("&lt;", "<"), ("&gt;", ">")];
    let text = plain.iter().fold(value.to_owned(), |text, (entity, c)| text.replace(entity, c));
    text.replace("&amp;", "&")
}
