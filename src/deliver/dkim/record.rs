//! What the DNS says of a key. A key comes in; what goes out is whether its record is there and has the same public
//! half. Nothing depends on it: it is for people who ask.

use std::{net::SocketAddr, time::Duration};

use data_encoding::BASE64;
use hickory_resolver::{
    TokioResolver,
    config::{NameServerConfig, ResolverConfig},
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::rr::RData,
};

use super::DkimKey;

/// How long a name server may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Whom we ask.
#[derive(Clone)]
pub struct Dns(TokioResolver);

/// What the DNS says of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// Its record, as we would write it.
    Same,
    /// A record that has another key, or that no verifier understands.
    Other,
    /// More than one record, of which a verifier may take any (RFC 6376 §3.6.2.2).
    Several,
    /// A record that says that the key is not to be used any more (RFC 6376 §3.6.1, an empty `p=`).
    Withdrawn,
    /// Nothing.
    Nothing,
    /// It could not be asked; with the reason.
    Silent(String),
}

impl Dns {
    /// Asks this name server, or those of the system.
    ///
    /// # Errors
    /// The system's configuration cannot be read; with the reason.
    pub fn new(server: Option<SocketAddr>) -> Result<Self, String> {
        let provider = TokioRuntimeProvider::default();
        let mut builder = match server {
            None => TokioResolver::builder(provider).map_err(|error| error.to_string())?,
            Some(server) => {
                let mut name_server = NameServerConfig::udp_and_tcp(server.ip());
                name_server.connections.iter_mut().for_each(|connection| connection.port = server.port());
                let config = ResolverConfig::from_parts(None, Vec::new(), vec![name_server]);
                TokioResolver::builder_with_config(config, provider)
            }
        };
        builder.options_mut().timeout = PATIENCE;
        builder.options_mut().attempts = 1;
        Ok(Self(builder.build().map_err(|error| error.to_string())?))
    }

    /// Looks up the record of a key.
    pub async fn published(&self, key: &DkimKey) -> Published {
        // The dot keeps search domains away.
        let found = match self.0.txt_lookup(format!("{}.", key.record_name())).await {
            Ok(found) => found,
            Err(error) if is_empty(&error) => return Published::Nothing,
            Err(error) => return Published::Silent(error.to_string()),
        };
        let text = |data: &RData| match data {
            RData::TXT(text) => Some(String::from_utf8_lossy(&text.txt_data.concat()).into_owned()),
            _ => None,
        };
        let values: Vec<String> = found.answers().iter().filter_map(|record| text(&record.data)).collect();
        match values.as_slice() {
            [] => Published::Nothing,
            [value] => said(key, value),
            _ => Published::Several,
        }
    }
}

fn is_empty(error: &NetError) -> bool {
    error.is_nx_domain() || error.is_no_records_found()
}

/// What one record says of a key (RFC 6376 §3.6.1).
fn said(key: &DkimKey, value: &str) -> Published {
    let tag = |name: &str| {
        let tags = value.split(';').filter_map(|tag| tag.split_once('='));
        tags.filter(|(key, _)| key.trim() == name).map(|(_, value)| value.split_whitespace().collect::<String>()).next()
    };
    let kind = key.key.algorithm().kind();
    let Some(half) = tag("p") else { return Published::Other };
    if half.is_empty() {
        return Published::Withdrawn;
    }
    let is_understood =
        tag("v").is_none_or(|version| version == "DKIM1") && tag("k").as_deref().unwrap_or("rsa") == kind;
    let is_ours = BASE64.decode(half.as_bytes()).is_ok_and(|half| half == key.key.public_half());
    if is_understood && is_ours { Published::Same } else { Published::Other }
}
