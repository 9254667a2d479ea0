//! One connection to a scripted relay: reads commands, plays the script's answers, keeps what it accepts.

use std::{mem, sync::Arc};

use data_encoding::BASE64;
use tidings::domain::relay::{Manner, Tls};

use super::{
    Answer, Clients, Ledger, Quirk, Received, Shared, Stage,
    link::{Link, Over},
};

/// One connection.
pub(super) struct Conversation {
    shared: Arc<Shared>,
    link: Link,
    number: usize,
    logged_in: bool,
    transaction: Option<Transaction>,
}

#[derive(Default)]
struct Transaction {
    sender: String,
    parameters: String,
    recipient: Option<String>,
    bytes: Vec<u8>,
}

impl Drop for Conversation {
    fn drop(&mut self) {
        self.note(|ledger| ledger.open_connections -= 1);
    }
}

impl Conversation {
    /// Talks until either side has enough.
    pub(super) async fn hold(link: Link, shared: Arc<Shared>) {
        let mut number = 0;
        shared.ledger.send_modify(|ledger| {
            ledger.connections += 1;
            ledger.open_connections += 1;
            ledger.most_connections = ledger.most_connections.max(ledger.open_connections);
            number = ledger.connections;
        });
        let mut this = Self { shared, link, number, logged_in: false, transaction: None };
        // How it ended is of no interest to a relay; that it ended is noted by `Drop`.
        let _ = this.talk().await;
        this.link.close().await;
    }

    async fn talk(&mut self) -> Result<(), Over> {
        if self.shared.setup.tls == Tls::Implicit {
            self.encrypt().await?;
        }
        self.reply(Stage::Connect, "220 relay.test ESMTP").await?;
        loop {
            let line = String::from_utf8_lossy(&self.next_command().await?).into_owned();
            if line.len() > 510 {
                self.offence(format!("a command of {} octets", line.len()));
            }
            if self.has(Quirk::ForgetsGroups) {
                self.link.forget();
            }
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            if self.link.has_more() && verb != "BDAT" && !self.offers("PIPELINING") {
                self.offence(format!("`{verb}` was followed before it was answered"));
            }
            match verb.as_str() {
                "EHLO" | "HELO" => self.hello(&line, verb == "EHLO").await?,
                "STARTTLS" => self.starttls(&line).await?,
                "AUTH" => self.auth(&line).await?,
                "MAIL" => self.mail(&line).await?,
                "RCPT" => self.rcpt(&line).await?,
                "DATA" => self.data(&line).await?,
                "BDAT" => self.bdat(&line).await?,
                "RSET" => {
                    self.saw(Stage::Rset, &line);
                    self.transaction = None;
                    self.reply(Stage::Rset, "250 2.0.0 forgotten").await?;
                }
                "QUIT" => {
                    self.saw(Stage::Quit, &line);
                    self.reply(Stage::Quit, "221 2.0.0 bye").await?;
                }
                _ => {
                    self.offence(format!("the unknown command `{line}`"));
                    self.write(b"500 5.5.1 unknown command\r\n").await?;
                }
            }
        }
    }

    async fn hello(&mut self, line: &str, extended: bool) -> Result<(), Over> {
        self.saw(Stage::Ehlo, line);
        self.transaction = None;
        if !extended {
            return self.reply(Stage::Ehlo, "250 relay.test").await;
        }
        let (setup, clear) = (&self.shared.setup, self.link.is_clear());
        let mut lines = vec!["relay.test".to_owned()];
        lines.extend(setup.offers.clone());
        if setup.tls == Tls::StartTls && clear {
            lines.push("STARTTLS".to_owned());
        } else if setup.login.is_some() {
            lines.push(setup.mechanisms.to_owned());
        }
        let last = lines.pop().unwrap_or_default();
        let more: String = lines.iter().map(|line| format!("250-{line}\r\n")).collect();
        self.reply(Stage::Ehlo, &format!("{more}250 {last}")).await
    }

    async fn starttls(&mut self, line: &str) -> Result<(), Over> {
        self.saw(Stage::StartTls, line);
        self.reply(Stage::StartTls, "220 2.0.0 go ahead").await?;
        self.encrypt().await
    }

    async fn encrypt(&mut self) -> Result<(), Over> {
        match self.next_answer(Stage::Tls, None) {
            Answer::Usual => {}
            answer => {
                self.play(answer, "").await?;
                // The client may have begun its handshake, and those are no commands.
                return self.link.ignore().await;
            }
        }
        let certificate = &self.shared.certificate;
        let acceptor = match self.shared.setup.clients {
            Clients::Anybody => certificate.acceptor(),
            Clients::Certified => certificate.demanding_acceptor(),
        };
        self.link.encrypt(acceptor).await
    }

    async fn auth(&mut self, line: &str) -> Result<(), Over> {
        self.saw(Stage::Auth, line);
        match self.next_answer(Stage::Auth, None) {
            Answer::Usual => {}
            answer => return self.play(answer, "235 2.7.0 welcome").await,
        }
        let words: Vec<&str> = line.split(' ').collect();
        let given = match words[1..] {
            ["XOAUTH2", response] => return self.token(decoded(response)).await,
            ["XOAUTH2"] => {
                let given = self.challenge("").await?;
                return self.token(given).await;
            }
            ["PLAIN", response] => decoded(response),
            ["PLAIN"] => self.challenge("").await?,
            ["LOGIN"] => {
                let username = self.challenge("VXNlcm5hbWU6").await?;
                format!("\0{username}\0{}", self.challenge("UGFzc3dvcmQ6").await?)
            }
            _ => String::new(),
        };
        let expected = self.shared.setup.login.map(|(username, password)| format!("\0{username}\0{password}"));
        self.logged_in = expected.as_deref() == Some(given.as_str());
        let reply: &[u8] = if self.logged_in { b"235 2.7.0 welcome\r\n" } else { b"535 5.7.8 wrong password\r\n" };
        self.write(reply).await
    }

    /// As Google's relay does: a wrong token is told of in a challenge, and refused after an empty answer.
    async fn token(&mut self, given: String) -> Result<(), Over> {
        let login = self.shared.setup.login;
        let expected = login.map(|(username, token)| format!("user={username}\x01auth=Bearer {token}\x01\x01"));
        self.logged_in = expected.as_deref() == Some(given.as_str());
        if self.logged_in {
            return self.write(b"235 2.7.0 welcome\r\n").await;
        }
        let heard = given.trim_end_matches('\x01').rsplit(' ').next().unwrap_or_default();
        let why = format!("{{\"status\":\"400\",\"schemes\":\"Bearer\",\n\"heard\":\"{heard}\"}}");
        self.write(format!("334 {}\r\n", BASE64.encode(why.as_bytes())).as_bytes()).await?;
        let answer = self.read_line().await?;
        if !answer.is_empty() {
            self.offence(format!("`{}` after a token was found wrong", answer.escape_ascii()));
        }
        self.write(b"535 5.7.8 wrong token\r\n").await
    }

    async fn challenge(&mut self, text: &str) -> Result<String, Over> {
        self.write(format!("334 {text}\r\n").as_bytes()).await?;
        let line = self.read_line().await?;
        Ok(decoded(&String::from_utf8_lossy(&line)))
    }

    async fn mail(&mut self, line: &str) -> Result<(), Over> {
        self.saw(Stage::Mail, line);
        let manner = if self.link.has_more() { Manner::Pipelined } else { Manner::LockStep };
        self.note(|ledger| ledger.heard(self.number, manner));
        if self.shared.setup.login.is_some() && !self.logged_in {
            return self.write(b"530 5.7.0 log in first\r\n").await;
        }
        let Some((sender, parameters)) = path(line).filter(|_| self.transaction.is_none()) else {
            self.offence(format!("out of order or malformed: `{line}`"));
            return self.write(b"503 5.5.1 not now\r\n").await;
        };
        let transaction = Transaction { sender, parameters, ..Transaction::default() };
        if self.decide(Stage::Mail, None, "250 2.1.0 fine").await? || self.has(Quirk::IgnoresItsRefusals) {
            self.transaction = Some(transaction);
        }
        Ok(())
    }

    async fn rcpt(&mut self, line: &str) -> Result<(), Over> {
        self.saw(Stage::Rcpt, line);
        let begun = self.transaction.as_ref();
        let Some((recipient, _)) = path(line).filter(|_| begun.is_some_and(|begun| begun.recipient.is_none())) else {
            // In a group, RCPT rides behind a MAIL that may have been refused.
            if begun.is_some() || !self.offers("PIPELINING") {
                self.offence(format!("out of order, malformed or a second one: `{line}`"));
            }
            return self.write(b"503 5.5.1 not now\r\n").await;
        };
        let taken = self.decide(Stage::Rcpt, Some(&recipient), "250 2.1.5 fine").await?;
        if let (true, Some(transaction)) = (taken, &mut self.transaction) {
            transaction.recipient = Some(recipient);
        }
        Ok(())
    }

    async fn data(&mut self, line: &str) -> Result<(), Over> {
        self.saw(Stage::Data, line);
        let has_recipient = self.transaction.as_ref().is_some_and(|transaction| transaction.recipient.is_some());
        let wants_any = self.has(Quirk::WantsAnyMessage) || self.has(Quirk::IgnoresItsRefusals);
        if !has_recipient && !wants_any {
            if !self.offers("PIPELINING") {
                self.offence("`DATA` without a recipient".to_owned());
            }
            return self.write(b"503 5.5.1 nobody to send it to\r\n").await;
        }
        if !self.decide(Stage::Data, None, "354 go on").await? {
            return Ok(());
        }
        self.link.wait_for_bytes().await?;
        self.begin_body().await?;
        let mut bytes = Vec::new();
        loop {
            let line = self.read_line().await?;
            if line.len() > 999 {
                self.offence(format!("a line of {} octets", line.len()));
            }
            match line.strip_prefix(b".") {
                Some(b"") => break,
                text => bytes.extend_from_slice(text.unwrap_or(&line)),
            }
            bytes.extend_from_slice(b"\r\n");
        }
        self.finish(bytes).await
    }

    async fn bdat(&mut self, line: &str) -> Result<(), Over> {
        self.note(|ledger| ledger.heard(self.number, Manner::Chunked));
        let mut words = line.split(' ').skip(1);
        let size: usize = words.next().and_then(|size| size.parse().ok()).ok_or(Over)?;
        let last = words.next().is_some_and(|word| word.eq_ignore_ascii_case("LAST"));
        if !self.offers("CHUNKING") {
            self.offence(format!("`{line}` where it is not offered"));
        }
        let has_recipient = self.transaction.as_ref().is_some_and(|begun| begun.recipient.is_some());
        if has_recipient && self.transaction.as_ref().is_some_and(|begun| begun.bytes.is_empty()) {
            self.link.wait_for_bytes().await?;
            self.begin_body().await?;
        }
        let chunk = self.link.read_exactly(size).await?;
        let Some(transaction) = self.transaction.as_mut().filter(|_| has_recipient) else {
            return self.write(b"503 5.5.1 nobody to send it to\r\n").await;
        };
        transaction.bytes.extend_from_slice(&chunk);
        if !last {
            return self.write(b"250 2.0.0 go on\r\n").await;
        }
        let bytes = self.transaction.as_mut().map(|transaction| mem::take(&mut transaction.bytes));
        self.finish(bytes.unwrap_or_default()).await
    }

    /// A first piece of the message has come. A relay told to answer here reads nothing more, ever.
    async fn begin_body(&mut self) -> Result<(), Over> {
        self.saw(Stage::Body, "");
        match self.next_answer(Stage::Body, None) {
            Answer::Usual => return Ok(()),
            Answer::Held(gate) => {
                gate.pass().await;
                return Ok(());
            }
            Answer::Stall => {}
            Answer::Partial(bytes) => self.write(bytes.as_bytes()).await?,
            answer => self.play(answer, "").await?,
        }
        std::future::pending().await
    }

    async fn finish(&mut self, bytes: Vec<u8>) -> Result<(), Over> {
        self.saw(Stage::Dot, "");
        let transaction = self.transaction.take().unwrap_or_default();
        let is_lone_dot = bytes.is_empty();
        if transaction.recipient.is_none() {
            if !is_lone_dot {
                self.offence("a message to nobody".to_owned());
            }
            return self.write(b"554 5.5.1 nobody to send it to\r\n").await;
        }
        if is_lone_dot && !self.has(Quirk::IgnoresItsRefusals) {
            self.offence("an empty message to somebody".to_owned());
        }
        if !bytes.is_ascii() && !transaction.parameters.contains("BODY=8BITMIME") {
            self.offence("octets above 127 that were not announced".to_owned());
        }
        let mut answer = self.next_answer(Stage::Dot, None);
        if let Answer::Held(gate) = answer {
            gate.pass().await;
            answer = Answer::Usual;
        }
        if answer.accepts() {
            let Transaction { sender, parameters, recipient, .. } = transaction;
            let recipient = recipient.unwrap_or_default();
            let received = Received { sender, parameters, recipient, bytes, connection: self.number };
            self.note(|ledger| ledger.messages.push(received));
        }
        self.play(answer, "250 2.0.0 taken").await
    }

    /// Answers; true when the answer was the usual one, or as good.
    async fn decide(&mut self, stage: Stage, recipient: Option<&str>, usual: &str) -> Result<bool, Over> {
        let answer = self.next_answer(stage, recipient);
        let yes = match &answer {
            Answer::Usual | Answer::After(_) | Answer::Extra(_) | Answer::Held(_) | Answer::Spoilt => true,
            Answer::Reply(reply) => reply.get(..3) == usual.get(..3),
            _ => false,
        };
        self.play(answer, usual).await?;
        Ok(yes)
    }

    async fn reply(&mut self, stage: Stage, usual: &str) -> Result<(), Over> {
        let answer = self.next_answer(stage, None);
        self.play(answer, usual).await
    }

    async fn play(&mut self, answer: Answer, usual: &str) -> Result<(), Over> {
        match answer {
            Answer::Usual => self.say(usual).await,
            Answer::Reply(reply) => self.say(reply).await,
            Answer::Extra(extra) => self.write(format!("{usual}\r\n{extra}\r\n").as_bytes()).await,
            Answer::Partial(bytes) => {
                self.write(bytes.as_bytes()).await?;
                self.link.ignore().await
            }
            Answer::Garbage => self.write(b"\xff\x00<html>\r\n").await,
            Answer::LongLine(octets) => {
                self.write(b"250 ").await?;
                self.write(&vec![b'x'; octets]).await
            }
            Answer::Close | Answer::TakeAndClose => Err(Over),
            Answer::Reset => self.link.reset(),
            Answer::Stall => self.link.ignore().await,
            Answer::Spoilt => self.link.write_spoilt(format!("{usual}\r\n").as_bytes()).await,
            Answer::Drip(piece, pace) => {
                self.write(b"250-").await?;
                loop {
                    self.write(piece.as_bytes()).await?;
                    tokio::time::sleep(pace).await;
                }
            }
            Answer::After(time) => {
                tokio::time::sleep(time).await;
                self.say(usual).await
            }
            Answer::Held(gate) => {
                gate.pass().await;
                self.say(usual).await
            }
        }
    }

    async fn say(&mut self, reply: &str) -> Result<(), Over> {
        self.write(format!("{reply}\r\n").as_bytes()).await?;
        if !(reply.starts_with("221") || reply.starts_with("421")) {
            return Ok(());
        }
        // What is still on its way is read, or a reset would overtake the words.
        self.link.close().await;
        self.link.ignore().await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Over> {
        self.link.write(bytes).await
    }

    async fn read_line(&mut self) -> Result<Vec<u8>, Over> {
        let (line, clean) = self.link.read_line().await?;
        if !clean {
            self.offence(format!("a bare line end or a NUL in `{}`", line.escape_ascii()));
        }
        Ok(line)
    }

    /// The next command, unless the test has all connections that wait for one ended meanwhile.
    async fn next_command(&mut self) -> Result<Vec<u8>, Over> {
        let mut hang_ups = self.shared.hang_up.subscribe();
        if self.link.has_more() {
            return self.read_line().await;
        }
        let words = tokio::select! {
            line = self.read_line() => return line,
            _ = hang_ups.changed() => *hang_ups.borrow(),
        };
        self.write(words.as_bytes()).await?;
        Err(Over)
    }

    fn next_answer(&self, stage: Stage, recipient: Option<&str>) -> Answer {
        self.shared.script.lock().expect("no test panics while it writes a script").next(stage, recipient)
    }

    fn has(&self, quirk: Quirk) -> bool {
        self.shared.setup.quirk == Some(quirk)
    }

    fn offers(&self, keyword: &str) -> bool {
        self.shared.setup.offers.iter().any(|offer| offer.eq_ignore_ascii_case(keyword))
    }

    fn saw(&self, stage: Stage, line: &str) {
        self.note(|ledger| ledger.commands.push((self.number, stage, line.to_owned())));
    }

    fn offence(&self, what: String) {
        self.note(|ledger| ledger.offences.push(what));
    }

    fn note(&self, what: impl FnOnce(&mut Ledger)) {
        self.shared.ledger.send_modify(what);
    }
}

/// What stands between `<` and `>`, and what stands behind.
fn path(line: &str) -> Option<(String, String)> {
    let (_, rest) = line.split_once(":<")?;
    let (path, parameters) = rest.rsplit_once('>')?;
    Some((path.to_owned(), parameters.to_owned()))
}

fn decoded(response: &str) -> String {
    String::from_utf8(BASE64.decode(response.as_bytes()).unwrap_or_default()).unwrap_or_default()
}
