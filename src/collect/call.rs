//! Calling the house's own systems: a body and headers go to one address, and whether it took them comes back. The address
//! is one that config.toml names, and yet is reached by the same rules as a feed: no private network that is not allowed,
//! no redirect, no more time than is set. Nothing of the answer but its status is read.

use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use super::{CollectError, Policy, fetch::Fetcher};

/// How long a call may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// Calls one system. Made once; cheap to clone.
#[derive(Clone, Debug)]
pub struct Caller {
    fetcher: Fetcher,
}

impl Caller {
    /// One that may reach the public Internet and these networks, and names itself so.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub fn new(private_networks: Vec<IpNet>, user_agent: String) -> Result<Self, CollectError> {
        let policy = Policy { private_networks, user_agent, timeout: PATIENCE, ..Policy::default() };
        Ok(Self { fetcher: Fetcher::new(policy)? })
    }

    /// Posts a JSON body with these headers, within fifteen seconds.
    ///
    /// # Errors
    /// When it was not taken: any status but those of success, a redirect too, is a refusal.
    pub async fn post(&self, url: &Url, headers: &[(&'static str, String)], body: String) -> Result<(), CollectError> {
        self.fetcher.post_json(url, headers, body).await
    }
}
