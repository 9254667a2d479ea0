//! Access of programs to the API: the tokens that they hold. Values in, values out.

use serde::{Deserialize, Serialize};

/// The number of an access token in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AccessTokenId(pub i64);

impl AccessTokenId {
    /// What the ledger calls it: `token:3`.
    pub fn about(self) -> String {
        format!("token:{}", self.0)
    }
}
