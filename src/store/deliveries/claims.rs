//! Claims and outcomes: how a process takes deliveries to offer them, looks again at those it has had for a while, and
//! writes down what became of them. A claim is fenced by its number: only the latest claim of a row counts.

use jiff::{SignedDuration, Timestamp};
use sqlx::AssertSqlSafe;

use super::{Key, counts::Counting, queueing::mailed};
use crate::{
    domain::{
        address::EmailAddress,
        delivery::{Attempted, DeliveryState, Lane, Next},
        issue::IssueState,
        mailing::MailingId,
        slug::Slug,
        subscription::SubscriberId,
    },
    store::{
        Store, StoreError, Tx,
        bounces::{Said, code_text, refusals},
        engine::Engine,
        holders::{Holder, LEASE},
        instant, instant_or_none,
        mailings::lane_rank,
        ms, relays,
        webhooks::refused_calls,
        word,
    },
};

/// A delivery that this process holds and may offer to a relay.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The mailing.
    pub mailing: MailingId,
    /// The reader.
    pub subscriber: SubscriberId,
    /// Which goes first.
    pub lane: Lane,
    /// The fence: an outcome is written only while this is the row's latest claim.
    pub claim: i64,
    /// What the rule needs to know.
    pub attempted: Attempted,
    /// The reader's address.
    pub address: EmailAddress,
    /// The reader's name; may be empty.
    pub name: String,
    /// Whether its reader may have it already.
    pub doubt: Doubtful,
}

/// Whether the reader of a delivery may have its message already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubtful {
    /// No try of it ended without a clear answer.
    No,
    /// Some try did.
    Yes,
}

/// What one claim gave.
#[derive(Debug, Default)]
pub struct Claims {
    /// To be offered now, in the order in which to offer them.
    pub deliveries: Vec<Claimed>,
    /// The last lane that was looked at, when the limit was reached there: more of it may be due.
    pub more: Option<Lane>,
    /// Dropped instead, because the reader left or is suppressed, or the issue was cancelled.
    pub dropped: u64,
    /// Expired instead.
    pub expired: u64,
}

/// What a second look at a claimed delivery found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecondLook {
    /// It may be offered.
    Offer,
    /// Not at this moment: the holder has not said for a while that it lives, and may be taken for dead; or its issue was
    /// released while we looked.
    Wait,
    /// It came to this state instead.
    Settled(DeliveryState),
    /// It is no longer this process's: its issue is held, or another process has taken it up.
    Gone,
}

/// One outcome to be written down.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The mailing.
    pub mailing: MailingId,
    /// The reader.
    pub subscriber: SubscriberId,
    /// The claim it belongs to.
    pub claim: i64,
    /// The relay that it was offered to.
    pub relay: Slug,
    /// The state that follows.
    pub next: Next,
    /// The relay's reply code, when it gave one.
    pub code: Option<u16>,
    /// The answer in words.
    pub answer: String,
    /// Whether its reader may have it by this try, whatever state follows.
    pub doubt: Doubtful,
    /// What the relay said of the reader, when it refused this message for good.
    pub said: Option<Said>,
}

/// How long a delivery waits that another may make needless, or whose issue is being released.
const SHORTLY: SignedDuration = SignedDuration::from_secs(10);

/// A row, in the order of the columns that [`look_up`] asks for.
#[derive(serde::Deserialize)]
struct Row {
    mailing: i64,
    subscriber: i64,
    lane: i64,
    claims: i64,
    attempts: i64,
    queued_at: i64,
    holder: Option<i64>,
    lease_left: i64,
    expires_at: Option<i64>,
    address: String,
    name: String,
    wanted: i64,
    issue_state: Option<String>,
    /// Whether an alert of another list brings the same post: 2 has brought it, 1 is at it.
    elsewhere: i64,
    was_unknown: i64,
}

/// What is to be done with a claimed row.
enum Fate {
    Offer(Claimed),
    Park,
    /// Not now: an alert of another list, which is on its way, may make it needless, or its issue is being released.
    Later,
    Settle(DeliveryState, String),
}

impl Store {
    /// Claims up to `limit` deliveries that are due in `up_to` and the lanes before it, those of the first lane first,
    /// and renews the holder's lease. The claim is durable when this returns. What must not be sent any more (the
    /// reader left, the issue was stopped, its time ran out) is settled instead.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], and when the store cannot be written. Then nothing is claimed.
    pub async fn claim(
        &self,
        holder: &Holder,
        up_to: Lane,
        limit: usize,
        now: Timestamp,
    ) -> Result<Claims, StoreError> {
        let mut tx = self.begin_sending().await?;
        // With its row locked, no other process can declare this one dead and leave what is claimed here to nobody.
        if !tx.renew(holder, now).await? {
            return Err(StoreError::LeaseLost);
        }
        let in_doubt = self.doubt.of(holder);
        if !in_doubt.is_empty() {
            tracing::warn!(count = in_doubt.len(), "what may have been claimed unheard is claimed anew");
            tx.give_back_these(holder.id, &in_doubt, now).await?;
        }
        let (mut keys, mut more) = (Vec::new(), None);
        for lane in Lane::ALL.into_iter().filter(|lane| *lane <= up_to) {
            let claimed = tx.claim_lane(holder, lane, limit - keys.len(), now).await?;
            self.doubt.add(holder, lane, &claimed);
            keys.extend(claimed);
            if keys.len() >= limit {
                more = Some(lane);
                break;
            }
        }
        let rows = if keys.is_empty() { Vec::new() } else { look_up(&mut *tx.inner, &tx.engine, &keys, now).await? };
        let (mut claims, mut counting) = (Claims { more, ..Claims::default() }, Counting::default());
        for row in rows {
            match row.fate(now) {
                Fate::Offer(claimed) => claims.deliveries.push(claimed),
                other => {
                    let settled = tx.carry_out(&row, other, now).await?;
                    match settled {
                        Some(DeliveryState::Expired) => claims.expired += 1,
                        Some(_) => claims.dropped += 1,
                        None => {}
                    }
                    settled.into_iter().for_each(|state| counting.add(row.mailing, state, 1));
                }
            }
        }
        tx.count(&counting, now).await?;
        tx.commit().await?;
        self.doubt.resolve(holder);
        Ok(claims)
    }

    /// Looks again at a delivery that was claimed a while ago: the reader may have left since, the issue may have been
    /// stopped, or this process may have slept and been taken for dead.
    ///
    /// # Errors
    /// When the store cannot be read or written. Then the delivery must not be offered.
    pub async fn look_again(
        &self,
        holder_id: i64,
        claimed: &Claimed,
        now: Timestamp,
    ) -> Result<SecondLook, StoreError> {
        let key = [(claimed.mailing.0, claimed.subscriber.0)];
        let is_ours = |row: &Row| row.holder == Some(holder_id) && row.claims == claimed.claim;
        let row = look_up(&self.reader, &self.engine, &key, now).await?.pop();
        let Some(row) = row.filter(is_ours) else { return Ok(SecondLook::Gone) };
        // A message takes a while. Nobody may take this process for dead in the middle of it.
        if row.lease_left < ms_of_half_a_lease() {
            return Ok(SecondLook::Wait);
        }
        if matches!(row.fate(now), Fate::Offer(_)) {
            return Ok(SecondLook::Offer);
        }
        let mut tx = self.begin_sending().await?;
        let row = look_up(&mut *tx.inner, &tx.engine, &key, now).await?.pop();
        let Some(row) = row.filter(is_ours) else { return Ok(SecondLook::Gone) };
        let fate = row.fate(now);
        if matches!(fate, Fate::Offer(_)) {
            // Nothing was to be done with it while we waited to write, so it is still ours. That was a while ago for our
            // lease, so it is looked at from the beginning.
            return Ok(SecondLook::Wait);
        }
        let settled = tx.carry_out(&row, fate, now).await?;
        let mut counting = Counting::default();
        settled.into_iter().for_each(|state| counting.add(row.mailing, state, 1));
        tx.count(&counting, now).await?;
        tx.commit().await?;
        Ok(settled.map_or(SecondLook::Gone, SecondLook::Settled))
    }

    /// Writes outcomes down together. One whose delivery another process has claimed meanwhile is passed over; one
    /// whose delivery was only declared unknown, because this process seemed dead, is not too late. Gives how many were
    /// written. To write the same outcomes twice does no harm, but that the relay's minutes count them twice.
    ///
    /// A kill loses none of them once this has returned. After a power cut those since the last claim may be missing: then
    /// their messages go again, with the same Message-ID.
    ///
    /// # Errors
    /// When the store cannot be written; then none was, and the caller must keep them.
    pub async fn record_outcomes(
        &self,
        holder_id: i64,
        outcomes: &[Recorded],
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let written = self.write_outcomes(holder_id, outcomes, now).await?;
        if let Some(written) = written {
            return Ok(written);
        }
        // Some of them count no more, and nothing was written. One by one it shows which.
        let mut written = 0;
        for outcome in outcomes {
            written += self.write_outcomes(holder_id, std::slice::from_ref(outcome), now).await?.unwrap_or(0);
        }
        Ok(written)
    }

    /// Writes outcomes down with what they count as, when each of them still counts. `None` when not, and then nothing is
    /// written: how many of which mailing came to which end would not be known.
    async fn write_outcomes(
        &self,
        holder_id: i64,
        outcomes: &[Recorded],
        now: Timestamp,
    ) -> Result<Option<u64>, StoreError> {
        let rows: Vec<_> = outcomes.iter().map(Recorded::to_row).collect();
        let rows = serde_json::to_string(&rows).expect("numbers and texts are JSON");
        let bounced: Vec<_> = outcomes.iter().filter_map(Recorded::to_bounce).collect();
        let bounced = serde_json::to_string(&bounced).expect("numbers and texts are JSON");
        let mut counting = Counting::default();
        outcomes.iter().for_each(|it| counting.add(it.mailing.0, it.next.state, 1));
        let minutes = serde_json::to_string(&relays::minutes_of(outcomes, now)).expect("numbers and texts are JSON");
        let each = self.engine.json_rows();
        let outcomes_written = sqlx::query(AssertSqlSafe(format!(
            "WITH v AS (SELECT CAST(value->>0 AS BIGINT) AS mailing, CAST(value->>1 AS BIGINT) AS subscriber,
                               CAST(value->>2 AS BIGINT) AS claim, value->>3 AS state,
                               CAST(value->>4 AS BIGINT) AS attempts, CAST(value->>5 AS BIGINT) AS try_at,
                               CAST(value->>6 AS BIGINT) AS code, value->>7 AS answer,
                               CAST(value->>8 AS BIGINT) AS doubt FROM {each})
             UPDATE deliveries SET state = v.state, attempts = v.attempts, try_at = v.try_at, code = v.code,
                    answer = v.answer, holder = NULL, changed_at = $2,
                    was_unknown = CASE WHEN v.doubt = 1 THEN 1 ELSE deliveries.was_unknown END
             FROM v WHERE deliveries.mailing = v.mailing AND deliveries.subscriber = v.subscriber
                      AND deliveries.claims = v.claim
                      AND (deliveries.holder = $3 OR (deliveries.holder IS NULL AND deliveries.state = 'unknown'))"
        )))
        .bind(rows)
        .bind(ms(now))
        .bind(holder_id);
        let mut also: Vec<_> = counting.statement(&self.engine, now).into_iter().collect();
        if bounced != "[]" {
            also.push(sqlx::query(AssertSqlSafe(refusals(&self.engine))).bind(bounced).bind(ms(now)));
        }
        if minutes != "[]" {
            also.push(sqlx::query(AssertSqlSafe(relays::count_minutes(&self.engine))).bind(minutes));
        }
        also.extend(refused_calls(&self.engine, &self.wants, outcomes, now));
        self.sender.execute_unsynced(&self.engine, outcomes_written, outcomes.len() as u64, also).await
    }
}

impl Tx {
    /// Claims what is due in one lane; gives mailing and subscriber of each.
    async fn claim_lane(
        &mut self,
        holder: &Holder,
        lane: Lane,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Key>, StoreError> {
        let skip_locked = self.engine.skip_locked();
        // Materialized: PostgreSQL might otherwise run the selection more than once, and claim more than was asked for.
        let claimed = sqlx::query_as(AssertSqlSafe(format!(
            "WITH due AS MATERIALIZED (
                 SELECT mailing, subscriber FROM deliveries WHERE lane = $4 AND try_at <= $2
                 ORDER BY try_at LIMIT $3 {skip_locked})
             UPDATE deliveries SET state = 'sending', holder = $1, claims = claims + 1, try_at = NULL, changed_at = $2
             FROM due WHERE deliveries.mailing = due.mailing AND deliveries.subscriber = due.subscriber
             RETURNING deliveries.mailing, deliveries.subscriber"
        )))
        .bind(holder.id)
        .bind(ms(now))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .bind(lane_rank(lane))
        .fetch_all(&mut *self.inner)
        .await?;
        Ok(claimed)
    }

    /// Does with a claimed row what must be done instead of offering it; gives the state it came to, if it is settled. What
    /// another process has claimed since the row was looked up is left to that one.
    async fn carry_out(&mut self, row: &Row, fate: Fate, now: Timestamp) -> Result<Option<DeliveryState>, StoreError> {
        let fate = match fate {
            Fate::Park if !self.keeps_held(row).await? => Fate::Later,
            fate => fate,
        };
        let try_at = matches!(fate, Fate::Later).then(|| ms(now.checked_add(SHORTLY).unwrap_or(now)));
        let (state, why) = match fate {
            Fate::Offer(_) => return Ok(None),
            Fate::Settle(state, why) => (Some(state), Some(why)),
            Fate::Park | Fate::Later => (None, None),
        };
        // What is parked waits without a time; the issue's release gives it one.
        let done = sqlx::query(
            "UPDATE deliveries SET state = COALESCE(CAST($1 AS TEXT), CASE WHEN attempts = 0 THEN 'queued' ELSE 'deferred' END),
                    holder = NULL, try_at = CAST($6 AS BIGINT), changed_at = $2, answer = COALESCE(CAST($3 AS TEXT), answer)
             WHERE mailing = $4 AND subscriber = $5 AND holder = $7 AND claims = $8",
        )
        .bind(state.map(DeliveryState::as_str))
        .bind(ms(now))
        .bind(why)
        .bind(row.mailing)
        .bind(row.subscriber)
        .bind(try_at)
        .bind(row.holder)
        .bind(row.claims)
        .execute(&mut *self.inner)
        .await?;
        Ok(state.filter(|_| done.rows_affected() == 1))
    }

    /// True when the issue of a row is held, and stays so until this transaction ends: its release gives a time only to
    /// what it finds parked. False also when somebody is at it just now.
    async fn keeps_held(&mut self, row: &Row) -> Result<bool, StoreError> {
        let unless_locked = self.engine.share_skip_locked("i");
        let held: Option<(i64,)> = sqlx::query_as(AssertSqlSafe(format!(
            "SELECT i.id FROM mailings m JOIN issues i ON i.id = m.issue WHERE m.id = $1 AND i.state = 'held' {unless_locked}"
        )))
        .bind(row.mailing)
        .fetch_optional(&mut *self.inner)
        .await?;
        Ok(held.is_some())
    }
}

/// Of a delivery `d` of an issue `i`: 2 when its reader has, or may have, the same post by an alert of another list; 1 when
/// one that was made before is being sent to them; else 0. Nobody is left out for a message that may never come.
fn elsewhere() -> String {
    let mailed = mailed("o");
    format!(
        "CASE WHEN i.kind = 'alert' THEN COALESCE((
            SELECT MAX(CASE WHEN {mailed} THEN 2 WHEN o.state = 'sending' AND o.mailing < d.mailing THEN 1 ELSE 0 END)
            FROM issue_posts q JOIN issue_posts p ON p.post = q.post AND p.issue <> q.issue
            JOIN issues other ON other.id = p.issue AND other.kind = 'alert' JOIN mailings n ON n.issue = p.issue
            JOIN deliveries o ON o.mailing = n.id AND o.subscriber = d.subscriber WHERE q.issue = i.id), 0) ELSE 0 END"
    )
}

/// Reads what is to be known of rows before they are offered, those of the first lane first.
async fn look_up<'e>(
    on: impl sqlx::Executor<'e, Database = sqlx::Any>,
    engine: &Engine,
    keys: &[Key],
    now: Timestamp,
) -> Result<Vec<Row>, StoreError> {
    let (each, clock, elsewhere) = (engine.json_rows(), engine.clock("CAST($2 AS BIGINT)"), elsewhere());
    let keys = serde_json::to_string(keys).expect("numbers are JSON");
    let table = engine.json_table(&format!(
        "d.mailing, d.subscriber, d.lane, d.claims, d.attempts, d.queued_at, d.holder,
         COALESCE(h.alive_until - {clock}, 0), m.expires_at, COALESCE(s.address, ''),
         COALESCE(s.name, ''),
         CASE WHEN s.id IS NULL THEN 0
              WHEN m.list IS NULL THEN 1
              WHEN u.state = 'active' AND NOT EXISTS (
                   SELECT 1 FROM suppressions x WHERE x.address_key = s.address_key AND x.list IN ('', m.list)) THEN 1
              ELSE 0 END,
         i.state, {elsewhere}, d.was_unknown"
    ));
    let (table,): (Option<String>,) = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT {table}
         FROM (SELECT CAST(value->>0 AS BIGINT) AS mailing, CAST(value->>1 AS BIGINT) AS subscriber FROM {each}) v
         CROSS JOIN deliveries d CROSS JOIN mailings m LEFT JOIN subscribers s ON s.id = d.subscriber
         LEFT JOIN subscriptions u ON u.list = m.list AND u.subscriber = d.subscriber
         LEFT JOIN issues i ON i.id = m.issue LEFT JOIN holders h ON h.id = d.holder
         WHERE d.mailing = v.mailing AND d.subscriber = v.subscriber AND m.id = d.mailing"
    )))
    .bind(keys)
    .bind(ms(now))
    .fetch_one(on)
    .await?;
    let mut rows: Vec<Row> = match table {
        Some(table) => serde_json::from_str(&table).map_err(|error| StoreError::Damaged(error.to_string()))?,
        None => Vec::new(),
    };
    rows.sort_unstable_by_key(|row| (row.lane, row.queued_at, row.mailing, row.subscriber));
    Ok(rows)
}

fn ms_of_half_a_lease() -> i64 {
    i64::try_from(LEASE.as_millis() / 2).expect("a lease is short")
}

impl Row {
    /// What is to be done with it now. Pure.
    fn fate(&self, now: Timestamp) -> Fate {
        let issue = self.issue_state.as_deref().and_then(IssueState::from_word);
        if self.expires_at.is_some_and(|end| end <= ms(now)) {
            return Fate::Settle(DeliveryState::Expired, "its time ran out before it could be sent".into());
        }
        match issue {
            // It was being tried when its issue was stopped, and came back to be tried again.
            Some(IssueState::Held) => return Fate::Park,
            Some(IssueState::Cancelled) => {
                return Fate::Settle(DeliveryState::Dropped, "the issue was cancelled".into());
            }
            Some(IssueState::Queued) | None => {}
        }
        if self.elsewhere == 2 {
            return Fate::Settle(DeliveryState::Dropped, "the reader has it by another alert".into());
        }
        if self.wanted == 0 {
            return Fate::Settle(DeliveryState::Dropped, "the reader left, is suppressed, or was erased".into());
        }
        match self.claimed() {
            Ok(_) if self.elsewhere == 1 => Fate::Later,
            Ok(claimed) => Fate::Offer(claimed),
            // One damaged row must not stop all the others.
            Err(error) => Fate::Settle(DeliveryState::Dropped, error.to_string()),
        }
    }

    fn claimed(&self) -> Result<Claimed, StoreError> {
        Ok(Claimed {
            mailing: MailingId(self.mailing),
            subscriber: SubscriberId(self.subscriber),
            lane: word(&self.lane.to_string(), Lane::from_rank(self.lane))?,
            claim: self.claims,
            attempted: Attempted {
                attempts: u32::try_from(self.attempts).unwrap_or(0),
                queued_at: instant(self.queued_at),
                expires_at: instant_or_none(self.expires_at),
            },
            address: EmailAddress::parse(&self.address).map_err(|error| StoreError::Damaged(error.to_string()))?,
            name: self.name.clone(),
            doubt: if self.was_unknown == 1 { Doubtful::Yes } else { Doubtful::No },
        })
    }
}

impl Recorded {
    #[allow(clippy::type_complexity, reason = "it is a row, in the order of the statement's columns")]
    fn to_row(&self) -> (i64, i64, i64, &'static str, u32, Option<i64>, Option<u16>, &str, i64) {
        let Next { state, attempts, try_at } = &self.next;
        let (mailing, subscriber, doubt) = (self.mailing.0, self.subscriber.0, i64::from(self.doubt == Doubtful::Yes));
        (mailing, subscriber, self.claim, state.as_str(), *attempts, try_at.map(ms), self.code, &self.answer, doubt)
    }

    #[allow(clippy::type_complexity, reason = "it is a row, in the order of the statement's columns")]
    fn to_bounce(&self) -> Option<(i64, i64, i64, &'static str, Option<String>, &str)> {
        let Said { kind, code, words } = self.said.as_ref()?;
        Some((self.mailing.0, self.subscriber.0, self.claim, kind.as_str(), code_text(*code), words))
    }
}
