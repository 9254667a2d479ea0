//! Each kind of mail in a real browser, narrow, usual and wide, in light and dark: it can be read by everyone, and its
//! pictures are below `artifacts` for people to look at.

use tidings::{
    domain::{issue::Draft, list::List},
    render::{Flavour, sample},
};

use super::{ours, received};
use crate::world::{
    browser::{Browser, Scripts},
    feed_server::{FeedServer, Response},
};

const PICTURE: &[u8] = include_bytes!("../../../src/cli/sample/images/2023-12-oslo.jpg");

fn issue(draft: &Draft, language: &str, flavour: Flavour) -> String {
    let list = List { language: language.into(), ..sample::list() };
    received(&ours().render(draft, &list, flavour, sample::now()).expect("it renders"), Some(draft)).html
}

#[tokio::test]
async fn every_kind_of_mail_can_be_read_at_every_width() {
    let site = FeedServer::start().await;
    site.serve("/picture.jpg", Response::ok(PICTURE).header("content-type", "image/jpeg"));
    let notice = ours().notice(&sample::notice(), sample::now()).expect("it renders");
    let browser = Browser::start(Scripts::On).await;
    for (name, html) in [
        ("sample-digest", issue(&sample::digest(), "en", Flavour::Live)),
        ("sample-digest-ar", issue(&sample::digest(), "ar", Flavour::Live)),
        ("sample-alert", issue(&sample::alert(), "en", Flavour::Live)),
        ("sample-alert-fr", issue(&sample::alert(), "fr", Flavour::Live)),
        ("sample-statement", issue(&sample::manual_alert(), "en", Flavour::Live)),
        ("sample-test", issue(&sample::alert(), "en", Flavour::Test)),
        ("sample-notice", received(&notice, None).html),
    ] {
        let html = html.replace("https://example.org/media/geneva.jpg", site.url("/picture.jpg").as_str());
        let page = Response::ok(html).header("content-type", "text/html; charset=utf-8");
        site.serve("/mail/", page);
        browser.open(site.url("/mail/").as_str()).await;
        browser.examine_mail(name).await;
    }
}
