//! Passwords as they are kept: argon2id, with the salt of each in its hash. A password comes in; its hash, or whether it
//! is right, goes out. To try one takes about 50 ms of a core and 19 MiB, so few are tried at once.

use std::sync::LazyLock;

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use secrecy::{ExposeSecret, SecretString};
use tokio::{sync::Semaphore, task::spawn_blocking};

/// How many passwords are tried at once; the others wait.
const AT_ONCE: usize = 2;

/// What is tried when there is no such person or no password, so that the answer takes as long.
static NOBODYS: LazyLock<String> = LazyLock::new(|| hashed("nobody has this password"));

/// Tries and hashes passwords, a few at a time.
#[derive(Debug)]
pub struct Passwords {
    turns: Semaphore,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { turns: Semaphore::new(AT_ONCE) }
    }
}

impl Passwords {
    /// Whether `password` is the one that was hashed. With no hash it takes as long, and is wrong.
    pub(super) async fn is_right(&self, password: SecretString, hash: Option<String>) -> bool {
        let (hash, exists) = hash.map_or_else(|| (NOBODYS.clone(), false), |hash| (hash, true));
        let tried = self.take_turn(move || {
            let parsed = PasswordHash::new(&hash);
            parsed
                .is_ok_and(|hash| Argon2::default().verify_password(password.expose_secret().as_bytes(), &hash).is_ok())
        });
        tried.await && exists
    }

    /// The hash to keep of a password.
    pub(super) async fn hash(&self, password: SecretString) -> String {
        self.take_turn(move || hashed(password.expose_secret())).await
    }

    async fn take_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let _turn = self.turns.acquire().await.expect("the turns are never closed");
        spawn_blocking(work).await.expect("hashing does not panic")
    }
}

fn hashed(password: &str) -> String {
    Argon2::default().hash_password(password.as_bytes()).expect("argon2's own settings are sound").to_string()
}
