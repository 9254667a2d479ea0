//! A real Chromium without a window, driven by its own driver (WebDriver): it opens pages, fills fields by their labels,
//! and presses buttons by their words, as a reader does. With scripts allowed or forbidden, in light or dark, at any
//! width. What it shows is the oracle of the pages, for it knows nothing of our templates.
//!
//! ```ignore
//! let browser = Browser::start(Scripts::Off).await;
//! browser.open(mail.leave_link()).await;
//! browser.examine("leave").await;
//! browser.press("Leave Coalition news").await;
//! assert_eq!(browser.heading().await, "You have left Coalition news");
//! ```

mod driver;
mod examine;

use std::time::Duration;

use fantoccini::{Client, Locator, elements::Element, error::CmdError};
use serde_json::{Value, json};
use tokio::time::timeout;

use self::driver::{Driver, Own};
pub(crate) use self::examine::{Scheme, Screen};

/// How long a page may take to come, on a machine with much to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// The key that goes to the next control.
const TAB: &str = "\u{E004}";
/// The key that presses it.
const ENTER: &str = "\u{E007}";

/// Whether pages may run scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scripts {
    /// As most people have it.
    On,
    /// As some set it in their browser's settings.
    Off,
}

/// A running browser with one empty tab; it ends with its test, and all that it started.
pub(crate) struct Browser {
    client: Client,
    scripts: Scripts,
    /// Dropped last, for the client speaks to it.
    _driver: Driver,
}

impl Browser {
    /// Starts one with a profile of its own.
    pub(crate) async fn start(scripts: Scripts) -> Self {
        let driver = Driver::start();
        let client = driver.open_browser(scripts).await;
        let browser = Self { client, scripts, _driver: driver };
        browser.emulate(Scheme::Light, Screen::PHONE).await;
        browser
    }

    /// Opens a page by its address.
    pub(crate) async fn open(&self, address: &str) {
        self.client.goto(address).await.unwrap_or_else(|error| panic!("{address} does not open: {error}"));
    }

    /// Where it is.
    pub(crate) async fn address(&self) -> String {
        self.client.current_url().await.expect("a page has an address").into()
    }

    /// What the page's main heading says.
    pub(crate) async fn heading(&self) -> String {
        self.find("h1").await.text().await.expect("a heading has words")
    }

    /// What the title of the window says.
    pub(crate) async fn title(&self) -> String {
        self.client.title().await.expect("a page has a title")
    }

    /// All that a person reads on the page.
    pub(crate) async fn text(&self) -> String {
        self.find("body").await.text().await.expect("a page has words")
    }

    /// All that a person reads in the frame of the page.
    pub(crate) async fn framed_text(&self) -> String {
        self.client.enter_frame(0).await.expect("the page has a frame");
        let text = self.text().await;
        self.client.enter_parent_frame().await.expect("the page is around its frame");
        text
    }

    /// Presses the button that says exactly this, and waits for the page that comes of it.
    pub(crate) async fn press(&self, words: &str) {
        self.go_by(&format!("//button[normalize-space()={}]", quoted(words))).await;
    }

    /// Follows the link that says exactly this.
    pub(crate) async fn follow(&self, words: &str) {
        self.go_by(&format!("//a[normalize-space()={}]", quoted(words))).await;
    }

    /// Goes by the keyboard alone from where it is to the next control that says exactly this, and presses it.
    pub(crate) async fn press_by_keyboard(&self, words: &str) {
        for _ in 0..20 {
            self.client.active_element().await.expect("something has the focus").send_keys(TAB).await.expect("a key");
            let focused = self.client.active_element().await.expect("something has the focus");
            if focused.text().await.expect("its words") == words {
                return self.leads_on(words, focused.send_keys(ENTER)).await;
            }
        }
        panic!("the keyboard does not lead to `{words}`");
    }

    /// Clicks on something that leads to another page, and waits for that.
    async fn go_by(&self, path: &str) {
        let target = self.one(path).await;
        self.leads_on(path, target.click()).await;
    }

    /// Does something that leads to another page, and waits for that.
    async fn leads_on(&self, what: &str, done: impl Future<Output = Result<(), CmdError>>) {
        let page = self.find("html").await;
        done.await.unwrap_or_else(|error| panic!("{what} cannot be pressed: {error}"));
        // It may be done before the page that it leads to is there.
        let arrived = async {
            while page.tag_name().await.is_ok() {}
            while self.client.execute("return document.readyState", Vec::new()).await.ok() != Some(json!("complete")) {}
        };
        assert!(timeout(PATIENCE, arrived).await.is_ok(), "{what} leads nowhere");
    }

    /// Types into the field with this label, in the place of what is there.
    pub(crate) async fn fill(&self, label: &str, text: &str) {
        let field = self.field(label).await;
        field.clear().await.expect("a field can be emptied");
        field.send_keys(text).await.expect("a field takes text");
    }

    /// Chooses what the menu with this label is to say.
    pub(crate) async fn choose(&self, label: &str, option: &str) {
        self.field(label).await.select_by_label(option).await.unwrap_or_else(|error| panic!("no `{option}`: {error}"));
    }

    /// Waits until the page says this by itself.
    pub(crate) async fn comes_to_say(&self, words: &str) {
        // The page may be drawn anew while it is read.
        let says = async { while !self.shown().await.contains(words) {} };
        assert!(timeout(PATIENCE, says).await.is_ok(), "the page never says `{words}`");
    }

    /// Waits until the page has something else in the place of this by itself.
    pub(crate) async fn ceases_to_say(&self, words: &str) {
        let says_not = async {
            loop {
                let shown = self.shown().await;
                if !shown.is_empty() && !shown.contains(words) {
                    break;
                }
            }
        };
        assert!(timeout(PATIENCE, says_not).await.is_ok(), "the page goes on to say `{words}`");
    }

    /// Waits until the frame of the page shows this by itself.
    pub(crate) async fn comes_to_show(&self, words: &str) {
        let shows = async {
            while !matches!(self.client.enter_frame(0).await, Ok(()) if self.shown().await.contains(words)) {
                let _ = self.client.enter_parent_frame().await;
            }
        };
        assert!(timeout(PATIENCE, shows).await.is_ok(), "the frame never shows `{words}`");
        self.client.enter_parent_frame().await.expect("the page is around its frame");
    }

    /// What a person reads now; nothing while the page is drawn.
    async fn shown(&self) -> String {
        match self.client.find(Locator::Css("body")).await {
            Ok(body) => body.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        }
    }

    /// Chooses a file of this machine in the field with this label.
    pub(crate) async fn choose_file(&self, label: &str, file: &std::path::Path) {
        let path = file.to_str().expect("a path that is text");
        self.field(label).await.send_keys(path).await.expect("a field takes a file");
    }

    /// Opens what stands folded under these words.
    pub(crate) async fn unfold(&self, words: &str) {
        let summary = self.one(&format!("//summary[normalize-space()={}]", quoted(words))).await;
        summary.click().await.expect("a summary can be clicked");
    }

    /// Clicks on a label in a group, which ticks or clears its box.
    pub(crate) async fn tick(&self, group: &str, label: &str) {
        let label = self.one(&format!("{}{}", grouped(group), labelled(label))).await;
        label.click().await.expect("a label can be clicked");
    }

    /// Whether the box with this label in a group is ticked.
    pub(crate) async fn is_ticked(&self, group: &str, label: &str) -> bool {
        let field = self.one(&format!("{}{}//input", grouped(group), labelled(label))).await;
        field.is_selected().await.expect("a box is ticked or not")
    }

    /// What stands in the field with this label.
    pub(crate) async fn value(&self, label: &str) -> String {
        self.field(label).await.prop("value").await.expect("a field has a value").unwrap_or_default()
    }

    /// Runs a function's body in the page, from outside of it: neither its policy nor the browser's settings forbid it.
    pub(crate) async fn ask(&self, body: &str) -> Value {
        self.client.execute(body, Vec::new()).await.unwrap_or_else(|error| panic!("the page does not answer: {error}"))
    }

    /// True when scripts of pages run, as a page of ours finds out that has one.
    pub(crate) async fn runs_scripts(&self) -> bool {
        self.open("data:text/html,<title>off</title><script>document.title='on'</script>").await;
        self.title().await == "on"
    }

    /// The input that a label is for.
    async fn field(&self, label: &str) -> Element {
        let label = labelled(label);
        self.one(&format!("//*[@id={label}/@for] | {label}//input")).await
    }

    async fn find(&self, selector: &str) -> Element {
        let found = self.client.find(Locator::Css(selector)).await;
        found.unwrap_or_else(|error| panic!("no `{selector}` on this page: {error}"))
    }

    /// The one element that an XPath names.
    async fn one(&self, path: &str) -> Element {
        let mut found = self.client.find_all(Locator::XPath(path)).await.expect("an XPath");
        if found.len() != 1 {
            let (count, page) = (found.len(), self.client.source().await.unwrap_or_default());
            panic!("{count} elements are {path} on this page:\n{page}");
        }
        found.remove(0)
    }

    /// Tells the browser's developer tools something, such as `Page.captureScreenshot`.
    async fn command(&self, method: &str, params: Value) -> Value {
        self.own("goog/cdp/execute", json!({"cmd": method, "params": params})).await
    }

    async fn own(&self, path: &'static str, body: Value) -> Value {
        let done = self.client.issue_cmd(Own { path, body }).await;
        done.unwrap_or_else(|error| panic!("Chromium's driver cannot do {path}: {error}"))
    }

    /// Shows the page from now on as a screen does whose owner likes it light or dark.
    async fn emulate(&self, scheme: Scheme, screen: Screen) {
        // Else a window that nobody sees may have no focus, and shows none.
        self.command("Emulation.setFocusEmulationEnabled", json!({"enabled": true})).await;
        let features = json!([{"name": "prefers-color-scheme", "value": scheme.word()}]);
        self.command("Emulation.setEmulatedMedia", json!({ "features": features })).await;
        let Screen { width, height, density, is_phone } = screen;
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": density, "mobile": is_phone});
        self.command("Emulation.setDeviceMetricsOverride", metrics).await;
    }
}

/// The group of fields with this legend.
fn grouped(legend: &str) -> String {
    format!("//fieldset[legend[normalize-space()={}]]", quoted(legend))
}

/// The label that begins with these words.
fn labelled(words: &str) -> String {
    format!("//label[starts-with(normalize-space(), {})]", quoted(words))
}

/// A text in an XPath, which knows no escapes.
fn quoted(words: &str) -> String {
    assert!(!words.contains('"'), "{words}");
    format!("\"{words}\"")
}
