//! The floors of `src/lib.rs`: imports go down only, no step knows another, no two rooms need each other, the domain is
//! pure, and each foreign crate has its rooms.

use std::collections::{BTreeMap, BTreeSet};

use super::source::Source;

/// The floor of the steps, which do not know each other.
const STEPS: u32 = 2;

/// Where a foreign crate may be named. A crate that is not here may be named anywhere.
const ROOMS: [(&str, &[&str]); 28] = [
    ("sqlx", &["src/store/"]),
    // What readers are told in each language is a table beside the templates.
    ("toml", &["src/config/", "src/collect/folder/", "src/domain/phrases.rs"]),
    ("serde_saphyr", &["src/collect/folder/"]),
    ("cron", &["src/domain/schedule/"]),
    // It is what the `cron` crate speaks of time in; all else is jiff.
    ("chrono", &["src/domain/schedule/"]),
    ("reqwest", &["src/collect/"]),
    // It has the table of HTML's entities.
    ("markup5ever", &["src/collect/plain.rs"]),
    ("ammonia", &["src/collect/", "src/render/"]),
    // The address syntax is lettre's, so that what the domain takes can be written into a header.
    ("lettre", &["src/render/", "src/deliver/", "src/domain/address.rs"]),
    ("css_inline", &["src/render/"]),
    ("tera", &["src/render/", "src/web/", "src/inbox/"]),
    ("tokio_rustls", &["src/tls.rs", "src/deliver/session/"]),
    // It ends a whole group of processes, and this one at a write point, which the standard library cannot.
    ("rustix", &["src/deliver/session/token.rs", "src/store/failpoint.rs"]),
    // A key is read in the domain, and signs where messages are made; TLS is there too. Providers sign what they tell.
    ("ring", &["src/domain/dkim.rs", "src/deliver/", "src/intake/hooks/"]),
    ("webpki", &["src/intake/hooks/sns/"]),
    ("hickory_resolver", &["src/deliver/dkim/record.rs"]),
    ("rsa", &["src/deliver/dkim/fresh.rs"]),
    ("smtp_proto", &["src/server/", "src/inbox/", "src/intake/doors/"]),
    // The demo plays a site that has a feed.
    ("axum", &["src/web/", "src/inbox/", "src/cli/demo"]),
    // The routes of the API say what they take and give.
    ("utoipa", &["src/web/api/"]),
    ("utoipa_axum", &["src/web/api/"]),
    // The pages are axum's; how connections are treated is ours.
    ("hyper", &["src/daemon/connections.rs"]),
    ("hyper_util", &["src/daemon/connections.rs"]),
    ("clap", &["src/cli/"]),
    ("anyhow", &["src/cli/"]),
    ("console", &["src/cli/"]),
    ("indicatif", &["src/cli/"]),
    ("tracing_subscriber", &["src/cli/"]),
];

/// Files that put a finished router behind a listener, and may name of axum no more than it takes.
const DOORS: [&str; 4] = ["src/daemon.rs", "src/daemon/connections.rs", "src/cli/inbox.rs", "src/cli/preview.rs"];
const DOOR_WORDS: [&str; 3] = ["axum::Router", "axum::extract::ConnectInfo", "axum::serve"];

/// What reaches out of the process, or asks it what time it is.
const IMPURE: [&str; 16] = [
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "Instant::now",
    "SystemTime::now",
    "Timestamp::now",
    "Zoned::now",
    "TimeZone::system",
    "tokio",
    "rand",
    "tracing",
];

/// The floor of each room, as the map says it: `// Floor 1: …`, then `pub mod store;`.
fn floors(map: &str) -> BTreeMap<String, u32> {
    let mut floor = None;
    let mut rooms = BTreeMap::new();
    for line in map.lines() {
        if let Some(heading) = line.strip_prefix("// Floor ") {
            floor = heading.split(':').next().and_then(|number| number.parse().ok());
        } else if let Some(room) = line.strip_prefix("pub mod ").and_then(|rest| rest.strip_suffix(';')) {
            rooms.insert(room.to_owned(), floor.expect("a floor is named before its rooms"));
        }
    }
    rooms
}

/// Every room that a file names, with the line.
fn imports(source: &Source) -> Vec<(String, usize)> {
    let paths = source.paths().into_iter().filter_map(|named| {
        let mut parts = named.path.split("::");
        (parts.next() == Some("crate")).then(|| parts.next().map(|room| (room.to_owned(), named.line)))?
    });
    paths.collect()
}

/// Imports that go up, from step to step, or out of the domain.
fn wrong_imports(sources: &[Source], floors: &BTreeMap<String, u32>) -> Vec<String> {
    let mut wrong = Vec::new();
    for source in sources {
        let Some(own) = source.room() else { continue };
        let Some(own_floor) = floors.get(own) else {
            wrong.push(format!("{}: the map in src/lib.rs has no room `{own}`", source.path));
            continue;
        };
        for (room, line) in imports(source).into_iter().filter(|(room, _)| room != own) {
            let why = match floors.get(&room) {
                None => format!("the map has no room `{room}`"),
                Some(floor) if floor > own_floor => format!("floor {own_floor} imports `{room}` of floor {floor}"),
                Some(_) if own == "domain" => format!("the domain imports `{room}`"),
                Some(floor) if *floor == STEPS && own_floor == floor => format!("a step imports the step `{room}`"),
                Some(_) => continue,
            };
            wrong.push(format!("{}:{line}: {why}", source.path));
        }
        wrong.extend(climbs(source));
    }
    wrong
}

/// `super` that leaves the room: it would import without saying what.
fn climbs(source: &Source) -> Vec<String> {
    let depth = source.path.trim_start_matches("src/").trim_end_matches("/mod.rs").split('/').count();
    let shipped = source.shipped_paths();
    let supers = |path: &str| path.split("::").take_while(|part| *part == "super").count();
    let outside = source.paths().into_iter().filter(|named| {
        // A test module stands one deeper than its file.
        let depth = if shipped.contains(named) { depth } else { depth + 1 };
        supers(&named.path) >= depth
    });
    outside.map(|named| format!("{}:{}: `{}` leaves the room", source.path, named.line, named.path)).collect()
}

/// Rooms that need each other, over however many others. Each is named with one that it needs and that needs it.
fn circles(sources: &[Source]) -> Vec<String> {
    let mut needs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in sources {
        let Some(own) = source.room() else { continue };
        let others = imports(source).into_iter().map(|(room, _)| room).filter(|room| room != own);
        needs.entry(own.to_owned()).or_default().extend(others);
    }
    loop {
        let far = |near: &BTreeSet<String>| near.iter().filter_map(|room| needs.get(room)).flatten().cloned().collect();
        let wider: BTreeMap<String, BTreeSet<String>> =
            needs.iter().map(|(room, near)| (room.clone(), near | &far(near))).collect();
        if wider == needs {
            break;
        }
        needs = wider;
    }
    let circular = needs.into_iter().filter(|(room, far)| far.contains(room));
    circular.map(|(room, _)| format!("`{room}` needs itself by way of others")).collect()
}

/// Foreign crates named outside their rooms.
fn strays(sources: &[Source]) -> Vec<String> {
    let mut wrong = Vec::new();
    for source in sources {
        for named in source.paths() {
            let first = named.path.split("::").next().unwrap_or_default();
            let rooms = ROOMS.iter().find(|(foreign, _)| *foreign == first && named.path != first);
            let Some((foreign, rooms)) = rooms else { continue };
            let is_door = *foreign == "axum"
                && DOORS.iter().any(|door| source.path.starts_with(door))
                && DOOR_WORDS.contains(&named.path.as_str());
            if !is_door && !rooms.iter().any(|room| source.path.starts_with(room)) {
                wrong.push(format!("{}:{}: `{}` outside of {}", source.path, named.line, named.path, rooms.join(", ")));
            }
        }
    }
    wrong
}

/// What the domain must not touch. Its tests may.
fn impurities(sources: &[Source]) -> Vec<String> {
    let mut wrong = Vec::new();
    for source in sources.iter().filter(|source| source.room() == Some("domain")) {
        for named in source.shipped_paths() {
            let padded = format!("::{}::", named.path);
            if IMPURE.iter().any(|impure| named.path.contains("::") && padded.contains(&format!("::{impure}::"))) {
                wrong.push(format!("{}:{}: `{}` in the domain", source.path, named.line, named.path));
            }
        }
    }
    wrong
}

mod tests {
    use super::{circles, floors, impurities, strays, wrong_imports};
    use crate::tidy::source::Source;

    const MAP: &str = include_str!("../../../src/lib.rs");

    /// What a rule says of one file.
    fn said(path: &str, text: &str, rule: impl Fn(&[Source]) -> Vec<String>) -> Vec<String> {
        rule(&[Source::new(path, text)])
    }

    fn imported(path: &str, text: &str) -> Vec<String> {
        said(path, text, |sources| wrong_imports(sources, &floors(MAP)))
    }

    #[test]
    fn imports_go_down_only_and_no_step_knows_another() {
        assert_eq!(wrong_imports(&Source::all(&["src"]), &floors(MAP)), [""; 0]);
    }

    #[test]
    fn an_import_that_does_not_go_down_is_found() {
        let expected = "src/store/x.rs:1: floor 1 imports `app` of floor 3";
        assert_eq!(imported("src/store/x.rs", "use crate::{app::App, domain::slug::Slug};"), [expected]);
        let expected = "src/judge/mod.rs:2: a step imports the step `queue`";
        assert_eq!(imported("src/judge/mod.rs", "use crate::store::Store;\nfn x() { crate::queue::y() }"), [expected]);
        assert_eq!(imported("src/domain/x.rs", "use crate::clock;"), ["src/domain/x.rs:1: the domain imports `clock`"]);
        let in_test = "#[cfg(test)] mod tests { use crate::cli::x; }";
        assert_eq!(imported("src/app.rs", in_test), ["src/app.rs:1: floor 3 imports `cli` of floor 4"]);
        assert_eq!(imported("src/web/x.rs", "use crate::nowhere;"), ["src/web/x.rs:1: the map has no room `nowhere`"]);
        assert_eq!(imported("src/cellar.rs", ""), ["src/cellar.rs: the map in src/lib.rs has no room `cellar`"]);
        assert_eq!(imported("src/publish/x.rs", "// crate::web\nuse crate::app; \"crate::cli\""), [""; 0]);
    }

    #[test]
    fn nobody_leaves_the_room_by_super() {
        let left = |path, text| imported(path, text).len();
        assert_eq!(left("src/compose.rs", "use super::app;"), 1);
        assert_eq!(left("src/judge/mod.rs", "use super::app;"), 1);
        assert_eq!(left("src/judge/x.rs", "use super::super::app;"), 1);
        assert_eq!(left("src/judge/x.rs", "use super::y; #[cfg(test)] mod tests { use super::super::y; }"), 0);
        assert_eq!(left("src/compose.rs", "#[cfg(test)] mod tests { use super::super::app; }"), 1);
    }

    #[test]
    fn no_two_rooms_need_each_other() {
        assert_eq!(circles(&Source::all(&["src"])), [""; 0]);
        let room = |name: &str, needs: &str| Source::new(&format!("src/{name}.rs"), &format!("use crate::{needs};"));
        let circle = [room("a", "b"), room("b", "c"), room("c", "a"), room("d", "a")];
        let named = ["a", "b", "c"].map(|room| format!("`{room}` needs itself by way of others"));
        assert_eq!(circles(&circle), named);
    }

    #[test]
    fn each_foreign_crate_stays_in_its_rooms() {
        assert_eq!(strays(&Source::all(&["src"])), [""; 0]);
        let strayed = |path, text| said(path, text, strays).len();
        assert_eq!(strayed("src/publish/x.rs", "use sqlx::AnyPool;"), 1);
        assert_eq!(strayed("src/store/x.rs", "#[derive(sqlx::FromRow)] struct X;"), 0);
        assert_eq!(strayed("src/subscribe/x.rs", "fn x() { let y = lettre::Address::new(); }"), 1);
        assert_eq!(strayed("src/daemon.rs", "use axum::{Router, http::StatusCode};"), 1);
        assert_eq!(strayed("src/daemon.rs", "use axum::Router; fn x() { axum::serve(a, b) }"), 0);
        assert_eq!(strayed("src/cli/x.rs", "// tera::Tera\nlet x = \"tera::Tera\"; tera.render()"), 0);
    }

    #[test]
    fn the_domain_does_no_io_and_asks_no_time() {
        assert_eq!(impurities(&Source::all(&["src"])), [""; 0]);
        let impure = |text| said("src/domain/x.rs", text, impurities).len();
        assert_eq!(impure("use std::{fmt, fs};"), 1);
        assert_eq!(impure("fn now() { jiff::Timestamp::now() }"), 1);
        assert_eq!(impure("use tokio::net::TcpStream; use std::time::SystemTime;"), 2);
        assert_eq!(impure("use std::fmt; #[cfg(test)] mod tests { use std::fs::read; }"), 0);
        assert_eq!(said("src/clock.rs", "jiff::Timestamp::now()", impurities).len(), 0);
    }
}
