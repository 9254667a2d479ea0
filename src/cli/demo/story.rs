//! What the demo shows, in order: half a year of a list, run by run, on the sample's own dates. It moves the clock,
//! runs what `tidings run` runs, and prints what that printed; at the end it counts in the inbox. What goes out is what
//! did not come as it should: nothing, when all is well.

use std::{sync::Arc, time::Instant};

use anyhow::Context;
use jiff::ZonedDateTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use url::Url;

use super::{
    arrived,
    prose::{fact, pause, quote, say, shell, step},
    sample,
    stage::Stage,
};
use crate::{
    cli::run::{self, Report},
    domain::address::EmailAddress,
    explain,
    inbox::KeptMessage,
    publish::PassOptions,
    stop::Stop,
};

/// The first moment of the story.
pub(super) const BEGINNING: &str = "2024-03-15T09:00[America/New_York]";

/// The reader who leaves after the alert.
const LEAVES: &str = "eleni@example.org";

/// Tells the story; gives what went wrong, a sentence for each.
pub(super) async fn tell(stage: &Stage, stop: &Stop) -> anyhow::Result<Vec<String>> {
    let story = Story { stage, stop, before: stage.inbox.messages().len() };
    story.opening();
    story.first_run().await?;
    story.condemnation().await?;
    story.one_leaves().await?;
    story.routine_posts_wait().await?;
    story.digest().await?;
    story.nothing_twice().await?;
    Ok(story.count())
}

struct Story<'a> {
    stage: &'a Stage,
    stop: &'a Stop,
    /// How many messages were in the inbox before: there may be some in a folder that was kept.
    before: usize,
}

impl Story<'_> {
    fn opening(&self) {
        pause();
        say(
            "Tidings mails a site's news to the people who asked for it. Here it does so with sample data, all on this \
             machine.",
        );
        let readers = sample::addresses().len();
        fact("site", &format!("{:<28}  a campaign's ten posts, as a WordPress feed", self.stage.site.url));
        fact("readers", &format!("{:<28}  in subscribers/news.csv", readers));
        fact(
            "relay",
            &format!("{:<28}  an inbox that keeps what it gets", format!("smtp://{}", self.stage.inbox.address())),
        );
        fact("folder", &format!("{:<28}  removed at the end", self.stage.folder().display()));
        pause();
        say(
            "Only the clock is not real: it is moved by hand to the days of the posts. Cron would start `tidings run` \
             every few minutes; what follows are the runs that have something to tell. Digests go on Mondays at nine, New \
             York time, as soon as three posts have come together.",
        );
    }

    async fn first_run(&self) -> anyhow::Result<()> {
        let at = moment(BEGINNING);
        step(1, &at, "the first run");
        self.run_and_show(&at).await?;
        say("Nobody is mailed. Whoever points Tidings at a site must not send its readers the past, not even the \
             condemnation of two days ago, which does match the rule for breaking posts.");
        Ok(())
    }

    async fn condemnation(&self) -> anyhow::Result<()> {
        // The Monday before: nothing to tell, and nothing is told.
        self.run(&moment("2024-04-22T09:00[America/New_York]")).await?;
        let at = moment("2024-04-25T11:35[America/New_York]");
        step(2, &at, "a condemnation is posted");
        let begun = Instant::now();
        let report = self.run_and_show(&at).await?;
        let seconds = begun.elapsed().as_secs_f32();
        say(&format!(
            "Its title matches the rule `condemnation`, so it did not wait for Monday. {} readers had the alert {seconds:.1} s \
             after the run began, each in a message of their own.",
            report.delivered.sent
        ));
        Ok(())
    }

    async fn one_leaves(&self) -> anyhow::Result<()> {
        let at = moment("2024-04-25T11:50[America/New_York]");
        step(3, &at, "a reader leaves");
        self.move_clock(&at);
        let messages = self.messages();
        let alert = messages.iter().find(|message| message.recipients.iter().any(|to| to == LEAVES));
        let alert = alert.with_context(|| format!("the inbox has no alert for {LEAVES}"))?;
        let link = arrived::leave_link(&alert.bytes).context("the alert has no link to leave by")?;
        let answer = one_click(&link.parse()?).await?;
        say("Ελένη unsubscribes. Her mail program needs no page for that: it posts to the link that it finds in the \
             alert's headers, which is hers alone (one click, RFC 8058).");
        quote(&format!("POST {link}\nList-Unsubscribe=One-Click\n→ {answer}"));
        Ok(())
    }

    async fn routine_posts_wait(&self) -> anyhow::Result<()> {
        self.run(&moment("2024-06-17T09:00[America/New_York]")).await?;
        let at = moment("2024-06-20T09:00[America/New_York]");
        step(4, &at, "a routine post comes, and waits");
        self.run_and_show(&at).await?;
        say("On Monday there is still only this one:");
        self.run_and_show(&moment("2024-06-24T09:00[America/New_York]")).await?;
        for quiet in ["2024-07-11T09:00", "2024-07-15T09:00", "2024-07-29T09:00", "2024-08-01T10:30"] {
            self.run(&moment(&format!("{quiet}[America/New_York]"))).await?;
        }
        say("A second post comes on 11 July, a third on 1 August.");
        Ok(())
    }

    async fn digest(&self) -> anyhow::Result<()> {
        let at = moment("2024-08-05T09:00[America/New_York]");
        step(5, &at, "the digest");
        let report = self.run_and_show(&at).await?;
        say(&format!(
            "Three posts in one mail, to {} readers. The condemnation is one line at its end: they had that. Why not Ελένη?",
            report.delivered.sent
        ));
        let sentences = explain::explain(&self.stage.app, "webinar", &EmailAddress::parse(LEAVES)?).await?;
        shell(&format!("tidings explain webinar {LEAVES}"), &sentences.join("\n"));
        Ok(())
    }

    async fn nothing_twice(&self) -> anyhow::Result<()> {
        let at = moment("2024-09-16T09:00[America/New_York]");
        step(6, &at, "ten runs later");
        let before = self.messages().len();
        for minutes in (10..=80).step_by(10) {
            let again = moment("2024-08-05T09:00[America/New_York]").saturating_add(jiff::Span::new().minutes(minutes));
            self.run(&again).await?;
        }
        self.run(&moment("2024-09-10T09:00[America/New_York]")).await?;
        self.run_and_show(&at).await?;
        let more = self.messages().len() - before;
        say(&format!(
            "A tenth post came on 10 September and waits for two more. The ten runs sent {}.",
            if more == 0 {
                "nothing twice".to_owned()
            } else {
                format!("{more} messages that they should not have sent")
            }
        ));
        Ok(())
    }

    /// Counts in the inbox, and says what is there.
    fn count(&self) -> Vec<String> {
        let readers = sample::addresses();
        let messages = self.messages();
        let faults = arrived::wrong(&arrived::counted(&messages), &readers, LEAVES);
        pause();
        if faults.is_empty() {
            say(&format!(
                "All arrived. The inbox has {} messages: each of {} readers got exactly one alert and one digest, and \
                 Ελένη the alert and nothing after she left.",
                messages.len(),
                readers.len() - 1
            ));
        } else {
            say(&format!("Not all arrived as it should. The inbox has {} messages:", messages.len()));
            faults.iter().for_each(|fault| say(fault));
        }
        faults
    }

    /// What has arrived since the story began.
    fn messages(&self) -> Vec<Arc<KeptMessage>> {
        self.stage.inbox.messages().split_off(self.before)
    }

    /// What `tidings run` does, at that moment.
    async fn run(&self, at: &ZonedDateTime) -> anyhow::Result<Report> {
        self.move_clock(at);
        run::once(&self.stage.app, PassOptions::default(), self.stop).await
    }

    async fn run_and_show(&self, at: &ZonedDateTime) -> anyhow::Result<Report> {
        let report = self.run(at).await?;
        shell("tidings run", &run::text(&report));
        Ok(report)
    }

    fn move_clock(&self, at: &ZonedDateTime) {
        let clock = &self.stage.app.clock;
        clock.advance(at.timestamp().duration_since(clock.now()));
    }
}

/// A moment of the story.
pub(super) fn moment(text: &str) -> ZonedDateTime {
    text.parse().expect("the story's moments are constants, and a test tells it")
}

/// Does what a mail program does when its reader unsubscribes (RFC 8058 §3.2); gives the first line of the answer.
async fn one_click(link: &Url) -> anyhow::Result<String> {
    let addresses = link.socket_addrs(|| None).context("the link to leave by names no address")?;
    let body = "List-Unsubscribe=One-Click";
    let request = format!(
        "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        link.path(),
        link.authority(),
        body.len()
    );
    let mut answer = Vec::new();
    let mut stream = tokio::net::TcpStream::connect(addresses.as_slice()).await.context("cannot reach the pages")?;
    stream.write_all(request.as_bytes()).await?;
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    Ok(answer.lines().next().unwrap_or("").to_owned())
}
