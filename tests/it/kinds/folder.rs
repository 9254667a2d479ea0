//! A folder of Markdown files: its posts, what is none, what is told of, and what is never read.

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    time::{Duration, SystemTime},
};

use tempfile::TempDir;
use tidings::{
    collect::{CollectError, Found, Look},
    domain::{
        feed::{Feed, FeedState, Kind},
        link_pattern::LinkPattern,
    },
};
use url::Url;

use super::{collect, collector, feed, one, titles};
use crate::world::{World, subjects};

const LINK: &str = "https://example.org/news/{slug}/";

fn of_folder(folder: &Path) -> Feed {
    let links = LinkPattern::parse(LINK).expect("a pattern");
    feed(Url::from_file_path(folder).expect("a path"), Kind::Folder { links })
}

fn write(folder: &TempDir, name: &str, content: &str) {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(path, content).expect("written");
}

async fn look(folder: &TempDir) -> Look {
    collect(&of_folder(folder.path()), &FeedState::default()).await.expect("a look")
}

fn folder() -> TempDir {
    TempDir::new().expect("a folder")
}

#[tokio::test]
async fn a_file_with_front_matter_is_a_post() {
    let folder = folder();
    write(
        &folder,
        "2024/a-transfer.md",
        "---\ntitle: \"Coalition condemns <transfer> & more\"\ndate: 2024-04-25 10:00:00 +0200\ncategories: [News]\ntags: arms\n\
         image: /img/hall.jpg\nimage_alt: A hall & a crowd\ndescription: In *short*.\n---\n\
         The **whole** story {{< figure src=\"x\" >}}with <script>alert(1)</script>[a link](../other/).\n\n![](a.png)\n",
    );
    let look = look(&folder).await;
    let post = one(&look);
    assert_eq!(post.title, "Coalition condemns <transfer> & more");
    assert_eq!(post.link.as_deref(), Some("https://example.org/news/a-transfer/"));
    assert_eq!(post.fingerprint, "https://example.org/news/a-transfer/");
    assert_eq!(post.summary, "In short.");
    assert_eq!(
        post.body_html,
        "<p>The <strong>whole</strong> story with <a href=\"https://example.org/news/other/\">a link</a>.</p>\n\
         <p><img src=\"https://example.org/news/a-transfer/a.png\" alt=\"\"></p>"
    );
    assert_eq!(
        (post.image.as_deref(), post.image_alt.as_str()),
        (Some("https://example.org/img/hall.jpg"), "A hall & a crowd")
    );
    assert_eq!(post.categories, ["News", "arms"]);
    assert_eq!(post.published_at, "2024-04-25T08:00:00Z".parse().ok());
    assert!(look.warnings.is_empty(), "{look:?}");
}

#[tokio::test]
async fn each_generator_names_its_posts_in_its_own_way() {
    let folder = folder();
    write(&folder, "2024-04-21-jekyll.markdown", "---\ntitle: Jekyll\n---\nText");
    write(&folder, "hugo/index.md", "+++\ntitle = \"Hugo\"\ndate = 2024-04-22\n+++\nBefore.\n\n<!--more-->\n\nBehind.");
    write(
        &folder,
        "zola.md",
        "+++\ntitle = \"Zola\"\ndate = 2024-04-23T08:00:00Z\nslug = \"its-own\"\n[taxonomies]\ntags = [\"x\"]\n+++\n",
    );
    write(&folder, "eleventy.md", "---\ntitle: Eleventy\ndate: 2024-04-24\npermalink: /elsewhere/\nid: its-id\n---\n");
    let look = look(&folder).await;
    assert_eq!(titles(&look), ["Eleventy", "Zola", "Hugo", "Jekyll"], "{:?}", look.warnings);
    let links: Vec<&str> = look.posts().iter().filter_map(|post| post.link.as_deref()).collect();
    assert_eq!(
        links,
        [
            "https://example.org/elsewhere/",
            "https://example.org/news/its-own/",
            "https://example.org/news/hugo/",
            "https://example.org/news/jekyll/"
        ]
    );
    assert_eq!(look.posts()[0].fingerprint, "its-id");
    assert_eq!(
        (look.posts()[2].summary.as_str(), look.posts()[3].published_at),
        ("Before.", "2024-04-21T00:00:00Z".parse().ok())
    );
    assert!(look.posts()[2].body_html.contains("Behind."));
}

#[tokio::test]
async fn what_is_no_post_is_none_and_what_is_broken_is_told_and_costs_no_other() {
    let folder = folder();
    write(&folder, "good.md", "---\ntitle: Good\ndate: 2024-04-25\n---\n");
    write(&folder, "draft.md", "---\ntitle: Draft\ndraft: true\n---\n");
    write(&folder, "unpublished.md", "---\ntitle: Unpublished\npublished: false\n---\n");
    write(&folder, "_index.md", "---\ntitle: All news\n---\n");
    write(&folder, "_drafts/x.md", "---\ntitle: Hidden\n---\n");
    write(&folder, ".git/x.md", "---\ntitle: Hidden\n---\n");
    write(&folder, "good.html", "<p>");
    write(&folder, "broken.md", "---\ntitle: \"x\n---\n");
    write(&folder, "bare.md", "# Title");
    write(&folder, "large.md", &format!("---\ntitle: Large\n---\n{}", "x".repeat(1_000_001)));
    let look = look(&folder).await;
    assert_eq!(titles(&look), ["Good"]);
    let told = look.warnings.join("\n");
    for (name, why) in
        [("broken", "its YAML is broken"), ("bare", "it has no front matter"), ("large", "it is larger than")]
    {
        assert!(told.contains(&format!("`{name}` was left out: {why}")), "{told}");
    }
    assert_eq!(look.warnings.len(), 3, "{told}");
}

#[tokio::test]
async fn nothing_outside_the_folder_is_read() {
    let (folder, outside) = (folder(), folder());
    write(&outside, "secret.md", "---\ntitle: Secret\n---\n");
    write(&folder, "good.md", "---\ntitle: Good\ndate: 2024-04-25\n---\n");
    write(&folder, "text.txt", "---\ntitle: Linked\ndate: 2024-04-24\n---\n");
    let link = |to: &Path, name: &str| symlink(to, folder.path().join(name)).expect("a link");
    link(&outside.path().join("secret.md"), "a.md");
    link(outside.path(), "b");
    link(outside.path(), "c.md");
    link(Path::new("/nowhere"), "d.md");
    link(Path::new("text.txt"), "inside.md");
    link(Path::new("."), "round");
    let fifo = std::process::Command::new("mkfifo").arg(folder.path().join("pipe.md")).status().expect("mkfifo runs");
    assert!(fifo.success());
    let look = look(&folder).await;
    assert_eq!(titles(&look), ["Good", "Linked"]);
    let told = look.warnings.join("\n");
    assert_eq!(look.warnings.len(), 4, "{told}");
    assert!(told.contains("`a` was left out: it is a link that leads out of the folder"), "{told}");
    assert!(told.contains("`pipe` was left out: it is not a plain file") && !told.contains("Secret"), "{told}");
}

#[tokio::test]
async fn a_folder_that_has_not_changed_is_not_read_again() {
    let folder = folder();
    write(&folder, "a.md", "---\ntitle: One\ndate: 2024-04-25\n---\n");
    let feed = of_folder(folder.path());
    let first = look(&folder).await;
    let state = FeedState { etag: first.etag.clone(), ..FeedState::default() };
    assert_eq!(collect(&feed, &state).await.expect("a look").found, Found::NotModified);
    let file = fs::File::options().write(true).open(folder.path().join("a.md")).expect("open");
    file.set_modified(SystemTime::now() + Duration::from_secs(5)).expect("touched");
    assert_eq!(titles(&collect(&feed, &state).await.expect("a look")), ["One"]);
    let links = LinkPattern::parse("https://example.org/other/{slug}").expect("a pattern");
    let moved = Feed { kind: Kind::Folder { links }, ..feed.clone() };
    let state = FeedState { etag: collect(&feed, &state).await.expect("a look").etag, ..FeedState::default() };
    assert_eq!(collect(&feed, &state).await.expect("a look").found, Found::NotModified);
    assert_eq!(
        one(&collect(&moved, &state).await.expect("a look")).link.as_deref(),
        Some("https://example.org/other/a")
    );
}

#[tokio::test]
async fn what_cannot_be_read_yet_is_no_news_later_and_is_looked_for_again() {
    let folder = folder();
    write(&folder, "a.md", "---\ntitle: One\ndate: 2024-04-25\n---\n");
    let late = folder.path().join("late.md");
    symlink(&late, &late).expect("a link to itself, which nobody can read");
    let feed = of_folder(folder.path());
    // What it holds would be taken for news at the next look.
    let first = collect(&feed, &FeedState::default()).await;
    assert!(matches!(&first, Err(CollectError::File { reason, .. }) if reason.contains("`late`")), "{first:?}");
    let known = FeedState { baseline_at: Some(jiff::Timestamp::UNIX_EPOCH), ..FeedState::default() };
    let look = collect(&feed, &known).await.expect("a later look takes what there is");
    assert_eq!((titles(&look), look.etag.as_deref(), look.warnings.len()), (vec!["One"], None, 1));
}

#[tokio::test]
async fn the_newest_posts_are_read_as_far_as_they_may_be_large() {
    let folder = folder();
    for n in 0..20 {
        write(
            &folder,
            &format!("{n}.md"),
            &format!("---\ntitle: Post {n}\ndate: 2024-04-{:02}\n---\n{}", n + 1, "x ".repeat(500)),
        );
    }
    let small = collector(Duration::from_secs(20), 5_300);
    let look = small.collect(&of_folder(folder.path()), &FeedState::default()).await.expect("a look");
    assert_eq!(titles(&look), ["Post 19", "Post 18", "Post 17", "Post 16", "Post 15"]);
    assert_eq!(look.warnings, ["the folder holds 20 posts; the newest 5 were read"]);
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_a_failed_look() {
    let folder = folder();
    write(&folder, "a.md", "---\ntitle: x\n---\n");
    for gone in ["gone", "a.md"] {
        let look = collect(&of_folder(&folder.path().join(gone)), &FeedState::default()).await;
        assert!(matches!(look, Err(CollectError::File { .. })), "{look:?}");
    }
}

#[tokio::test]
async fn a_statement_that_is_put_into_the_folder_is_an_alert() {
    let mut world = World::setup().start().await;
    world.readers(1).await;
    let url = format!("url = \"{}\"", world.site.url("/feed/"));
    world.change_config(&url, &format!("kind = \"folder\"\nurl = \"content/news\"\nlink = \"{LINK}\""));
    world.write("content/news/old.md", "---\ntitle: Coalition condemns an old transfer\ndate: 2024-04-20\n---\n");
    world.restart().await;
    assert_eq!(world.run().await.made(), (0, 0, 0));
    world.minutes(10);
    assert_eq!(world.run().await.made(), (0, 0, 0));
    world.write(
        "content/news/new.md",
        "---\ntitle: Coalition condemns a transfer\ndate: 2024-04-24\n---\nThe whole story.\n",
    );
    world.write("content/news/broken.md", "---\ntitle: [\n---\n");
    world.minutes(10);
    let ran = world.run().await;
    assert_eq!(ran.made(), (1, 1, 0), "{ran:?}");
    assert!(ran.says("`broken` was left out: its YAML is broken"), "{ran:?}");
    assert_eq!(subjects(&world.mails()), ["Condemnation: Coalition condemns a transfer"]);
    assert!(world.mails()[0].text.contains("https://example.org/news/new/"));
    let told = world.tidings(&["feeds", "try", "site"]).await.well();
    assert!(told.contains("`broken` was left out") && told.ends_with("2 posts\n"), "{told}");
    let checked = world.tidings(&["check"]).await;
    assert!(checked.out.contains("feed `site`: 2 posts, “Coalition condemns a transfer” first"), "{}", checked.out);
}
