//! The writer of `posts`: the seen-set that "new" goes by.

use jiff::Timestamp;
use sqlx::AssertSqlSafe;

use super::{Counter, Store, StoreError, Tx, anywhere, instant, instant_or_none, ms, word};
use crate::domain::{
    issue::IssueId,
    post::{Judged, KnownPost, Post, PostId, Standing, StoredPost, Urgency, Verdict},
    slug::Slug,
};

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    feed: String,
    fingerprint: String,
    title: String,
    link: Option<String>,
    summary: String,
    body_html: String,
    image: Option<String>,
    image_alt: String,
    categories: String,
    published_at: Option<i64>,
    event: Option<String>,
    first_seen_at: i64,
    news_at: Option<i64>,
    standing: String,
    standing_reason: String,
    urgency: String,
    urgency_rule: Option<String>,
    urgency_reason: String,
}

/// A post that was seen before, as a later look must know it.
#[derive(Clone, Debug)]
pub struct SeenPost {
    /// Its number.
    pub id: PostId,
    /// What is stored of it.
    pub post: Post,
    /// What the guards made of it.
    pub standing: Standing,
    /// True when it stands in an issue, mailed or not.
    pub is_composed: bool,
    /// The last issue with it that was handed to the queue.
    pub issue: Option<IssueId>,
    /// What it said when it was last seen to be changed since.
    pub edited: Option<String>,
    /// Whether staff were told of a change.
    pub is_told: bool,
}

/// Which posts to show.
#[derive(Clone, Debug, Default)]
pub struct PostFilter {
    /// Of one feed.
    pub feed: Option<Slug>,
    /// Of one standing.
    pub standing: Option<Standing>,
    /// Routine or breaking.
    pub urgency: Option<Urgency>,
    /// Those that follow this one in the listing: when it was first seen, and its number.
    pub after: Option<(Timestamp, PostId)>,
}

#[derive(sqlx::FromRow)]
struct SeenRow {
    #[sqlx(flatten)]
    row: Row,
    is_composed: i64,
    issue: Option<i64>,
    edited: Option<String>,
    edited_told_at: Option<i64>,
}

/// The news of feed `$1` for list `$2`.
macro_rules! news {
    () => {
        "FROM posts p JOIN lists l ON l.name = $2
         WHERE p.feed = $1 AND p.standing = 'news' AND p.news_at >= l.baseline_at
           AND NOT EXISTS (SELECT 1 FROM issue_posts i WHERE i.post = p.id AND i.list = $2)
           AND NOT EXISTS (SELECT 1 FROM posts q JOIN issue_posts i ON i.post = q.id AND i.list = $2
                           WHERE q.link = p.link AND q.title = p.title AND q.id <> p.id)"
    };
}

/// What staff have to decide about, of feed `$1`. What they sent by hand stands as the guards left it, and is decided.
macro_rules! to_decide {
    () => {
        "FROM posts p WHERE p.feed = $1 AND p.standing = 'held'
           AND NOT EXISTS (SELECT 1 FROM issue_posts i WHERE i.post = p.id)"
    };
}

/// The columns of [`Row`], of the table named `p`.
macro_rules! columns {
    () => {
        "p.id, p.feed, p.fingerprint, p.title, p.link, p.summary, p.body_html, p.image, p.image_alt, p.categories,
         p.published_at, p.event, p.first_seen_at, p.news_at, p.standing, p.standing_reason, p.urgency, p.urgency_rule, p.urgency_reason"
    };
}

mod page;

impl Store {
    /// What is remembered of every post of a feed, to know it again.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn known_posts(&self, feed: &Slug) -> Result<Vec<KnownPost>, StoreError> {
        let rows: Vec<(String, Option<String>, String, Option<i64>)> =
            sqlx::query_as("SELECT fingerprint, link, title, published_at FROM posts WHERE feed = $1")
                .bind(feed.as_str())
                .fetch_all(&self.reader)
                .await?;
        let known = rows.into_iter().map(|(fingerprint, link, title, published_at)| KnownPost {
            fingerprint,
            link,
            title_key: Post { title, ..Post::default() }.title_key(),
            published_at: instant_or_none(published_at),
        });
        Ok(known.collect())
    }

    /// Which of these posts of a feed were seen before, by their fingerprints.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn seen_posts(&self, feed: &Slug, posts: &[Post]) -> Result<Vec<SeenPost>, StoreError> {
        let fingerprints: Vec<_> = posts.iter().map(|post| [&post.fingerprint]).collect();
        let each = self.engine.json_rows();
        let rows: Vec<SeenRow> = sqlx::query_as(AssertSqlSafe(format!(
            "SELECT {}, p.edited, p.edited_told_at,
                    CAST(CASE WHEN EXISTS (SELECT 1 FROM issue_posts i WHERE i.post = p.id) THEN 1 ELSE 0 END AS BIGINT)
                        AS is_composed,
                    (SELECT MAX(i.id) FROM issue_posts m JOIN issues i ON i.id = m.issue
                     WHERE m.post = p.id AND i.queued_at IS NOT NULL) AS issue
             FROM {each} CROSS JOIN posts p WHERE p.fingerprint = value->>0 AND p.feed = $2",
            columns!()
        )))
        .bind(serde_json::to_string(&fingerprints).expect("texts are JSON"))
        .bind(feed.as_str())
        .fetch_all(&self.reader)
        .await?;
        rows.into_iter().map(SeenRow::into_seen).collect()
    }

    /// One post.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn post(&self, id: PostId) -> Result<Option<StoredPost>, StoreError> {
        let row: Option<Row> = sqlx::query_as(concat!("SELECT ", columns!(), " FROM posts p WHERE p.id = $1"))
            .bind(id.0)
            .fetch_optional(&self.reader)
            .await?;
        row.map(Row::into_post).transpose()
    }

    /// The post whose number, link or fingerprint is `text`; when there is none, those whose title holds it, newest
    /// first, at most 20.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn find_posts(&self, text: &str) -> Result<Vec<StoredPost>, StoreError> {
        let mut rows: Vec<Row> = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM posts p WHERE CAST(p.id AS TEXT) = $1 OR p.link = $1 OR p.fingerprint = $1
              ORDER BY CASE WHEN CAST(p.id AS TEXT) = $1 THEN 0 ELSE 1 END, p.first_seen_at DESC, p.id DESC LIMIT 1"
        ))
        .bind(text)
        .fetch_all(&self.reader)
        .await?;
        if rows.is_empty() {
            // As typed as well: SQLite's LOWER knows only ASCII.
            rows = sqlx::query_as(concat!(
                "SELECT ",
                columns!(),
                " FROM posts p WHERE LOWER(p.title) LIKE $1 ESCAPE '!' OR p.title LIKE $2 ESCAPE '!'
                  ORDER BY p.first_seen_at DESC, p.id DESC LIMIT 20"
            ))
            .bind(anywhere(&text.to_lowercase()))
            .bind(anywhere(text))
            .fetch_all(&self.reader)
            .await?;
        }
        rows.into_iter().map(Row::into_post).collect()
    }

    /// The posts of a feed with one standing, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn posts_standing(&self, feed: &Slug, standing: Standing) -> Result<Vec<StoredPost>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM posts p WHERE p.feed = $1 AND p.standing = $2 ORDER BY p.first_seen_at DESC, p.id DESC"
        ))
        .bind(feed.as_str())
        .bind(standing.as_str())
        .fetch_all(&self.reader)
        .await?;
        rows.into_iter().map(Row::into_post).collect()
    }

    /// The posts of a feed that are held and in no issue, newest first: those to be decided about.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn held_posts(&self, feed: &Slug) -> Result<Vec<StoredPost>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " ",
            to_decide!(),
            " ORDER BY p.first_seen_at DESC, p.id DESC"
        ))
        .bind(feed.as_str())
        .fetch_all(&self.reader)
        .await?;
        rows.into_iter().map(Row::into_post).collect()
    }

    /// How many those are.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn count_held_posts(&self, feed: &Slug) -> Result<u64, StoreError> {
        let (count,): (i64,) = sqlx::query_as(concat!("SELECT COUNT(*) ", to_decide!()))
            .bind(feed.as_str())
            .fetch_one(&self.reader)
            .await?;
        Ok(count.unsigned_abs())
    }

    /// The news of a feed that no issue of this list carries yet and that became news after the list began, oldest
    /// first. A post that came by another feed too, with the same link and title, counts as carried when that one is.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn news_for(&self, feed: &Slug, list: &Slug) -> Result<Vec<StoredPost>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(concat!("SELECT ", columns!(), " ", news!(), " ORDER BY p.news_at, p.id"))
            .bind(feed.as_str())
            .bind(list.as_str())
            .fetch_all(&self.reader)
            .await?;
        rows.into_iter().map(Row::into_post).collect()
    }

    /// How many those are.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn count_news_for(&self, feed: &Slug, list: &Slug) -> Result<u64, StoreError> {
        let (count,): (i64,) = sqlx::query_as(concat!("SELECT COUNT(*) ", news!()))
            .bind(feed.as_str())
            .bind(list.as_str())
            .fetch_one(&self.reader)
            .await?;
        Ok(count.unsigned_abs())
    }

    /// A page of posts, the newest first; of one look, in the feed's own order.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn posts_page(&self, filter: &PostFilter, limit: i64) -> Result<Vec<StoredPost>, StoreError> {
        let (seen_at, id) = filter.after.map_or((i64::MAX, 0), |(at, id)| (ms(at), id.0));
        let rows: Vec<Row> = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM posts p WHERE (p.first_seen_at < $1 OR (p.first_seen_at = $1 AND p.id > $2))
                AND ($3 = '' OR p.feed = $3) AND ($4 = '' OR p.standing = $4) AND ($5 = '' OR p.urgency = $5)
              ORDER BY p.first_seen_at DESC, p.id LIMIT $6"
        ))
        .bind(seen_at)
        .bind(id)
        .bind(filter.feed.as_ref().map_or("", Slug::as_str))
        .bind(filter.standing.map_or("", Standing::as_str))
        .bind(filter.urgency.map_or("", Urgency::as_str))
        .bind(limit)
        .fetch_all(&self.reader)
        .await?;
        rows.into_iter().map(Row::into_post).collect()
    }

    /// How many posts of a feed have a standing.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn count_standing(&self, feed: &Slug, standing: Standing) -> Result<u64, StoreError> {
        let (count,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM posts WHERE feed = $1 AND standing = $2")
            .bind(feed.as_str())
            .bind(standing.as_str())
            .fetch_one(&self.reader)
            .await?;
        Ok(count.unsigned_abs())
    }

    /// Fresh numbers for `count` posts.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn post_ids(&self, count: usize) -> Result<PostId, StoreError> {
        Ok(PostId(self.take_ids(Counter::Posts, count).await?))
    }
}

impl Tx {
    /// Adds a post that was seen for the first time. One that another process added meanwhile stays as it is.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn add_post(
        &mut self,
        id: PostId,
        feed: &Slug,
        judged: &Judged,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Judged { post, standing, standing_reason, verdict } = judged;
        let categories = serde_json::to_string(&post.categories).expect("a list of texts is JSON");
        let event = post.event.as_ref().map(|event| serde_json::to_string(event).expect("an event is JSON"));
        sqlx::query(
            "INSERT INTO posts (id, feed, fingerprint, title, link, summary, body_html, image, image_alt, categories,
                    published_at, first_seen_at, standing, standing_reason, urgency, urgency_rule, urgency_reason,
                    news_at, event)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
             ON CONFLICT (feed, fingerprint) DO NOTHING",
        )
        .bind(id.0)
        .bind(feed.as_str())
        .bind(&post.fingerprint)
        .bind(&post.title)
        .bind(post.link.as_deref())
        .bind(&post.summary)
        .bind(&post.body_html)
        .bind(post.image.as_deref())
        .bind(&post.image_alt)
        .bind(categories)
        .bind(post.published_at.map(ms))
        .bind(ms(now))
        .bind(standing.as_str())
        .bind(standing_reason)
        .bind(verdict.urgency.as_str())
        .bind(verdict.rule.as_ref().map(Slug::as_str))
        .bind(&verdict.reason)
        .bind((*standing == Standing::News).then_some(ms(now)))
        .bind(event)
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }

    /// Lets a post that stands in no issue say what its feed says now.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn refresh_post(&mut self, id: PostId, post: &Post) -> Result<(), StoreError> {
        let categories = serde_json::to_string(&post.categories).expect("a list of texts is JSON");
        sqlx::query(
            "UPDATE posts SET title = $1, link = $2, summary = $3, body_html = $4, image = $5, image_alt = $6,
                    categories = $7
             WHERE id = $8 AND NOT EXISTS (SELECT 1 FROM issue_posts i WHERE i.post = posts.id)",
        )
        .bind(&post.title)
        .bind(post.link.as_deref())
        .bind(&post.summary)
        .bind(&post.body_html)
        .bind(post.image.as_deref())
        .bind(&post.image_alt)
        .bind(categories)
        .bind(id.0)
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }

    /// Notes what a post says that was changed after it was mailed, as a digest; `None`: what was mailed.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn post_edited(&mut self, id: PostId, digest: Option<&str>) -> Result<(), StoreError> {
        sqlx::query("UPDATE posts SET edited = $1 WHERE id = $2")
            .bind(digest)
            .bind(id.0)
            .execute(&mut *self.inner)
            .await?;
        Ok(())
    }

    /// Notes that staff are told that a post was changed.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn edit_told(&mut self, id: PostId, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query("UPDATE posts SET edited_told_at = $1 WHERE id = $2 AND edited_told_at IS NULL")
            .bind(ms(now))
            .bind(id.0)
            .execute(&mut *self.inner)
            .await?;
        Ok(())
    }

    /// Corrects the date of a post that waits for it, as the feed has corrected it.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn redate_waiting(&mut self, id: PostId, published_at: Option<Timestamp>) -> Result<(), StoreError> {
        sqlx::query("UPDATE posts SET published_at = $1 WHERE id = $2 AND standing = 'waiting'")
            .bind(published_at.map(ms))
            .bind(id.0)
            .execute(&mut *self.inner)
            .await?;
        Ok(())
    }

    /// Gives a post another standing and verdict, when its standing is still `from`; `false` when it is not. What an issue
    /// carries, be it given up or not, is not dismissed.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn restand_post(
        &mut self,
        id: PostId,
        from: Standing,
        to: (Standing, &str),
        verdict: &Verdict,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (standing, reason) = to;
        let done = sqlx::query(
            "UPDATE posts SET standing = $1, standing_reason = $2, urgency = $3, urgency_rule = $4,
                    urgency_reason = $5, news_at = COALESCE($6, news_at)
             WHERE id = $7 AND standing = $8
               AND ($1 <> 'dismissed' OR NOT EXISTS (SELECT 1 FROM issue_posts i WHERE i.post = posts.id))",
        )
        .bind(standing.as_str())
        .bind(reason)
        .bind(verdict.urgency.as_str())
        .bind(verdict.rule.as_ref().map(Slug::as_str))
        .bind(&verdict.reason)
        .bind((standing == Standing::News).then_some(ms(now)))
        .bind(id.0)
        .bind(from.as_str())
        .execute(&mut *self.inner)
        .await?;
        Ok(done.rows_affected() == 1)
    }
}

impl SeenRow {
    fn into_seen(self) -> Result<SeenPost, StoreError> {
        let StoredPost { id, post, standing, .. } = self.row.into_post()?;
        Ok(SeenPost {
            id,
            post,
            standing,
            is_composed: self.is_composed == 1,
            issue: self.issue.map(IssueId),
            edited: self.edited,
            is_told: self.edited_told_at.is_some(),
        })
    }
}

impl Row {
    fn into_post(self) -> Result<StoredPost, StoreError> {
        let slug = |text: &str| Slug::parse(text).map_err(|error| StoreError::Damaged(error.to_string()));
        Ok(StoredPost {
            id: PostId(self.id),
            feed: slug(&self.feed)?,
            standing: word(&self.standing, Standing::from_word(&self.standing))?,
            standing_reason: self.standing_reason,
            verdict: Verdict {
                urgency: word(&self.urgency, Urgency::from_word(&self.urgency))?,
                rule: self.urgency_rule.as_deref().map(slug).transpose()?,
                reason: self.urgency_reason,
            },
            first_seen_at: instant(self.first_seen_at),
            news_at: instant_or_none(self.news_at),
            post: Post {
                fingerprint: self.fingerprint,
                title: self.title,
                link: self.link,
                summary: self.summary,
                body_html: self.body_html,
                image: self.image,
                image_alt: self.image_alt,
                categories: serde_json::from_str(&self.categories).map_err(damaged)?,
                published_at: instant_or_none(self.published_at),
                event: self.event.as_deref().map(serde_json::from_str).transpose().map_err(damaged)?,
            },
        })
    }
}

/// What was stored as JSON and is none.
fn damaged(error: serde_json::Error) -> StoreError {
    StoreError::Damaged(error.to_string())
}
