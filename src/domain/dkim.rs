//! A key that signs mail (DKIM, RFC 6376) and where its public half is published. PEM text comes in; what goes out is
//! a key that was found fit to sign, and the text of its DNS record. It signs nothing and asks no DNS, and the private
//! half never prints.

use std::{fmt, sync::Arc};

use data_encoding::BASE64;
use ring::signature::{Ed25519KeyPair, KeyPair, RsaKeyPair};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject};

/// The longest selector: that of a label of the DNS (RFC 1035 §2.3.4).
const LONGEST_SELECTOR: usize = 63;

/// One key, with the place of its record.
#[derive(Clone, Debug)]
pub struct DkimKey {
    /// The name of the key among those of its domain: `s=`.
    pub selector: Selector,
    /// The domain that vouches for the mail: `d=`, in lower-case A-labels.
    pub domain: String,
    /// What signs.
    pub key: PrivateKey,
}

/// A selector: lower-case letters, digits and hyphens, in one label or several with dots between (RFC 6376 §3.1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Selector(String);

/// A private key. Copies share it.
#[derive(Clone)]
pub struct PrivateKey(Arc<Pair>);

/// A key as the crate `ring` holds it.
#[derive(Debug)]
pub enum Pair {
    /// RSA of 2048 to 4096 bits.
    Rsa(RsaKeyPair),
    /// Ed25519.
    Ed25519(Ed25519KeyPair),
}

/// How a key signs: `a=` of a signature, and `k=` of its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RSA with SHA-256 (RFC 6376 §3.3.1).
    RsaSha256,
    /// Ed25519 over a SHA-256 hash (RFC 8463 §3).
    Ed25519Sha256,
}

/// Why a text is no selector.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a selector")]
pub struct SelectorError;

/// Why a text is no key to sign with. It never quotes the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No PEM text of a private key.
    #[error("not a private key in PEM")]
    NotPem,
    /// The public half was given.
    #[error("this is the public half; the private one signs")]
    Public,
    /// It is locked by a password.
    #[error("the key is locked by a password")]
    Locked,
    /// RSA of fewer than 2048 bits (RFC 8301 §3.2 has signers use at least that).
    #[error("an RSA key of fewer than 2048 bits, which receivers do not trust (RFC 8301)")]
    TooSmall,
    /// RSA of more than 4096 bits.
    #[error("an RSA key of more than 4096 bits, which receivers need not verify (RFC 8301)")]
    TooLarge,
    /// Another kind of key, such as one for elliptic curves.
    #[error("a key that is neither RSA nor Ed25519")]
    OtherKind,
    /// The parts of the key do not fit together.
    #[error("a damaged key")]
    Damaged,
}

impl Selector {
    /// Reads a selector; capitals are made small.
    ///
    /// # Errors
    /// Another character, or more than 63 of them, or a label that is empty or begins or ends with a hyphen.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let text = text.trim().to_ascii_lowercase();
        let is_label = |label: &str| {
            !label.is_empty()
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if text.len() > LONGEST_SELECTOR || !text.split('.').all(is_label) {
            return Err(SelectorError);
        }
        Ok(Self(text))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PrivateKey {
    /// Reads a private key in PEM: RSA in PKCS#1 or PKCS#8, Ed25519 in PKCS#8 (RFC 8410).
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        // The second is what OpenSSL 1 wrote.
        if text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") || text.contains("Proc-Type: 4,ENCRYPTED") {
            return Err(KeyError::Locked);
        }
        let pair = match PrivateKeyDer::from_pem_slice(text.as_bytes()) {
            Err(_) if text.contains("PUBLIC KEY-----") => return Err(KeyError::Public),
            Err(_) => return Err(KeyError::NotPem),
            Ok(PrivateKeyDer::Pkcs1(der)) => RsaKeyPair::from_der(der.secret_pkcs1_der()).map(Pair::Rsa),
            Ok(PrivateKeyDer::Pkcs8(der)) => {
                let der = der.secret_pkcs8_der();
                let ed25519 = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map(Pair::Ed25519);
                ed25519.or_else(|_| RsaKeyPair::from_pkcs8(der).map(Pair::Rsa))
            }
            Ok(_) => return Err(KeyError::OtherKind),
        };
        match pair {
            Ok(pair) => Ok(Self(Arc::new(pair))),
            // The reason is to be had as a text only.
            Err(rejected) => Err(match rejected.to_string().as_str() {
                "TooSmall" => KeyError::TooSmall,
                "TooLarge" => KeyError::TooLarge,
                "WrongAlgorithm" => KeyError::OtherKind,
                _ => KeyError::Damaged,
            }),
        }
    }

    /// The key, to sign with.
    pub fn pair(&self) -> &Pair {
        &self.0
    }

    /// How it signs.
    pub fn algorithm(&self) -> Algorithm {
        match self.pair() {
            Pair::Rsa(_) => Algorithm::RsaSha256,
            Pair::Ed25519(_) => Algorithm::Ed25519Sha256,
        }
    }

    /// The public half as a record has it in `p=`: for RSA a SubjectPublicKeyInfo (RFC 6376 §3.6.1 with its erratum
    /// 3017), for Ed25519 the bare 32 octets (RFC 8463 §4).
    pub fn public_half(&self) -> Vec<u8> {
        match self.pair() {
            Pair::Rsa(pair) => subject_public_key_info(pair.public_key().as_ref()),
            Pair::Ed25519(pair) => pair.public_key().as_ref().to_vec(),
        }
    }
}

/// Only what anybody may know.
impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({}, …)", self.algorithm().as_str())
    }
}

impl Algorithm {
    /// The word in `a=`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RsaSha256 => "rsa-sha256",
            Self::Ed25519Sha256 => "ed25519-sha256",
        }
    }

    /// The word in `k=`.
    pub fn kind(self) -> &'static str {
        match self {
            Self::RsaSha256 => "rsa",
            Self::Ed25519Sha256 => "ed25519",
        }
    }
}

impl DkimKey {
    /// The name of the TXT record that publishes the public half (RFC 6376 §3.6.2.1).
    pub fn record_name(&self) -> String {
        format!("{}._domainkey.{}", self.selector, self.domain)
    }

    /// The value of that record, in one piece (RFC 6376 §3.6.1).
    pub fn record_value(&self) -> String {
        let kind = self.key.algorithm().kind();
        format!("v=DKIM1; k={kind}; p={}", BASE64.encode(&self.key.public_half()))
    }
}

/// A domain that can sign, in lower-case A-labels (RFC 6376 §3.5, `d=`); `None` for what is none.
pub fn signing_domain(text: &str) -> Option<String> {
    let domain = idna::domain_to_ascii_strict(text.trim()).ok()?;
    (domain.contains('.') && !domain.ends_with('.')).then_some(domain)
}

/// True when a signature of `domain` speaks for mail from `sender`: the same, or one above the other (RFC 9989 §4.4,
/// relaxed). Two domains below a third one may be aligned too, but only the DNS knows that.
pub fn is_aligned(domain: &str, sender: &str) -> bool {
    let is_below = |low: &str, high: &str| low.strip_suffix(high).is_some_and(|rest| rest.ends_with('.'));
    domain == sender || is_below(sender, domain) || is_below(domain, sender)
}

/// Puts an RSAPublicKey (RFC 8017 appendix A.1.1) into a SubjectPublicKeyInfo (RFC 5280 §4.1).
fn subject_public_key_info(key: &[u8]) -> Vec<u8> {
    // The identifier of rsaEncryption, with the NULL that belongs to it.
    const RSA_ENCRYPTION: [u8; 15] =
        [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    let mut bits = vec![0];
    bits.extend_from_slice(key);
    let mut inner = RSA_ENCRYPTION.to_vec();
    inner.extend(der(0x03, &bits));
    der(0x30, &inner)
}

/// A value of DER that is shorter than 64 KiB.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).expect("a key of 4096 bits has 526 octets").to_be_bytes();
    let mut out = match (high, low) {
        (0, 0..0x80) => vec![tag, low],
        (0, _) => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    out.extend_from_slice(content);
    out
}

#[cfg(test)]
mod tests {
    use super::{Selector, is_aligned};

    #[test]
    fn a_selector_is_a_name_that_the_dns_can_hold() {
        assert_eq!(Selector::parse(" T1 ").expect("right").as_str(), "t1");
        assert_eq!(Selector::parse("2024-11.news").expect("right").as_str(), "2024-11.news");
        let long = "a".repeat(64);
        for wrong in ["", ".", "a.", "a..b", "-a", "a-", "a_b", "a b", "é", "a;d=evil.example", "a\r\nb", &long] {
            assert!(Selector::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_domain_is_aligned_with_those_above_and_below_it() {
        for (domain, sender) in [
            ("example.org", "example.org"),
            ("example.org", "news.example.org"),
            ("news.example.org", "example.org"),
            ("a.b.example.org", "example.org"),
        ] {
            assert!(is_aligned(domain, sender), "{domain} {sender}");
        }
        for (domain, sender) in [
            ("example.org", "badexample.org"),
            ("badexample.org", "example.org"),
            ("example.net", "example.org"),
            ("mail.example.org", "news.example.org"),
            ("", "example.org"),
        ] {
            assert!(!is_aligned(domain, sender), "{domain} {sender}");
        }
    }
}
