//! New keys. What goes out is a private key in PEM, as `[[dkim]] key` takes it. It writes no file.

use data_encoding::BASE64;
use ring::rand::{SecureRandom, SystemRandom};
use rsa::pkcs8::{EncodePrivateKey, LineEnding};
use secrecy::SecretString;

use super::Algorithm;

/// What receivers must be able to verify (RFC 8301 §3.2), and small enough for a record of the DNS.
const RSA_BITS: usize = 2048;

/// What stands before the 32 octets of an Ed25519 key in PKCS#8 (RFC 8410 §7).
const ED25519_HEAD: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// Why there is no new key.
#[derive(Debug, thiserror::Error)]
#[error("cannot make a key: {0}")]
pub struct FreshError(String);

/// A new key in PEM (PKCS#8). An RSA key takes some tenths of a second.
///
/// # Errors
/// The system has no random numbers for us.
pub fn fresh_key(algorithm: Algorithm) -> Result<SecretString, FreshError> {
    match algorithm {
        Algorithm::RsaSha256 => {
            let key =
                rsa::PrivateKey::new(&mut rand::rng(), RSA_BITS).map_err(|error| FreshError(error.to_string()))?;
            let pem = key.to_pkcs8_pem(LineEnding::LF).map_err(|error| FreshError(error.to_string()))?;
            Ok(pem.as_str().into())
        }
        Algorithm::Ed25519Sha256 => {
            let mut der = [0; ED25519_HEAD.len() + 32];
            let (head, seed) = der.split_at_mut(ED25519_HEAD.len());
            head.copy_from_slice(&ED25519_HEAD);
            let no_random = |_| FreshError("the system has no random numbers".to_owned());
            SystemRandom::new().fill(seed).map_err(no_random)?;
            let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", BASE64.encode(&der));
            Ok(pem.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::fresh_key;
    use crate::domain::dkim::{Algorithm, PrivateKey};

    #[test]
    fn a_new_key_signs_as_it_was_asked_to_and_is_another_each_time() {
        for algorithm in [Algorithm::RsaSha256, Algorithm::Ed25519Sha256] {
            let [one, other] = [(), ()].map(|()| {
                let pem = fresh_key(algorithm).expect("a key");
                PrivateKey::from_pem(pem.expose_secret()).expect("a key that will do")
            });
            assert_eq!(one.algorithm(), algorithm);
            assert_ne!(one.public_half(), other.public_half());
        }
    }
}
