//! The writer of `staff` and `staff_links`: who works at the desk. Passwords come in hashed; what is a good one is decided
//! elsewhere.

use jiff::{SignedDuration, Timestamp};

use super::{Counter, Store, StoreError, Tx, instant, instant_or_none, ms, word};
use crate::domain::{
    address::EmailAddress,
    staff::{Role, Staff, StaffId},
};

/// One of staff with what they sign in by.
#[derive(Clone)]
pub struct Account {
    /// Who they are.
    pub staff: Staff,
    /// The hash of their password; none: they have not chosen one.
    pub password: Option<String>,
    /// The secret of their second factor, in base32.
    pub second_factor: Option<String>,
    /// Since when.
    pub made_at: Timestamp,
    /// Since when they are staff no more.
    pub ended_at: Option<Timestamp>,
}

/// A link that lets one of staff choose a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaffLink {
    /// For whom.
    pub staff: StaffId,
    /// Since when.
    pub made_at: Timestamp,
    /// When it was used.
    pub used_at: Option<Timestamp>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    address: String,
    name: String,
    role: String,
    password: Option<String>,
    second_factor: Option<String>,
    made_at: i64,
    ended_at: Option<i64>,
}

/// The columns of [`Row`].
macro_rules! columns {
    () => {
        "SELECT id, address, name, role, password, second_factor, made_at, ended_at FROM staff"
    };
}

impl Store {
    /// The one of staff who has that address.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn account_of(&self, address: &EmailAddress) -> Result<Option<Account>, StoreError> {
        let row: Option<Row> = sqlx::query_as(concat!(columns!(), " WHERE address_key = $1 AND ended_at IS NULL"))
            .bind(address.key())
            .fetch_optional(&self.reader)
            .await?;
        row.map(Row::into_account).transpose()
    }

    /// One of staff by number, also when they are staff no more.
    ///
    /// # Errors
    /// When the store cannot be read, and [`StoreError::Missing`].
    pub async fn account(&self, id: StaffId) -> Result<Account, StoreError> {
        let row: Option<Row> =
            sqlx::query_as(concat!(columns!(), " WHERE id = $1")).bind(id.0).fetch_optional(&self.reader).await?;
        row.ok_or_else(|| StoreError::Missing(id.about()))?.into_account()
    }

    /// Everybody who is staff now, in the order in which they came.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        let rows: Vec<Row> =
            sqlx::query_as(concat!(columns!(), " WHERE ended_at IS NULL ORDER BY id")).fetch_all(&self.reader).await?;
        rows.into_iter().map(Row::into_account).collect()
    }

    /// How many links one of staff has had within a time.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn count_staff_links(
        &self,
        staff: StaffId,
        within: SignedDuration,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let since = now.checked_sub(within).unwrap_or(Timestamp::MIN);
        let (count,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM staff_links WHERE staff = $1 AND made_at > $2")
            .bind(staff.0)
            .bind(ms(since))
            .fetch_one(&self.reader)
            .await?;
        Ok(count.unsigned_abs())
    }

    /// A link by its number.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn staff_link(&self, id: i64) -> Result<Option<StaffLink>, StoreError> {
        let row: Option<(i64, i64, Option<i64>)> =
            sqlx::query_as("SELECT staff, made_at, used_at FROM staff_links WHERE id = $1")
                .bind(id)
                .fetch_optional(&self.reader)
                .await?;
        Ok(row.map(|(staff, made_at, used_at)| StaffLink {
            staff: StaffId(staff),
            made_at: instant(made_at),
            used_at: instant_or_none(used_at),
        }))
    }
}

impl Tx {
    /// Makes somebody staff, also one who was before. Gives their number; `None` when they are staff already.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn add_staff(
        &mut self,
        address: &EmailAddress,
        name: &str,
        role: Role,
        now: Timestamp,
    ) -> Result<Option<StaffId>, StoreError> {
        let id = self.take_ids(Counter::Staff, 1).await?;
        let row: Option<(i64,)> = sqlx::query_as(
            "INSERT INTO staff (id, address, address_key, name, role, made_at) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (address_key) DO UPDATE SET name = excluded.name, role = excluded.role, ended_at = NULL,
                 password = NULL, second_factor = NULL, made_at = excluded.made_at
             WHERE staff.ended_at IS NOT NULL RETURNING id",
        )
        .bind(id)
        .bind(address.reveal())
        .bind(address.key())
        .bind(name)
        .bind(role.as_str())
        .bind(ms(now))
        .fetch_optional(&mut *self.inner)
        .await?;
        Ok(row.map(|(id,)| StaffId(id)))
    }

    /// Gives one of staff another role; `false` when they are not staff, or have it.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn set_role(&mut self, id: StaffId, role: Role) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE staff SET role = $1 WHERE id = $2 AND role <> $1 AND ended_at IS NULL")
            .bind(role.as_str())
            .bind(id.0)
            .execute(&mut *self.inner)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Somebody is staff no more; `false` when they were not.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn end_staff(&mut self, id: StaffId, now: Timestamp) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE staff SET ended_at = $1, password = NULL, second_factor = NULL WHERE id = $2 AND ended_at IS NULL",
        )
        .bind(ms(now))
        .bind(id.0)
        .execute(&mut *self.inner)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Lets those who change who is owner go one after the other, on either engine.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn owners_one_by_one(&mut self) -> Result<(), StoreError> {
        self.take_ids(Counter::Staff, 1).await?;
        Ok(())
    }

    /// How many owners there are.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn count_owners(&mut self) -> Result<u64, StoreError> {
        let (count,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM staff WHERE role = 'owner' AND ended_at IS NULL")
            .fetch_one(&mut *self.inner)
            .await?;
        Ok(count.unsigned_abs())
    }

    /// Writes the hash of a password down.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn set_password(&mut self, id: StaffId, hash: &str) -> Result<(), StoreError> {
        sqlx::query("UPDATE staff SET password = $1 WHERE id = $2 AND ended_at IS NULL")
            .bind(hash)
            .bind(id.0)
            .execute(&mut *self.inner)
            .await?;
        Ok(())
    }

    /// Turns a second factor on; `false` when one is.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn turn_on_second_factor(&mut self, id: StaffId, secret: &str) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE staff SET second_factor = $1 WHERE id = $2 AND second_factor IS NULL AND ended_at IS NULL",
        )
        .bind(secret)
        .bind(id.0)
        .execute(&mut *self.inner)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Turns a second factor off.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn turn_off_second_factor(&mut self, id: StaffId) -> Result<(), StoreError> {
        sqlx::query("UPDATE staff SET second_factor = NULL WHERE id = $1").bind(id.0).execute(&mut *self.inner).await?;
        Ok(())
    }

    /// Keeps somebody's password and second factor as they are until this is done; `false` when either is another by now,
    /// or they are staff no more.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn hold_account(&mut self, account: &Account) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE staff SET password = password
             WHERE id = $1 AND password = $2 AND COALESCE(second_factor, '') = $3 AND ended_at IS NULL",
        )
        .bind(account.staff.id.0)
        .bind(account.password.as_deref())
        .bind(account.second_factor.as_deref().unwrap_or_default())
        .execute(&mut *self.inner)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Takes a code's step as used; `false` when it or a later one was used before (RFC 6238 §5.2).
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn use_factor_step(&mut self, id: StaffId, step: u64) -> Result<bool, StoreError> {
        let step = i64::try_from(step).unwrap_or(i64::MAX);
        let done = sqlx::query("UPDATE staff SET factor_step = $1 WHERE id = $2 AND factor_step < $1")
            .bind(step)
            .bind(id.0)
            .execute(&mut *self.inner)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Makes a link, unless one of staff has had as many as `at_most` since an instant. Gives its number.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn add_staff_link(
        &mut self,
        staff: StaffId,
        within: SignedDuration,
        at_most: u64,
        now: Timestamp,
    ) -> Result<Option<i64>, StoreError> {
        let since = now.checked_sub(within).unwrap_or(Timestamp::MIN);
        let id = self.take_ids(Counter::StaffLinks, 1).await?;
        let done = sqlx::query(
            "INSERT INTO staff_links (id, staff, made_at) SELECT CAST($1 AS BIGINT), CAST($2 AS BIGINT), CAST($3 AS BIGINT)
             WHERE (SELECT COUNT(*) FROM staff_links WHERE staff = $2 AND made_at > $4) < $5",
        )
        .bind(id)
        .bind(staff.0)
        .bind(ms(now))
        .bind(ms(since))
        .bind(i64::try_from(at_most).unwrap_or(i64::MAX))
        .execute(&mut *self.inner)
        .await?;
        Ok((done.rows_affected() == 1).then_some(id))
    }

    /// Takes a link as used; `false` when it was before.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn use_staff_link(&mut self, id: i64, now: Timestamp) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE staff_links SET used_at = $1 WHERE id = $2 AND used_at IS NULL")
            .bind(ms(now))
            .bind(id)
            .execute(&mut *self.inner)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Forgets the links of one of staff: none of them can be used any more.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn drop_staff_links(&mut self, staff: StaffId) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM staff_links WHERE staff = $1").bind(staff.0).execute(&mut *self.inner).await?;
        Ok(())
    }
}

impl Row {
    fn into_account(self) -> Result<Account, StoreError> {
        Ok(Account {
            staff: Staff {
                id: StaffId(self.id),
                address: EmailAddress::parse(&self.address)
                    .map_err(|_| StoreError::Damaged(format!("the address of staff {} is none", self.id)))?,
                name: self.name,
                role: word(&self.role, Role::from_word(&self.role))?,
            },
            password: self.password,
            second_factor: self.second_factor,
            made_at: instant(self.made_at),
            ended_at: instant_or_none(self.ended_at),
        })
    }
}
