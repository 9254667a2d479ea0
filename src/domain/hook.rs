//! A hook: a URL at which a mail provider tells us of bounces and complaints, and how we know that it is that provider.
//! Texts of the configuration come in; what goes out was found fit. Nothing here verifies a request, and no secret prints.

use data_encoding::BASE64;
use secrecy::SecretString;

use super::slug::Slug;

/// One hook.
#[derive(Clone, Debug)]
pub struct Hook {
    /// Its name in the URL.
    pub name: Slug,
    /// Who speaks there.
    pub provider: Provider,
}

/// A mail provider, and what proves that a request is its own.
#[derive(Clone, Debug)]
pub enum Provider {
    /// Amazon SES, which speaks through a topic of Amazon SNS. Each message of SNS is signed.
    Ses {
        /// The only topic that is heard.
        topic: Topic,
    },
    /// Postmark, which logs in (RFC 7617).
    Postmark {
        /// The user's name; it has no colon.
        user: String,
        /// The password.
        password: SecretString,
    },
    /// SendGrid, which signs each request.
    SendGrid {
        /// What verifies its signatures.
        key: EventKey,
    },
    /// Mailgun, which signs a time and a token.
    Mailgun {
        /// What it signs with, and we verify with.
        key: SecretString,
    },
}

/// A topic of Amazon SNS, by its ARN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    arn: String,
    host: String,
}

/// A public key on the curve P-256, as an uncompressed point (SEC 1 §2.3.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventKey([u8; POINT]);

/// Why a text is no ARN of a topic.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the ARN of an SNS topic")]
pub struct TopicError;

/// Why a text is no key of SendGrid's.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a public key on the curve P-256")]
pub struct EventKeyError;

/// The octets of an uncompressed point.
const POINT: usize = 65;

/// What stands before the point in a SubjectPublicKeyInfo (RFC 5480 §2): the algorithm, the curve and the lengths, the
/// same for every key on P-256.
const BEFORE_THE_POINT: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

impl Topic {
    /// Reads an ARN, such as `arn:aws:sns:us-east-1:123456789012:bounces`.
    ///
    /// # Errors
    /// Another text, or a FIFO topic, which speaks to no URL.
    pub fn parse(text: &str) -> Result<Self, TopicError> {
        let arn = text.trim();
        let parts: Vec<&str> = arn.split(':').collect();
        let ["arn", partition, "sns", region, account, name] = parts[..] else { return Err(TopicError) };
        let suffix = match partition {
            "aws" | "aws-us-gov" => "amazonaws.com",
            "aws-cn" => "amazonaws.com.cn",
            _ => return Err(TopicError),
        };
        let is_word = |text: &str, also: &[u8]| {
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || also.contains(&byte))
        };
        let is_region = is_word(region, b"-") && !region.starts_with('-') && !region.ends_with('-');
        let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        if !is_region || !is_account || !is_word(name, b"-_") {
            return Err(TopicError);
        }
        Ok(Self { arn: arn.to_owned(), host: format!("sns.{}.{suffix}", region.to_ascii_lowercase()) })
    }

    /// Its ARN.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// The host that speaks for it: that of SNS in its own region.
    pub fn host(&self) -> &str {
        &self.host
    }
}

impl EventKey {
    /// Reads a key as SendGrid shows it: a SubjectPublicKeyInfo in base64 on one line.
    ///
    /// # Errors
    /// Another text, or a key of another kind.
    pub fn parse(text: &str) -> Result<Self, EventKeyError> {
        let der = BASE64.decode(text.trim().as_bytes()).map_err(|_| EventKeyError)?;
        let point = der.strip_prefix(&BEFORE_THE_POINT).ok_or(EventKeyError)?;
        let point: [u8; POINT] = point.try_into().map_err(|_| EventKeyError)?;
        // The one form of a point that those who verify take.
        if point[0] == 4 { Ok(Self(point)) } else { Err(EventKeyError) }
    }

    /// The point.
    pub fn point(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::{BASE64, BEFORE_THE_POINT, EventKey, Topic};

    #[test]
    fn a_topic_names_the_host_that_speaks_for_it() {
        for (arn, host) in [
            ("arn:aws:sns:us-east-1:123456789012:bounces", "sns.us-east-1.amazonaws.com"),
            (" arn:aws-cn:sns:cn-north-1:123456789012:b_1-x ", "sns.cn-north-1.amazonaws.com.cn"),
            ("arn:aws-us-gov:sns:us-gov-west-1:123456789012:b", "sns.us-gov-west-1.amazonaws.com"),
        ] {
            let topic = Topic::parse(arn).expect("an ARN");
            assert_eq!((topic.arn(), topic.host()), (arn.trim(), host));
        }
    }

    #[test]
    fn what_is_no_topic_is_refused() {
        for wrong in [
            "",
            "bounces",
            "arn:aws:sqs:us-east-1:123456789012:bounces",
            "arn:other:sns:us-east-1:123456789012:bounces",
            "arn:aws:sns:evil.example/:123456789012:bounces",
            "arn:aws:sns:us-east-1.evil:123456789012:bounces",
            "arn:aws:sns::123456789012:bounces",
            "arn:aws:sns:-:123456789012:bounces",
            "arn:aws:sns:us-east-1:12345678901:bounces",
            "arn:aws:sns:us-east-1:123456789012:",
            "arn:aws:sns:us-east-1:123456789012:bounces.fifo",
            "arn:aws:sns:us-east-1:123456789012:bounces:e7",
        ] {
            assert!(Topic::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_key_is_a_point_on_p256_and_nothing_else() {
        let der = |point: &[u8]| BASE64.encode(&[&BEFORE_THE_POINT[..], point].concat());
        let point = [&[4][..], &[7; 64]].concat();
        assert_eq!(EventKey::parse(&format!(" {}\n", der(&point))).expect("a key").point(), point);
        let compressed = [&[2][..], &[7; 64]].concat();
        for wrong in [der(&point[..64]), der(&compressed), der(&[]), BASE64.encode(&point), "?".into(), String::new()] {
            assert!(EventKey::parse(&wrong).is_err(), "{wrong}");
        }
    }
}
