//! A reader's whole conversation with us, in nothing but mail, through a real Postfix and a real Dovecot: subscribe,
//! confirm by answering, be welcomed, get a digest, leave by mail, and hear goodbye.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tidings::{app::App, config::LmtpPlace};

use super::letters;
use crate::world::{
    World,
    check::{Checked, check_message},
    doors::Open,
    dovecot::Dovecot,
    nobody,
    postfix::Postfix,
    run,
};

/// How long a test waits for what it expects before it fails.
const PATIENCE: Duration = Duration::from_secs(60);

const READER: &str = "ana@example.net";

/// A reader with a mailbox in a Postfix, by which our own mail goes both ways.
struct Reader<'a> {
    postfix: &'a Postfix,
    world: &'a World,
    app: &'a Arc<App>,
    /// The Message-IDs of our mails that were read.
    read: BTreeSet<String>,
    /// How many letters were written to us.
    written: i64,
}

impl Reader<'_> {
    /// Writes to us, and waits until it was taken in.
    async fn write(&mut self, to: &str, subject: &str, body: &str) {
        let headers = format!("From: Ana <{READER}>\r\nTo: <{to}>\r\nSubject: {subject}\r\n");
        self.postfix.take(READER, to, &format!("{headers}\r\n{body}")).await;
        self.written += 1;
        let taken = tokio::time::timeout(PATIENCE, async {
            while letters(self.world).await < self.written {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        assert!(taken.await.is_ok(), "the letter is not taken: {}", self.postfix.log());
    }

    /// Gives us our turn, and reads the one mail that comes of it.
    async fn one_mail(&mut self) -> Checked {
        let mut mails = self.mails().await;
        assert_eq!(mails.len(), 1, "{:?}", mails.iter().map(|mail| &mail.subject).collect::<Vec<_>>());
        mails.remove(0)
    }

    /// Gives us our turn, and reads what comes of it.
    async fn mails(&mut self) -> Vec<Checked> {
        run(self.app).await;
        let kept = self.postfix.kept().await;
        let ours = kept.iter().filter(|mail| mail.recipient == READER);
        let mails = ours.map(|mail| check_message(&mail.bytes));
        mails.filter(|mail| self.read.insert(mail.headers["message-id"].clone())).collect()
    }
}

/// What stands behind `mailto:` in a header.
fn mailto(mail: &Checked, header: &str) -> String {
    let field = &mail.headers[header];
    let address = field.split_once("<mailto:").and_then(|(_, rest)| rest.split(['>', '?']).next());
    address.unwrap_or_else(|| panic!("no address in `{field}`")).replace("%2B", "+")
}

async fn whole_conversation(world: &World, postfix: &Postfix) {
    let port = format!("port = {}", world.relay.port());
    world.change_config(&port, &port.replace(&world.relay.port().to_string(), &postfix.port().to_string()));
    let app = world.another().await;
    let open = Open::of(&app);
    let mut reader = Reader { postfix, world, app: &app, read: BTreeSet::new(), written: 0 };

    reader.write("news@example.org", "subscribe", "").await;
    let confirm = reader.one_mail().await;
    assert_eq!(confirm.subject, "Please confirm: Coalition news");
    let back = confirm.headers["reply-to"].split(['<', '>']).nth(1).expect("an address").to_owned();
    assert!(back.starts_with("news+confirm."), "{back}");

    world.minutes(1);
    reader.write(&back, "Re: Please confirm: Coalition news", "> Please confirm.\r\n").await;
    assert_eq!(reader.one_mail().await.subject, "Welcome: Coalition news");

    world.feed_has(&[world.post("A webinar on verification")]);
    world.minutes(10);
    assert!(reader.mails().await.is_empty(), "what is not urgent waits for the digest");
    world.until("2024-04-29T09:00:00Z");
    let digest = reader.one_mail().await;
    assert!(digest.text.contains("A webinar on verification"), "{}", digest.text);

    reader.write(&mailto(&digest, "list-unsubscribe"), "unsubscribe", "").await;
    assert_eq!(reader.one_mail().await.subject, "You have left: Coalition news");

    world.feed_has(&[world.post("Coalition condemns a transfer"), world.post("A second webinar")]);
    world.minutes(10);
    assert!(reader.mails().await.is_empty());
    world.until("2024-05-06T09:00:00Z");
    assert!(reader.mails().await.is_empty(), "who left gets nothing more");
    assert!(world.relay.messages().is_empty(), "all of it went through Postfix");
    open.shut().await;
}

#[tokio::test]
async fn a_reader_joins_and_leaves_in_nothing_but_mail_through_postfix_and_dovecot() {
    let dovecot = Dovecot::setup().start().await;
    let world = World::setup().intake(&dovecot.imap("tls = \"implicit\"")).start().await;
    world.begin(0).await;
    // Mail to us goes into the Maildir that Dovecot serves, the reader's into one of its own.
    let mail = dovecot.mail().strip_prefix("/").expect("an absolute path").display().to_string();
    let postfix = Postfix::setup().set("virtual_mailbox_domains = example.net, example.org");
    let postfix = postfix.set("virtual_mailbox_base = /").start_with(|home| {
        let kept = home.join("kept").strip_prefix("/").expect("an absolute path").display().to_string();
        format!("virtual_mailbox_maps = inline:{{ {{ @example.org = {mail}/ }} {{ @example.net = {kept}/ }} }}")
    });
    let postfix = postfix.await;
    whole_conversation(&world, &postfix).await;
    assert!(dovecot.flags("INBOX").iter().all(|flags| flags == "S"), "{:?}", dovecot.flags("INBOX"));
}

#[tokio::test]
async fn a_reader_joins_and_leaves_in_nothing_but_mail_through_postfix_and_lmtp() {
    let world = World::setup().intake("lmtp = \"unix:lmtp.sock\"").start().await;
    world.begin(0).await;
    let Some(LmtpPlace::Socket(path)) = world.app.config.intake.lmtp.clone() else { panic!("it is a socket") };
    nobody::let_through(path.parent().expect("a folder"));
    let postfix = Postfix::setup().hands_on("example.org", &format!("lmtp:unix:{}", path.display())).start().await;
    whole_conversation(&world, &postfix).await;
}
