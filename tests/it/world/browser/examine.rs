//! Looking hard at the page that is open: in light and dark, on a phone and on a desk, by axe-core, by a tape measure, and
//! by pictures that people can look at. Any fault fails the test, with the elements that have it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::{Browser, Scripts};

/// How the reader likes pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// Dark on white.
    Light,
    /// White on dark.
    Dark,
}

impl Scheme {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// A screen, in CSS pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) density: u32,
    pub(super) is_phone: bool,
}

impl Screen {
    /// A usual phone.
    pub(crate) const PHONE: Self = Self { width: 390, height: 844, density: 2, is_phone: true };
    /// A usual desk.
    pub(crate) const DESK: Self = Self { width: 1280, height: 800, density: 1, is_phone: false };
    /// The narrowest that must do without scrolling sideways (WCAG 2.2, 1.4.10).
    const NARROW: Self = Self { width: 320, height: 640, density: 1, is_phone: true };
    /// How wide mail programs show a mail: on a small phone, beside a list of mails, on a whole screen.
    const MAILS: [Self; 3] = [
        Self { density: 2, ..Self::NARROW },
        Self { width: 600, height: 800, density: 1, is_phone: false },
        Self { width: 1200, height: 800, density: 1, is_phone: false },
    ];
}

/// What axe-core found: for each rule its name, what is wrong, and the elements.
const RUN_AXE: &str = "
const [options, done] = arguments;
axe.run(document, options).then(
    found => done(found.violations.flatMap(rule => rule.nodes.map(node =>
        `${rule.id}: ${rule.help}\\n    ${node.html}\\n    ${node.failureSummary.replace(/\\n/g, '\\n    ')}`))),
    error => done([`axe-core fails: ${error}`]));
";

/// What a tape measure finds: what is wider than the screen, what is too small for a thumb, what hides the focus, and
/// what would be fetched from elsewhere.
const MEASURE: &str = r#"
const faults = [], page = document.scrollingElement, [width] = arguments;
const name = element => element.outerHTML.slice(0, 160);
// What a phone calls its inner width grows with what does not fit.
if (page.scrollWidth > width) {
    const wide = [...document.body.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > width + 0.5);
    faults.push(`wider than ${width} px: ${page.scrollWidth}`, ...wide.slice(0, 3).map(e => `    ${name(e)}`));
}
const shown = element => element.checkVisibility({visibilityProperty: true}) && !element.closest('[aria-hidden=true]');
const controls = 'button, input:not([type=hidden]), select, textarea, summary, .button';
for (const control of [...document.querySelectorAll(controls)].filter(shown)) {
    const small = ['checkbox', 'radio'].includes(control.type);
    const box = (small && control.labels[0] || control).getBoundingClientRect();
    if (box.height < 43.5) faults.push(`only ${box.height} px high: ${name(control)}`);
}
const before = document.activeElement;
for (const control of [...document.querySelectorAll(`${controls}, a[href]`)].filter(shown)) {
    control.focus({focusVisible: true, preventScroll: true});
    const rings = [control, control.parentElement].map(element => getComputedStyle(element));
    const seen = rings.some(ring => ring.outlineStyle !== 'none' && parseFloat(ring.outlineWidth) >= 2);
    if (document.activeElement === control && !seen) faults.push(`no ring when focused: ${name(control)}`);
    control.blur();
}
before.focus?.({preventScroll: true});
for (const element of document.querySelectorAll('[src], link[href]')) {
    const from = new URL(element.src || element.href, location);
    if (!['data:', 'about:'].includes(from.protocol) && from.origin !== location.origin)
        faults.push(`from another host: ${name(element)}`);
}
if (document.querySelector('script:not([src$="/desk/desk.js"]), [onclick], [onload], [onsubmit]')) faults.push('a script');
return faults;
"#;

impl Browser {
    /// Examines the open page in both schemes and on all screens, and keeps a picture of each as
    /// `artifacts/NAME-SCHEME-WIDTH.png`, or below the folder that `TIDINGS_TEST_ARTIFACTS` names. Without scripts there is no axe-core, and the pictures' names say so.
    ///
    /// # Panics
    /// When it has a fault, with all of them.
    pub(crate) async fn examine(&self, name: &str) {
        let mut faults = Vec::new();
        for scheme in [Scheme::Light, Scheme::Dark] {
            for screen in [Screen::PHONE, Screen::DESK] {
                // Without scripts it is the same page to look at: each scheme and each screen once will do.
                if self.scripts == Scripts::Off && (scheme == Scheme::Light) != screen.is_phone {
                    continue;
                }
                self.emulate(scheme, screen).await;
                let place = format!("{} at {} px", scheme.word(), screen.width);
                let found = [self.measure(screen).await, self.ask_axe(Value::Null).await].concat();
                faults.extend(found.into_iter().map(|fault| format!("{place}: {fault}")));
                self.picture(name, scheme, screen).await;
            }
        }
        faults.extend(self.complaints().await);
        self.emulate(Scheme::Light, Screen::NARROW).await;
        faults.extend(self.measure(Screen::NARROW).await);
        self.emulate(Scheme::Light, Screen::PHONE).await;
        let address = self.address().await;
        assert!(faults.is_empty(), "faults of `{name}` at {address}:\n- {}", faults.join("\n- "));
    }

    /// Examines the open page as a mail that a mail program shows, narrow, usual and wide, and keeps its pictures.
    /// Landmarks and focus are that program's affair; what can be read, and whether it fits, is ours.
    ///
    /// # Panics
    /// When it has a fault, with all of them.
    pub(crate) async fn examine_mail(&self, name: &str) {
        let mut faults = Vec::new();
        for scheme in [Scheme::Light, Scheme::Dark] {
            for screen in Screen::MAILS {
                self.emulate(scheme, screen).await;
                let place = format!("{} at {} px", scheme.word(), screen.width);
                let found = self.ask_axe(json!(["wcag2a", "wcag2aa", "wcag21aa"])).await;
                faults.extend(found.into_iter().map(|fault| format!("{place}: {fault}")));
                let width = self.ask("return document.scrollingElement.scrollWidth").await;
                if width != json!(screen.width) {
                    faults.push(format!("{place}: {width} px wide"));
                }
                self.picture(name, scheme, screen).await;
            }
        }
        assert!(faults.is_empty(), "faults of the mail `{name}`:\n- {}", faults.join("\n- "));
    }

    /// What is wrong with the open page on a phone.
    pub(crate) async fn faults(&self) -> Vec<String> {
        [self.measure(Screen::PHONE).await, self.ask_axe(Value::Null).await].concat()
    }

    /// What the browser itself complains of since this was asked last: what a policy of ours forbade, what is outdated.
    /// That an address answers with an error is no complaint.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let log = self.own("se/log", json!({"type": "browser"})).await;
        let entries = log.as_array().expect("a log has entries").iter();
        let complaints = entries.filter(|entry| entry["source"] != "network");
        complaints.map(|entry| format!("{}: {}", entry["source"], entry["message"])).collect()
    }

    async fn measure(&self, screen: Screen) -> Vec<String> {
        in_words(self.client.execute(MEASURE, vec![json!(screen.width)]).await.expect("a page can be measured"))
    }

    /// What axe-core finds by its rules with one of these tags, or by all of them; nothing where there is none.
    async fn ask_axe(&self, tags: Value) -> Vec<String> {
        if self.scripts == Scripts::Off {
            return Vec::new();
        }
        if self.ask("return typeof axe").await == "undefined" {
            let axe = std::env::var("AXE_CORE")
                .expect("AXE_CORE names the script of axe-core; run the tests by scripts/test, which gets it");
            self.ask(&fs::read_to_string(axe).expect("axe-core is a file of text")).await;
        }
        let mut options = json!({"iframes": false, "resultTypes": ["violations"]});
        if tags.is_null() {
            options["rules"] = json!({"target-size": {"enabled": true}});
        } else {
            options["runOnly"] = tags;
        }
        in_words(self.client.execute_async(RUN_AXE, vec![options]).await.expect("axe-core answers"))
    }

    /// Keeps a picture of the whole page, and of at least one screen.
    async fn picture(&self, name: &str, scheme: Scheme, screen: Screen) {
        let metrics = self.command("Page.getLayoutMetrics", json!({})).await;
        let whole = metrics["cssContentSize"]["height"].as_f64().expect("a page has a height");
        let height = whole.max(f64::from(screen.height));
        // A frame that is out of sight is not painted, so that the screen is made as high as the page.
        let Screen { width, density, is_phone, .. } = screen;
        let metrics =
            json!({"width": width, "height": height.ceil(), "deviceScaleFactor": density, "mobile": is_phone});
        self.command("Emulation.setDeviceMetricsOverride", metrics).await;
        let clip = json!({"x": 0, "y": 0, "width": screen.width, "height": height, "scale": 1});
        let options = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        let taken = self.command("Page.captureScreenshot", options).await;
        let picture = data_encoding::BASE64.decode(taken["data"].as_str().expect("a picture").as_bytes());
        let folder = std::env::var_os("TIDINGS_TEST_ARTIFACTS").map(PathBuf::from);
        let folder = folder.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("artifacts"));
        fs::create_dir_all(&folder).expect("a folder for pictures");
        let scripts = if self.scripts == Scripts::Off { "-noscript" } else { "" };
        let file = format!("{name}-{}-{}{scripts}.png", scheme.word(), screen.width);
        fs::write(folder.join(file), picture.expect("a picture in base64")).expect("a picture is kept");
    }
}

fn in_words(faults: Value) -> Vec<String> {
    serde_json::from_value(faults).expect("faults in words")
}
